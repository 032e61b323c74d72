import { type FileHandle, open } from 'node:fs/promises';
import { endianness } from 'node:os';
import type { ByteSource } from '../byte-source.js';
import { diskError } from '../disk-error.js';
import { CheckpointError } from '../errors.js';
import { writeFileAtomic } from './atomic.js';
import { type Entry, parseHeader } from './safetensors-header.js';

export type { SafetensorsDtype } from './safetensors-header.js';

/** One array of numbers in a safetensors file; `data` has as many numbers as the shape's product. */
export type SafetensorsArray =
  | { dtype: 'F32'; shape: number[]; data: Float32Array }
  | { dtype: 'F64'; shape: number[]; data: Float64Array }
  | { dtype: 'I32'; shape: number[]; data: Int32Array }
  | { dtype: 'U8'; shape: number[]; data: Uint8Array };

/** An array that is too large to be in memory as a whole: its bytes come in pieces when they are written. */
export interface SafetensorsSource {
  dtype: SafetensorsArray['dtype'];
  shape: number[];
  pieces: () => AsyncIterable<Uint8Array>;
}

/** What {@link readSafetensors} returns. */
export interface SafetensorsFile {
  /** In the order of the bytes in the file. */
  tensors: Map<string, SafetensorsArray>;
  metadata: Record<string, string>;
}

const ARRAYS = { F32: Float32Array, F64: Float64Array, I32: Int32Array, U8: Uint8Array };
/** The longest header that the format's own reader accepts, in bytes. */
const MAX_HEADER = 100_000_000;
const SLICE = 2 ** 26;

const CONVERT =
  'convert it with Python: `import torch, safetensors.torch as st; ' +
  "st.save_file({k: v.float().contiguous() for k, v in torch.load('model.pt', map_location='cpu', " +
  "weights_only=True).items()}, 'model.safetensors')`";

function checkEndianness(): void {
  if (endianness() === 'LE') return;
  throw new CheckpointError({ what: 'safetensors files are little-endian and this machine is not' });
}

function checkTensor(name: string, tensor: SafetensorsArray | SafetensorsSource): void {
  const { dtype, shape } = tensor;
  const problem = (expected: string, got: string) =>
    new CheckpointError({ what: `tensor "${name}" cannot be saved`, expected, got });
  if (name === '__metadata__') throw problem('a name that the format does not reserve', name);
  const Kind = ARRAYS[dtype];
  if (!Kind) throw problem(`a dtype of ${Object.keys(ARRAYS).join(', ')}`, String(dtype));
  if (!shape.every((n) => Number.isSafeInteger(n) && n >= 0)) {
    throw problem('a shape of whole numbers', `[${shape}]`);
  }
  if ('pieces' in tensor) return;
  const { data } = tensor;
  if (!(data instanceof Kind))
    throw problem(`a ${Kind.name} for ${dtype}`, (data as object).constructor.name);
  const count = countOf(tensor);
  if (count !== data.length) throw problem(`${count} numbers for shape [${shape}]`, `${data.length} numbers`);
}

/**
 * Writes a .safetensors file atomically. Equal input gives equal bytes, whatever the order of the map.
 *
 * @param tensors by name; their data must not change until the promise settles
 * @param metadata texts kept beside the tensors
 * @throws CheckpointError for a tensor whose shape, dtype and data disagree, or when the disk refuses
 */
export async function writeSafetensors(
  file: string,
  tensors: ReadonlyMap<string, SafetensorsArray | SafetensorsSource>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  checkEndianness();
  for (const [name, tensor] of tensors) checkTensor(name, tensor);
  const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  // Wide types first: the format allows no gaps, so this is what keeps every tensor aligned.
  const sorted = [...tensors].sort(
    ([nameA, a], [nameB, b]) => widthOf(b) - widthOf(a) || byText(nameA, nameB),
  );

  // Members are joined as text, because an object would mishandle names like "__proto__" and "0".
  const member = (key: string, value: string) => `${JSON.stringify(key)}:${value}`;
  const members: string[] = [];
  const notes = Object.entries(metadata).sort(([a], [b]) => byText(a, b));
  for (const [key, value] of notes) {
    if (typeof value === 'string') continue;
    throw new CheckpointError({
      what: `metadata "${key}" cannot be saved`,
      expected: 'a text',
      got: typeof value,
    });
  }
  if (notes.length > 0) {
    const inner = notes.map(([key, value]) => member(key, JSON.stringify(value)));
    members.push(member('__metadata__', `{${inner.join(',')}}`));
  }
  let offset = 0;
  for (const [name, tensor] of sorted) {
    const { dtype, shape } = tensor;
    const end = offset + countOf(tensor) * widthOf(tensor);
    members.push(member(name, JSON.stringify({ dtype, shape, data_offsets: [offset, end] })));
    offset = end;
  }
  const header = Buffer.from(`{${members.join(',')}}`);
  const padded = Math.ceil(header.length / 8) * 8;
  if (padded > MAX_HEADER) {
    throw new CheckpointError({
      what: `${file} would have too long a header`,
      expected: `at most ${MAX_HEADER} bytes`,
      got: `${padded} bytes`,
    });
  }
  const start = Buffer.alloc(8 + padded, ' ');
  start.writeBigUInt64LE(BigInt(padded), 0);
  header.copy(start, 8);

  await writeFileAtomic(file, allPieces(start, sorted));
}

