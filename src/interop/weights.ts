import { CheckpointError } from '../errors/errors.js';
import { type ByteSource, withFile } from '../files/byte-source.js';
import { verifyChecksum } from '../files/checksum.js';
import { floats } from './numbers.js';
import { openLegacyPytorch, openPytorch } from './pytorch/index.js';
import { unwrap } from './pytorch/state-dict.js';
import { openSafetensors } from './safetensors/index.js';
import type { TensorFile } from './tensor-file.js';

/** One array of weights: row-major numbers and their shape. */
export interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array;
}

/** All weights of a file, as `loadStateDict` takes them. */
export interface Weights {
  /** What the file is, for people: "a PyTorch file". */
  readonly format: string;
  readonly tensors: Map<string, Weight>;
  /** Texts that the file keeps beside its tensors. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What had to be found out: where in the file the weights are, which names were shortened. */
  readonly notes: readonly string[];
}

/** What begins every name of the weights in our checkpoints, beside momentum. */
const OURS = 'model.';

/** First bytes of formats that people may take for one of ours, and what they are. */
const OTHERS: readonly (readonly [at: number, bytes: string, what: string])[] = [
  [257, 'ustar', 'a tar file, as PyTorch wrote before version 0.2'],
  [0, '\x89HDF', 'an HDF5 file, as Keras writes'],
  [0, 'GGUF', 'a GGUF file'],
  [0, '\x1f\x8b', 'a gzip file'],
  [0, '\x93NUMPY', 'an array of NumPy'],
];

/**
 * Opens a file of weights, whatever its name is: safetensors, PyTorch's zip form (.pt, .pth), the form before it,
 * or one of our checkpoints. Only the list is read; arrays come one by one. Nothing in a file is run.
 *
 * @throws CheckpointError for anything else, and for files that are broken, with the reason
 */
export async function openWeights(source: ByteSource): Promise<TensorFile> {
  const first = new Uint8Array(Math.min(source.size, 512));
  await source.read(first, 0);
  const begins = (bytes: string, at = 0) =>
    [...bytes].every((character, i) => first[at + i] === character.charCodeAt(0));
  // Byte 8 of a safetensors file is always "{"; its length before that could begin with anything.
  if (first[8] !== 0x7b) {
    if (begins('PK\x03\x04')) return openPytorch(source);
    if (first[0] === 0x80 && first[1]! >= 2 && first[1]! <= 5) return openLegacyPytorch(source);
    const other = OTHERS.find(([at, bytes]) => begins(bytes, at));
    if (other)
      throw new CheckpointError({
        what: `${source.name} cannot be read as weights`,
        expected: 'a .safetensors file, or a .pth or .pt file of PyTorch',
        got: other[2],
        next: 'save the weights as one of those',
      });
  }
  return openOwn(source);
}

async function openOwn(source: ByteSource): Promise<TensorFile> {
  const file = await openSafetensors(source);
  const { metadata } = file;
  const own = [...file.tensors.keys()].filter((name) => name.startsWith(OURS));
  if (own.length > 0) {
    const checkpoint = own.length < file.tensors.size;
    return {
      format: checkpoint ? 'a checkpoint' : 'a safetensors file',
      tensors: new Map(own.map((name) => [name.slice(OURS.length), file.tensors.get(name)!])),
      metadata,
      checksummed: true,
      notes: checkpoint ? [] : [`names without their prefix "${OURS}"`],
      read: (name) => file.read(OURS + name),
    };
  }
  const { tensors, removed } = unwrap(file.tensors);
  return {
    format: 'a safetensors file',
    tensors,
    metadata,
    checksummed: true,
    notes: removed === '' ? [] : [`names without their prefix "${removed}"`],
    read: (name) => file.read(removed + name),
  };
}

/**
 * Reads all weights of a file: see {@link openWeights} for which. 16-bit floats become float32, which holds them
 * exactly.
 *
 * @throws CheckpointError that names the file and what is wrong
 * @example
 * model.loadStateDict((await readWeights('alexnet.pth')).tensors);
 */
export async function readWeights(file: string): Promise<Weights> {
  return withFile(file, async (source) => {
    const opened = await openWeights(source);
    if (opened.checksummed) await verifyChecksum(file);
    const tensors = new Map<string, Weight>();
    for (const name of opened.tensors.keys()) {
      const array = await opened.read(name);
      tensors.set(name, { shape: array.shape, data: floats(array) });
    }
    const { format, metadata, notes } = opened;
    return { format, metadata, notes, tensors };
  });
}
