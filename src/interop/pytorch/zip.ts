import { CheckpointError } from '../../errors/errors.js';
import type { ByteSource } from '../../files/byte-source.js';

/** A file in a zip archive, as the archive's directory lists it. */
interface Listed {
  readonly name: string;
  readonly method: number;
  readonly flags: number;
  readonly packed: number;
  readonly size: number;
  /** Where its own header begins. */
  readonly header: number;
}

/** Where a record's bytes are. */
export interface ZipRecord {
  readonly name: string;
  readonly begin: number;
  readonly size: number;
}

/** An open zip archive of records that are stored as they are. */
export interface Zip {
  /** Sizes of the records, in the directory's order. */
  readonly records: ReadonlyMap<string, { readonly size: number }>;
  /** @throws CheckpointError for a record that is missing, packed or not where the directory says */
  find(name: string): Promise<ZipRecord>;
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
/** Bytes of the end record without its comment, and of the longest comment. */
const END_BYTES = 22;
const MAX_COMMENT = 0xffff;
/** A directory beyond this is no file of weights: 100 bytes or so for each tensor. */
const MAX_DIRECTORY = 2 ** 26;
/** In 16 and 32 bits: the number is in the zip64 field instead. */
const [IN_64_16, IN_64_32] = [0xffff, 0xffffffff];

/**
 * Opens a zip archive (PKWARE's APPNOTE 6.3, with zip64) as far as PyTorch uses the format. Checksums are not
 * compared: `torch.save` can be told to leave them out, and `torch.load` ignores them.
 *
 * @throws CheckpointError for a file whose directory is broken
 */
export async function openZip(source: ByteSource): Promise<Zip> {
  const broken = (what: string, got?: string) =>
    new CheckpointError({
      what: `${source.name} is not a whole zip file: ${what}`,
      ...(got === undefined ? {} : { got }),
      next: 'fetch or write the file again',
    });
  const at = async (position: number, length: number, what: string): Promise<DataView> => {
    if (position < 0 || position + length > source.size)
      throw broken(
        `${what} lies outside of it`,
        `bytes ${position} to ${position + length} of ${source.size}`,
      );
    const bytes = new Uint8Array(length);
    await source.read(bytes, position);
    return new DataView(bytes.buffer);
  };
  const { begin, length, count } = await directoryOf(source, at, broken);
  if (length > MAX_DIRECTORY) throw broken('its directory is too long', `${length} bytes`);
  const entries = list(await at(begin, length, 'its directory'), count, broken);

  return {
    records: new Map([...entries].map(([name, { size }]) => [name, { size }])),
    async find(name) {
      const entry = entries.get(name);
      if (!entry) throw broken(`it has no record ${name}`);
      if ((entry.flags & 1) !== 0) throw broken(`its record ${name} is encrypted`);
      if (entry.method !== 0 || entry.packed !== entry.size)
        throw new CheckpointError({
          what: `${source.name} is a compressed zip file`,
          expected: 'records stored as they are, as torch.save writes them',
          got: `${name} packed by method ${entry.method}`,
          next: 'unpack it and pack it without compression (zip -0), or save it from PyTorch again',
        });
      const header = await at(entry.header, 30, `the header of ${name}`);
      if (header.getUint32(0, true) !== LOCAL) throw broken(`the header of ${name} is not there`);
      const own = header.getUint16(26, true);
      const bytes = await at(entry.header + 30, own, `the name of ${name}`);
      if (decode(bytes) !== name) throw broken(`${name} has another name in its header`);
      const data = entry.header + 30 + own + header.getUint16(28, true);
      if (data + entry.size > source.size)
        throw broken(`${name} ends beyond it`, `${entry.size} bytes from byte ${data} of ${source.size}`);
      return { name, begin: data, size: entry.size };
    },
  };
}

type Broken = (what: string, got?: string) => CheckpointError;
type At = (position: number, length: number, what: string) => Promise<DataView>;

const decode = ({ buffer, byteOffset, byteLength }: DataView): string =>
  new TextDecoder().decode(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength));

