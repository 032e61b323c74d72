import type { Classifier, Guess, Picture } from 'paperweight';

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
  pictures: readonly Picture[],
  sizes: readonly number[],
): Promise<Guess[][]> {
  const size = sizes.find((candidate) => candidate >= pictures.length) ?? pictures.length;
  const last = pictures.at(-1);
  if (!last) return [];
  const filled = [...pictures, ...Array.from({ length: size - pictures.length }, () => last)];
  const guesses = await classifier.classify(filled, { top: classifier.classes.length });
  return guesses.slice(0, pictures.length);
}

/** Compiles the plan of each batch size, so that no request has to wait for it. */
export async function warmUp(classifier: Classifier, sizes: readonly number[]): Promise<void> {
  const side = classifier.imageSize;
  const grey = { data: new Uint8Array(3 * side * side).fill(128), side };
  for (const size of sizes) await classifier.classify(Array.from({ length: size }, () => grey));
}
