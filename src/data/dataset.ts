import { DataError, UsageError } from '../errors/errors.js';
import type { ImageRules } from './images/rules.js';
import type { IterableSet, SampleSet } from './samples/sample.js';
import type { WorkerSpec } from './worker-spec.js';

export type { WorkerSpec } from './worker-spec.js';

/**
 * Label of an image that cannot be decoded; metrics leave such images out. The value is unlikely to occur by mistake,
 * unlike -1.
 */
export const UNREADABLE = -(2 ** 31);

/** Labelled images of one size, read by index. */
export interface Dataset {
  readonly name: string;
  /** Number of images. */
  readonly length: number;
  /** The name of each class; a label is an index into it. */
  readonly classes: readonly string[];
  readonly imageShape: readonly [channels: number, height: number, width: number];
  /**
   * Copies image `index` to `into` at `offset`, as channels × height × width bytes (0 to 255).
   *
   * @returns the image's label
   */
  read(index: number, into: Uint8Array, offset: number): number;
  /**
   * Asynchronous variant of `read`, for data sets that decode files: writes the images `indices` one after another to
   * `into`, and their labels to `labels`. Used instead of `read` if present.
   */
  readMany?(indices: ArrayLike<number>, into: Uint8Array, labels: Int32Array): Promise<void>;
  /** For data sets of image files: the same images, cropped and oriented by the given rules. */
  prepared?(rules: ImageRules): Promise<Dataset>;
  /** Messages for the user about files that were skipped when the data set was opened. */
  readonly remarks?: readonly string[];
  /** The label of each image, if known without reading the images. */
  readonly labels?: Int32Array;
  /** Hexadecimal hash of the names, sizes, labels and order of the files. */
  fingerprint?(): Promise<string>;
  /** For images that are computed: what determines them, so that they need not be drawn to compare two sets. */
  contents?(): string;
  /** Summary of images that could not be read, printed at the end of a run; undefined if there were none. */
  summary?(): string | undefined;
  /** How worker threads open the data set; without it they cannot. */
  readonly workerSpec?: WorkerSpec;
}

/** Labelled images of floats as a network gets them, usually in [0, 1]; `toTensor` leaves them as they are. */
export interface FloatDataset extends Omit<Dataset, 'read' | 'readMany' | 'prepared'> {
  readonly dtype: 'float32';
  /** Like `read` of a {@link Dataset}, with floats. */
  read(index: number, into: Float32Array, offset: number): number;
  readMany?(indices: ArrayLike<number>, into: Float32Array, labels: Int32Array): Promise<void>;
}

/** A data set of any kind. */
export type AnySet = Dataset | FloatDataset | SampleSet<unknown> | IterableSet<unknown>;

/** The names of the classes of a data set; none for one without. */
export const classesOf = (set: AnySet): readonly string[] => ('classes' in set ? set.classes : []);

/** A set of labelled images; undefined for one of other samples. */
export const imagesIn = (set: AnySet): Dataset | undefined =>
  'imageShape' in set ? (set as Dataset) : undefined;

export const isFloatSet = (set: object): boolean => (set as Partial<FloatDataset>).dtype === 'float32';

/** @throws UsageError unless `index` is an integer from 0 to `length - 1` */
export function checkIndex(dataset: { name: string; length: number }, index: number, item = 'image'): void {
  if (Number.isInteger(index) && index >= 0 && index < dataset.length) return;
  throw new UsageError({
    what: `${dataset.name} has no ${item} ${index}`,
    expected: `an index from 0 to ${dataset.length - 1}`,
    got: String(index),
  });
}

/**
 * Opens a data set from its {@link WorkerSpec}.
 *
 * @throws DataError if the module has no such function
 */
export async function openAnySpec(spec: WorkerSpec): Promise<Dataset | SampleSet<unknown>> {
  const exports = (await import(spec.module)) as Record<string, unknown>;
  const factory = exports[spec.export];
  if (typeof factory !== 'function') {
    throw new DataError({
      what: `the data set cannot be opened in a worker thread: ${spec.module} exports no function "${spec.export}"`,
      next: 'export it, or use workers: 0',
    });
  }
  return (await factory(spec.options)) as Dataset | SampleSet<unknown>;
}

/** Like {@link openAnySpec}, for a data set of labelled images. */
export const openWorkerSpec = async (spec: WorkerSpec): Promise<Dataset> =>
  (await openAnySpec(spec)) as Dataset;
