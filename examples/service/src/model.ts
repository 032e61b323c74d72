import type { Classifier, Guess, Image } from 'paperweight';

/** The batch sizes that the model runs with: 1, 2, 4, … up to `maxBatch`. */
export function batchSizes(maxBatch: number): number[] {
  const sizes: number[] = [];
  for (let size = 1; size < maxBatch; size *= 2) sizes.push(size);
  return [...sizes, maxBatch];
}

/**
 * Classifies a batch of any size up to the largest of `sizes`, filled up to the next of them: each size that is new to
 * the device is compiled first, and a few sizes can be compiled before the first request comes.
 */
export async function classify(
  classifier: Classifier,
  images: readonly Image[],
  sizes: readonly number[],
): Promise<Guess[][]> {
  const size = sizes.find((candidate) => candidate >= images.length) ?? images.length;
  const last = images.at(-1);
  if (!last) return [];
  const filled = [...images, ...Array.from({ length: size - images.length }, () => last)];
  const guesses = await classifier.classify(filled, { top: classifier.classes.length });
  return guesses.slice(0, images.length);
}

/** Compiles the plan of each batch size, so that no request has to wait for it. */
export async function warmUp(classifier: Classifier, sizes: readonly number[]): Promise<void> {
  const side = classifier.imageSize;
  const grey = { data: new Uint8Array(3 * side * side).fill(128), side };
  for (const size of sizes) await classifier.classify(Array.from({ length: size }, () => grey));
}