type Writable = SafetensorsArray | SafetensorsSource;
const countOf = ({ shape }: Writable): number => shape.reduce((a, b) => a * b, 1);
const widthOf = ({ dtype }: Writable): number => ARRAYS[dtype].BYTES_PER_ELEMENT;

async function* allPieces(start: Uint8Array, tensors: readonly (readonly [string, Writable])[]) {
  yield start;
  for (const [name, tensor] of tensors) {
    if ('data' in tensor) {
      const { data } = tensor;
      yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      continue;
    }
    let left = countOf(tensor) * widthOf(tensor);
    for await (const piece of tensor.pieces()) {
      left -= piece.byteLength;
      yield piece;
    }
    // Otherwise every tensor behind it would lie elsewhere than the header says.
    if (left !== 0)
      throw new CheckpointError({ what: `tensor "${name}" cannot be saved`, got: `${left} bytes too few` });
  }
}

async function readInto(source: ByteSource, into: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const want = Math.min(SLICE, into.length - done);
    const { bytesRead } = await source.read(into, done, want, position + done);
    // The length was checked beforehand, so this is a file that shrank meanwhile.
    if (bytesRead === 0) throw new Error('the file ended early while it was read');
    done += bytesRead;
  }
}

/** Throws when the first bytes are those of another format that people keep weights in. */
function refuseOtherFormats(file: string, first: Uint8Array): void {
  // A header length could begin with the same bytes, but byte 8 of a safetensors file is always "{".
  if (first[8] === 0x7b) return;
  const zip = first[0] === 0x50 && first[1] === 0x4b;
  const pickle = first[0] === 0x80 && first[1]! >= 2 && first[1]! <= 5;
  if (!zip && !pickle) return;
  throw new CheckpointError({
    what: `${file} is not a safetensors file`,
    expected: 'a .safetensors file',
    got: zip
      ? 'a zip file, as PyTorch writes .pt and .pth'
      : 'a Python pickle, as older PyTorch writes .pt and .pth',
    next: CONVERT,
  });
}

function read<A extends SafetensorsArray['data']>(
  Kind: new (length: number) => A,
  source: ByteSource,
  { count, begin }: Entry,
  base: number,
): Promise<A> {
  const data = new Kind(count);
  const bytes = new Uint8Array(data.buffer, 0, data.byteLength);
  return readInto(source, bytes, base + begin).then(() => data);
}

/**
 * Reads a .safetensors file, and trusts nothing in it: header length, JSON, dtypes, shapes, and offsets that
 * cover the file without gap or overlap are all checked before any data is read.
 *
 * @throws CheckpointError that names the file and what is wrong; for a PyTorch .pt file it says how to convert
 */
export async function readSafetensors(file: string): Promise<SafetensorsFile> {
  checkEndianness();
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'r');
    return await parseSafetensors(file, handle, (await handle.stat()).size);
  } catch (error) {
    throw diskError(error, `cannot read ${file}`, CheckpointError);
  } finally {
    await handle?.close();
  }
}

/**
 * {@link readSafetensors} of bytes that lie anywhere.
 *
 * @param file what messages call it
 * @param size bytes of the whole
 */
export async function parseSafetensors(
  file: string,
  source: ByteSource,
  size: number,
): Promise<SafetensorsFile> {
  const first = new Uint8Array(Math.min(size, 16));
  await readInto(source, first, 0);
  refuseOtherFormats(file, first);
  const broken = (what: string, expected: string, got: string) =>
    new CheckpointError({
      what: `${file} is not a whole safetensors file: ${what}`,
      expected,
      got,
      next: 'fetch or write the file again',
    });
  if (size < 10) throw broken('it is too short', 'at least 10 bytes', `${size} bytes`);
  const length = Number(new DataView(first.buffer).getBigUint64(0, true));
  if (length < 2 || length > MAX_HEADER) {
    throw broken('its header length is impossible', `2 to ${MAX_HEADER} bytes`, `${length} bytes`);
  }
  if (8 + length > size) {
    throw broken('it ends inside its header', `at least ${8 + length} bytes`, `${size} bytes`);
  }
  const text = new Uint8Array(length);
  await readInto(source, text, 8);
  const base = 8 + length;
  const { entries, metadata } = parseHeader(file, text, size - base);

  const tensors = new Map<string, SafetensorsArray>();
  for (const entry of entries) {
    const { name, dtype, shape } = entry;
    const data = await read<SafetensorsArray['data']>(ARRAYS[dtype], source, entry, base);
    tensors.set(name, { dtype, shape, data } as SafetensorsArray);
  }
  return { tensors, metadata };
}
