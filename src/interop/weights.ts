import { CheckpointError } from '../errors/errors.js';
import type { ByteSource } from '../files/byte-source.js';
import { verifyChecksum } from '../files/checksum.js';
import { withFile } from '../files/file-source.js';
import { headOf, refuseForeign } from './foreign-file.js';
import { floats } from './numbers.js';
import { unwrap } from './prefixes.js';
import { openLegacyPytorch, openPytorch } from './pytorch/index.js';
import { openSafetensors } from './safetensors/index.js';
import type { TensorFile } from './tensor-file.js';

/** An array of weights: row-major values and their shape. */
export interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array;
}

/** All weights of a file, in the form that `loadStateDict` accepts. */
export interface Weights {
  /** Format, for messages: "a PyTorch file". */
  readonly format: string;
  readonly tensors: Map<string, Weight>;
  /** Metadata strings of the file. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Messages for the user: the entry of the file that holds the weights, removed prefixes. */
  readonly notes: readonly string[];
}

/** Prefix of the weights in our checkpoints, which also hold momentum. */
const OURS = 'model.';
const MOMENTUM = 'momentum.';
/** Format tag in the metadata of our checkpoints. */
const CHECKPOINT = 'paperweight-checkpoint';

/**
 * Opens a file of weights: safetensors, PyTorch's zip format (.pt, .pth), PyTorch's older format, or one of our
 * checkpoints. The format is detected from the content, not the name. Only the list of arrays is read; no code in the
 * file is run.
 *
 * @throws CheckpointError for other formats and damaged files, with the reason
 */
export async function openWeights(source: ByteSource): Promise<TensorFile> {
  const first = await headOf(source);
  // Byte 8 of a safetensors file is always "{"; its length before that could begin with anything.
  if (first[8] !== 0x7b || (first[7] ?? 1) !== 0) {
    if (startsWith(first, 'PK\x03\x04')) return openPytorch(source);
    if (first[0] === 0x80 && first[1]! >= 2 && first[1]! <= 5) return openLegacyPytorch(source);
    refuseForeign(source.name, first, EXPECTED);
    throw new CheckpointError({
      what: `${source.name} cannot be read as weights`,
      expected: EXPECTED,
      got: `${source.size} bytes of an unknown format, which begin with ${hex(first.subarray(0, 8))}`,
      next: 'check the path, or fetch or write the file again',
    });
  }
  return openOwn(source);
}

const EXPECTED = 'a .safetensors file, or a .pth, .pt or .ckpt file that torch.save wrote';

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');

const startsWith = (first: Uint8Array, bytes: string): boolean =>
  [...bytes].every((character, i) => first[i] === character.charCodeAt(0));

async function openOwn(source: ByteSource): Promise<TensorFile> {
  const file = await openSafetensors(source);
  const { metadata } = file;
  const names = [...file.tensors.keys()];
  const own = names.filter((name) => name.startsWith(OURS));
  if (own.length > 0 && names.some((name) => name.startsWith(MOMENTUM) || metadata.format === CHECKPOINT)) {
    return {
      format: 'a checkpoint',
      tensors: new Map(own.map((name) => [name.slice(OURS.length), file.tensors.get(name)!])),
      metadata,
      checksummed: true,
      notes: [],
      read: (name) => file.read(OURS + name),
    };
  }
  const { tensors, notes } = unwrap(source.name, file.tensors);
  return {
    format: 'a safetensors file',
    tensors,
    metadata,
    checksummed: true,
    notes,
    read: (name) => file.read(tensors.get(name)?.name ?? name),
  };
}

/**
 * Reads all weights of a file in any format of {@link openWeights}. 16-bit floats become float32, exactly.
 *
 * @throws CheckpointError that names the file and the fault
 * @example
 * model.loadStateDict((await readWeights('model.pth')).tensors);
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
