import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkDataset } from '../data/check-dataset.js';
import { type Dataset, UNREADABLE } from '../data/dataset.js';
import { type ImageStatistics, ImageSums } from '../data/images/image-sums.js';
import type { ImageRules } from '../data/images/rules.js';
import { checkOptionNames, shown } from '../errors/arguments.js';
import { DataError, UsageError } from '../errors/errors.js';
import { diskError } from '../files/disk-error.js';
import { makeFolder } from '../files/make-folder.js';
import {
  readSafetensors,
  type SafetensorsArray,
  type SafetensorsFile,
  writeSafetensors,
} from '../interop/safetensors/checked.js';

/** A data set for which a pass over the images is expensive and its results are cached. */
export interface CountedSet extends Dataset {
  /** Folder for data computed from the images. */
  readonly cache: string;
  /** How image files are scaled, cropped and rotated, which affects the statistics. */
  readonly rules?: Pick<ImageRules, 'orientation'>;
  fingerprint(): Promise<string>;
  /** With `substitute` false, an image that cannot be read gets the label UNREADABLE. */
  readMany(
    indices: ArrayLike<number>,
    into: Uint8Array,
    labels: Int32Array,
    substitute?: boolean,
  ): Promise<void>;
}

export const isCounted = (set: Dataset): set is CountedSet => 'cache' in set && 'fingerprint' in set;

export interface StatisticsOptions {
  readonly onProgress?: (done: number, total: number) => void;
  /** Aborts the work; the progress is saved. */
  readonly signal?: AbortSignal;
  /** Number of images between saves; default 1024. */
  readonly saveEvery?: number;
  /** Number of images in memory at a time; default 64. */
  readonly chunk?: number;
}

/** Path of the cached sums; the name depends on the files of the data set. */
async function fileOf(set: CountedSet): Promise<string> {
  const fingerprint = await set.fingerprint();
  const upright = set.rules?.orientation === 'exif' ? 'upright-' : '';
  return join(set.cache, `statistics-${set.imageShape[1]}-${upright}${fingerprint.slice(0, 16)}.safetensors`);
}

/**
 * Computes the mean image and the principal components of the colours of a data set. Sums are cached on disk, so that
 * they are computed once and an interrupted computation continues exactly.
 *
 * @throws DataError if no image can be read; also whatever the data set throws
 */
export async function imageStatistics(
  set: CountedSet,
  options: StatisticsOptions = {},
): Promise<ImageStatistics> {
  checkOptionNames('imageStatistics', options, ['onProgress', 'signal', 'saveEvery', 'chunk']);
  checkDataset('imageStatistics', set);
  if (!isCounted(set))
    throw new UsageError({
      what: "imageStatistics keeps its sums in the data set's folder",
      expected: 'a data set with cache and fingerprint(), such as an ImageFolder',
      got: shown(set),
    });
  const { onProgress, signal, saveEvery = 1024, chunk = 64 } = options;
  const file = await fileOf(set);
  const { sums, next: start } = await load(file, set);
  const size = sums.bytes.length;
  const images = new Uint8Array(chunk * size);
  const labels = new Int32Array(chunk);
  let [next, saved] = [start, start];
  try {
    await makeFolder(set.cache);
  } catch (error) {
    throw diskError(error, `cannot make the folder ${set.cache}`, DataError);
  }
  try {
    while (next < set.length) {
      signal?.throwIfAborted();
      const indices = Int32Array.from({ length: Math.min(chunk, set.length - next) }, (_, i) => next + i);
      await set.readMany(indices, images, labels, false);
      for (let i = 0; i < indices.length; i++)
        if (labels[i] !== UNREADABLE) sums.add(images.subarray(i * size, (i + 1) * size));
      next += indices.length;
      onProgress?.(next, set.length);
      if (next - saved >= saveEvery) {
        await save(file, sums, next);
        saved = next;
      }
    }
  } finally {
    if (next > saved) await save(file, sums, next);
  }
  if (sums.count > 0) return sums.result();
  throw new DataError({ what: `no image of ${set.name} could be read` });
}

/** Progress of the cached statistics of a data set; computes nothing. */
export async function statisticsState(
  set: CountedSet,
): Promise<{ file: string; counted: number; unreadable: number }> {
  const file = await fileOf(set);
  const { sums, next } = await load(file, set);
  return { file, counted: next, unreadable: next - sums.count };
}

/** Name of the file with the statistics in a run's folder. */
export const STATISTICS = 'statistics.safetensors';

/**
 * Statistics of a data set, stored with the run that uses them: read from the file if it exists, so that a resumed run
 * uses identical values; otherwise computed and written.
 *
 * @throws DataError for a file with other contents; also whatever {@link imageStatistics} throws
 */
export async function keptStatistics(
  file: string,
  set: CountedSet,
  options: StatisticsOptions = {},
): Promise<ImageStatistics> {
  if (existsSync(file)) return readStatistics(file);
  const statistics = await imageStatistics(set, options);
  const { sums, next } = await load(await fileOf(set), set);
  await save(file, sums, next);
  return statistics;
}

/**
 * Reads a file of {@link keptStatistics}.
 * @throws DataError, CheckpointError
 */
export async function readStatistics(file: string): Promise<ImageStatistics> {
  const { tensors, metadata } = await readSafetensors(file);
  const [channels, height, width] = tensors.get('bytes')?.shape ?? [];
  const length = Number(metadata.next);
  const imageShape = [channels ?? 0, height ?? 0, width ?? 0] as const;
  const { sums } = await load(file, { imageShape, length });
  if (sums.count > 0 && channels === 3) return sums.result();
  throw strange(file);
}

async function save(file: string, { bytes, products, shape, count }: ImageSums, next: number) {
  const tensors = new Map<string, SafetensorsArray>([
    ['bytes', { dtype: 'F64', shape: [...shape], data: bytes }],
    ['products', { dtype: 'F64', shape: [products.length], data: products }],
  ]);
  await writeSafetensors(file, tensors, { count: String(count), next: String(next) });
}

async function load(file: string, set: Pick<Dataset, 'imageShape' | 'length'>) {
  if (existsSync(file)) return parseSums(file, set, await readSafetensors(file));
  return { sums: new ImageSums(set.imageShape), next: 0 };
}

/** The sums in a file, and the number of images. @throws DataError if it has other contents */
export function parseSums(
  file: string,
  { imageShape, length }: Pick<Dataset, 'imageShape' | 'length'>,
  { tensors, metadata }: SafetensorsFile,
): { sums: ImageSums; next: number } {
  const sums = new ImageSums(imageShape);
  const [bytes, products] = [tensors.get('bytes'), tensors.get('products')];
  const [count, next] = [Number(metadata.count), Number(metadata.next)];
  const fits =
    bytes?.dtype === 'F64' &&
    bytes.data.length === sums.bytes.length &&
    products?.dtype === 'F64' &&
    products.data.length === sums.products.length &&
    Number.isInteger(count) &&
    Number.isInteger(next) &&
    0 <= count &&
    count <= next &&
    next <= length;
  if (!fits) throw strange(file);
  sums.bytes.set(bytes.data);
  sums.products.set(products.data);
  sums.count = count;
  return { sums, next };
}

const strange = (file: string): DataError =>
  new DataError({
    what: `${file} does not hold the sums of these images`,
    expected: 'sums written by an earlier pass',
    got: 'other contents',
    next: 'delete it; it will be computed again',
  });