/** Where the directory is: the end record, searched from the file's end, or the zip64 one that it points to. */
async function directoryOf(
  { size }: ByteSource,
  at: At,
  broken: Broken,
): Promise<{ begin: number; length: number; count: number }> {
  const from = Math.max(0, size - END_BYTES - MAX_COMMENT);
  const tail = await at(from, size - from, 'its end');
  let end = tail.byteLength - END_BYTES;
  const isEnd = () =>
    tail.getUint32(end, true) === END && tail.getUint16(end + 20, true) === tail.byteLength - end - END_BYTES;
  while (end >= 0 && !isEnd()) end--;
  if (end < 0) throw broken('its directory is missing, as in a file that was cut short');
  if (tail.getUint16(end + 4, true) !== tail.getUint16(end + 6, true)) throw broken('it has several parts');
  const [count, length, begin] = [
    tail.getUint16(end + 10, true),
    tail.getUint32(end + 12, true),
    tail.getUint32(end + 16, true),
  ];
  if (count !== IN_64_16 && length !== IN_64_32 && begin !== IN_64_32) return { begin, length, count };
  const locator = from + end - 20;
  if (locator < 0) return { begin, length, count };
  const pointer = await at(locator, 20, 'its zip64 locator');
  if (pointer.getUint32(0, true) !== LOCATOR64) return { begin, length, count };
  const end64 = await at(Number(pointer.getBigUint64(8, true)), 56, 'its zip64 end');
  if (end64.getUint32(0, true) !== END64) throw broken('its zip64 end is not there');
  const [count64, length64, begin64] = [32, 40, 48].map((i) => Number(end64.getBigUint64(i, true))) as [
    number,
    number,
    number,
  ];
  return { begin: begin64, length: length64, count: count64 };
}

function list(view: DataView, count: number, broken: Broken): Map<string, Listed> {
  const entries = new Map<string, Listed>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > view.byteLength || view.getUint32(at, true) !== CENTRAL)
      throw broken('its directory is cut short', `${i} of ${count} records`);
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((o) =>
      view.getUint16(at + o, true),
    ) as [number, number, number];
    const end = at + 46 + nameLength + extraLength + commentLength;
    if (end > view.byteLength) throw broken('its directory is cut short', `${i} of ${count} records`);
    const part = (from: number, length: number) => new DataView(view.buffer, view.byteOffset + from, length);
    const name = decode(part(at + 46, nameLength));
    const wide = wideNumbers(part(at + 46 + nameLength, extraLength));
    // In this order, and only those that do not fit.
    const number = (offset: number): number => {
      const short = view.getUint32(at + offset, true);
      if (short !== IN_64_32) return short;
      const long = wide.shift();
      if (long === undefined) throw broken(`${name} misses its zip64 sizes`);
      return long;
    };
    const [size, packed, header] = [number(24), number(20), number(42)];
    if (entries.has(name)) throw broken(`it has ${name} twice`);
    entries.set(name, {
      name,
      flags: view.getUint16(at + 8, true),
      method: view.getUint16(at + 10, true),
      ...{ size, packed, header },
    });
    at = end;
  }
  return entries;
}

/** The numbers of a record's zip64 field (extra field 1). */
function wideNumbers(extra: DataView): number[] {
  for (let at = 0; at + 4 <= extra.byteLength; ) {
    const length = extra.getUint16(at + 2, true);
    if (extra.getUint16(at, true) === 1) {
      const numbers: number[] = [];
      for (let i = at + 4; i + 8 <= Math.min(at + 4 + length, extra.byteLength); i += 8)
        numbers.push(Number(extra.getBigUint64(i, true)));
      return numbers;
    }
    at += 4 + length;
  }
  return [];
}
