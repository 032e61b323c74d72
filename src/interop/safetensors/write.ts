import { isInteger, shown } from '../../errors/arguments.js';
import { CheckpointError } from '../../errors/errors.js';
import { checkEndianness } from '../../files/byte-source.js';
import {
  ARRAYS,
  checkWhole,
  countOf,
  type FileArray,
  type NumberFormat,
  viewBytes,
  widthOf,
} from '../numbers.js';
import { MAX_HEADER } from './header.js';

/** An array whose bytes are produced in chunks during writing, so that it need not be in memory as a whole. */
export interface ArraySource {
  dtype: NumberFormat;
  shape: number[];
  pieces: () => AsyncIterable<Uint8Array>;
}

function checkTensor(name: string, tensor: FileArray | ArraySource): void {
  const { dtype, shape } = (tensor ?? {}) as FileArray | ArraySource;
  const problem = (expected: string, got: string) =>
    new CheckpointError({ what: `tensor "${name}" cannot be saved`, expected, got });
  if (name === '__metadata__') throw problem('a name that is not reserved by the format', name);
  const Kind = ARRAYS[dtype];
  if (!Kind) throw problem(`a dtype of ${Object.keys(ARRAYS).join(', ')}`, String(dtype));
  if (!Array.isArray(shape) || !shape.every((n) => isInteger(n))) {
    throw problem('a shape of whole numbers', shown(shape));
  }
  if ('pieces' in tensor) return;
  const { data } = tensor;
  if (!(data instanceof Kind)) throw problem(`a ${Kind.name} for ${dtype}`, shown(data));
  const count = countOf(tensor);
  if (count !== data.length) throw problem(`${count} numbers for shape [${shape}]`, `${data.length} numbers`);
}

/**
 * The bytes of a .safetensors file, as chunks for `writeFileAtomic`. Equal input gives equal bytes; the order of the map
 * does not matter.
 *
 * @param tensors by name; their data must not change until the last chunk is consumed
 * @param metadata strings to store beside the tensors
 * @throws CheckpointError if the shape, dtype and data of a tensor disagree
 */
export function safetensorsPieces(
  tensors: ReadonlyMap<string, FileArray | ArraySource>,
  metadata: Readonly<Record<string, string>> = {},
): AsyncIterable<Uint8Array> {
  checkEndianness();
  for (const [name, tensor] of tensors) checkTensor(name, tensor);
  const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  // Widest dtypes first: the format allows no gaps, so this order keeps all tensors aligned.
  const sorted = [...tensors].sort(
    ([nameA, a], [nameB, b]) => widthOf(b) - widthOf(a) || byText(nameA, nameB),
  );

  // Join members as text: an object would mishandle names like "__proto__" and "0".
  const member = (key: string, value: string) => `${JSON.stringify(key)}:${value}`;
  const members: string[] = [];
  const notes = Object.entries(metadata).sort(([a], [b]) => byText(a, b));
  for (const [key, value] of notes) {
    if (typeof value === 'string') continue;
    throw new CheckpointError({
      what: `metadata "${key}" cannot be saved`,
      expected: 'a string',
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
  const header = new TextEncoder().encode(`{${members.join(',')}}`);
  const padded = Math.ceil(header.length / 8) * 8;
  if (padded > MAX_HEADER) {
    throw new CheckpointError({
      what: 'the header of a safetensors file of these tensors would be too long',
      expected: `at most ${MAX_HEADER} bytes`,
      got: `${padded} bytes`,
    });
  }
  const start = new Uint8Array(8 + padded).fill(SPACE);
  new DataView(start.buffer).setBigUint64(0, BigInt(padded), true);
  start.set(header, 8);

  return allPieces(start, sorted);
}

const SPACE = 0x20;

type Writable = FileArray | ArraySource;

async function* allPieces(start: Uint8Array, tensors: readonly (readonly [string, Writable])[]) {
  yield start;
  for (const [name, tensor] of tensors) {
    if ('data' in tensor) {
      yield viewBytes(tensor.data);
      continue;
    }
    let left = countOf(tensor) * widthOf(tensor);
    for await (const piece of tensor.pieces()) {
      left -= piece.byteLength;
      yield piece;
    }
    checkWhole(`tensor "${name}"`, left);
  }
}
