import { CheckpointError } from '../../errors/errors.js';
import type { ByteSource } from '../../files/byte-source.js';

/** An entry of a zip archive's directory. */
interface Listed {
  readonly name: string;
  readonly method: number;
  readonly flags: number;
  readonly packed: number;
  readonly size: number;
  /** Offset of its local header. */
  readonly header: number;
}

/** Position of a record's bytes. */
export interface ZipRecord {
  readonly name: string;
  readonly begin: number;
  readonly size: number;
}

/** An open zip archive of uncompressed records. */
export interface Zip {
  /** Size of each record in bytes, in directory order. */
  readonly records: ReadonlyMap<string, { readonly size: number }>;
  /** @throws CheckpointError for a record that is missing, compressed, encrypted or not where the directory says */
  find(name: string): Promise<ZipRecord>;
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
/** Size of the end record without its comment, and maximum size of the comment. */
const END_BYTES = 22;
const MAX_COMMENT = 0xffff;
/** Maximum size of the directory; it takes about 100 bytes per tensor. */
const MAX_DIRECTORY = 2 ** 26;
/** Values that mean that the number is in the zip64 field instead. */
const [IN_64_16, IN_64_32] = [0xffff, 0xffffffff];

/**
 * Opens a zip archive (PKWARE's APPNOTE 6.3, with zip64), as far as PyTorch uses the format. Checksums are not verified:
 * `torch.save` may leave them out, and `torch.load` ignores them.
 *
 * @throws CheckpointError for a damaged directory
 */
export async function openZip(source: ByteSource): Promise<Zip> {
  const broken = (what: string, got?: string) =>
    new CheckpointError({
      what: `${source.name} is not a complete zip file: ${what}`,
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
          expected: 'uncompressed records, as torch.save writes them',
          got: `${name} compressed by method ${entry.method}`,
          next: 'unpack it and pack it without compression (zip -0), or save it from PyTorch again',
        });
      const header = await at(entry.header, 30, `the header of ${name}`);
      if (header.getUint32(0, true) !== LOCAL) throw broken(`the header of ${name} is missing`);
      const own = header.getUint16(26, true);
      const bytes = await at(entry.header + 30, own, `the name of ${name}`);
      if (decode(bytes) !== name) throw broken(`${name} has a different name in its header`);
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

/** Locates the directory by the end record, searched from the end of the file, or by its zip64 counterpart. */
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
  if (end < 0) throw broken('its directory is missing, as in a truncated file');
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
  if (end64.getUint32(0, true) !== END64) throw broken('its zip64 end is missing');
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
      throw broken('its directory is truncated', `${i} of ${count} records`);
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((o) =>
      view.getUint16(at + o, true),
    ) as [number, number, number];
    const end = at + 46 + nameLength + extraLength + commentLength;
    if (end > view.byteLength) throw broken('its directory is truncated', `${i} of ${count} records`);
    const part = (from: number, length: number) => new DataView(view.buffer, view.byteOffset + from, length);
    const name = decode(part(at + 46, nameLength));
    const wide = wideNumbers(part(at + 46 + nameLength, extraLength));
    // Only the values that do not fit are in the field, in this order.
    const number = (offset: number): number => {
      const short = view.getUint32(at + offset, true);
      if (short !== IN_64_32) return short;
      const long = wide.shift();
      if (long === undefined) throw broken(`${name} lacks its zip64 sizes`);
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

/** The values of a record's zip64 field (extra field 1). */
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
