import { grouped } from '../errors/counted.js';
import { Generator } from '../random.js';
import type { Dataset } from './dataset.js';
import type { Items } from './items.js';
import { Subset } from './subset.js';

/** Stream number: makes samples independent of other uses of the same seed. */
const STREAM = 0x5a3b20;

/**
 * A random order of the images of a data set in which every prefix is a stratified sample: among the first n, each
 * class has its share of the data set, up to rounding.
 *
 * @param labels the class of each image; if undefined the order is random without stratification
 * @returns the indices 0 to length - 1, a pure function of the arguments
 */
export function spreadOrder(length: number, labels: Int32Array | undefined, seed = 0): Int32Array {
  const generator = new Generator(seed, STREAM);
  const order = generator.permutation(length);
  if (!labels) return order;
  const sizes = new Map<number, number>();
  for (const label of labels) sizes.set(label, (sizes.get(label) ?? 0) + 1);
  // Image r of a class of n images gets position (r + start) / n in [0, 1), with a random start for each class.
  const starts = generator.fork(0);
  const next = new Map([...sizes.keys()].sort((a, b) => a - b).map((label) => [label, starts.uniform()]));
  const place = new Float64Array(length);
  for (const index of order) {
    const label = labels[index]!;
    const at = next.get(label)!;
    place[index] = at / sizes.get(label)!;
    next.set(label, at + 1);
  }
  return order.sort((a, b) => place[a]! - place[b]!);
}

/**
 * A stratified random sample of a data set, to evaluate on a part of it. (The first images of a folder are all of one
 * class.) It does not depend on the model, so that results of two models can be compared.
 *
 * @param count number of images, at most the length of the data set
 */
export function sampleOf(dataset: Dataset, count: number, seed = 0): Subset {
  const order = spreadOrder(dataset.length, dataset.labels, seed);
  return new Subset(dataset, order.subarray(0, Math.min(count, dataset.length)));
}

/**
 * Text such as "a random sample of 1,000 of the 10,000 test images, spread over the classes".
 * @param total size of the test set if `images` is the size of a sample of it
 */
export function describeSample(
  images: number,
  total: number | undefined,
  items: Items = 'images',
): string | undefined {
  if (total === undefined) return undefined;
  const [some, all] = [images, total].map(grouped);
  // Samples of another kind may come from a stream, whose first ones are measured.
  return items === 'images'
    ? `a random sample of ${some} of the ${all} test images, spread over the classes`
    : `${some} of the ${all} test samples`;
}
