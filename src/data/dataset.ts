import { DataError, UsageError } from '../errors/errors.js';
import type { ImageRules } from './images/rules.js';

/** How a worker thread opens its own view of a data set. */
export interface WorkerSpec {
  /** URL of an ES module, e.g. `import.meta.url`. */
  module: string;
  /** Name of an exported function: `(options) => Dataset | Promise<Dataset>`. */
  export: string;
  /** What the function gets; it must survive a structured clone (a SharedArrayBuffer is passed, not copied). */
  options: unknown;
}

/**
 * The label of an image that cannot be read; it counts neither for nor against a model. No label that is wrong by
 * accident, such as -1, is mistaken for it.
 */
export const UNREADABLE = -(2 ** 31);

/** Labelled images of one size, by index. */
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
   * Present on a set that decodes files, which `read` cannot wait for: copies the images `indices` one after
   * another to the start of `into`, and their labels to `labels`.
   */
  readMany?(indices: ArrayLike<number>, into: Uint8Array, labels: Int32Array): Promise<void>;
  /** Present on a set of files: the same images prepared by the rules of a run. */
  prepared?(rules: ImageRules): Promise<Dataset>;
  /** What was passed over when it was opened, for people. */
  readonly remarks?: readonly string[];
  /** The label of each image, where they are known without reading. */
  readonly labels?: Int32Array;
  /** Hexadecimal; changes with the names, the sizes, the labels or the order of the files. */
  fingerprint?(): Promise<string>;
  /** What went wrong while images were read, for the end of a run; undefined when nothing did. */
  summary?(): string | undefined;
  /** Present when worker threads can open the data set themselves. */
  readonly workerSpec?: WorkerSpec;
}

/** Throws UsageError unless `index` names an image of the data set. */
export function checkIndex(dataset: { name: string; length: number }, index: number): void {
  if (Number.isInteger(index) && index >= 0 && index < dataset.length) return;
  throw new UsageError({
    what: `${dataset.name} has no image ${index}`,
    expected: `an index from 0 to ${dataset.length - 1}`,
    got: String(index),
  });
}

/**
 * Opens a data set from its {@link WorkerSpec}.
 *
 * @throws DataError when the module has no such function
 */
export async function openWorkerSpec(spec: WorkerSpec): Promise<Dataset> {
  const exports = (await import(spec.module)) as Record<string, unknown>;
  const factory = exports[spec.export];
  if (typeof factory !== 'function') {
    throw new DataError({
      what: `the data set cannot be opened in a worker thread: ${spec.module} exports no function "${spec.export}"`,
      next: 'export it, or use workers: 0',
    });
  }
  return (await factory(spec.options)) as Dataset;
}
