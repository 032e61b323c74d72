import { Generator } from '../random.js';
import type { Dataset } from './dataset.js';
import { Subset } from './subset.js';

/** Keeps a sample apart from other uses of the same seed. */
const STREAM = 0x5a3b20;

/**
 * Indices of a data set in a random order whose beginnings are all samples spread over the classes: the first n hold
 * each class in its share of the whole, as far as whole images allow.
 *
 * @param labels the class of each image; undefined where only reading would tell: the order is then random alone
 * @returns a pure function of the labels and the seed
 */
export function spreadOrder(length: number, labels: Int32Array | undefined, seed = 0): Int32Array {
  const generator = new Generator(seed, STREAM);
  const order = generator.permutation(length);
  if (!labels) return order;
  const sizes = new Map<number, number>();
  for (const label of labels) sizes.set(label, (sizes.get(label) ?? 0) + 1);
  // Image r of a class of n comes at (r + start) / n of the way, with a start of its own for each class.
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
 * A sample of a data set, spread over its classes, for measuring on a part of it: the first images alone may be all of
 * one class, as folders are sorted by class. The same for every model, so that two can be compared.
 *
 * @param count how many images; all of them, in the sample's order, where there are not more
 */
export function sampleOf(dataset: Dataset, count: number, seed = 0): Subset {
  const order = spreadOrder(dataset.length, dataset.labels, seed);
  return new Subset(dataset, order.subarray(0, Math.min(count, dataset.length)));
}

/**
 * For people: "a random sample of 1,000 of the 10,000 test images, spread over the classes".
 * @param total images of the test set, where `images` are a sample of them
 */
export function describeSample(images: number, total: number | undefined): string | undefined {
  if (total === undefined) return undefined;
  const [some, all] = [images, total].map((n) => n.toLocaleString('en-US'));
  return `a random sample of ${some} of the ${all} test images, spread over the classes`;
}
