import { assembleBatch, type Batch, imagesOf, visible } from '../data/batch.js';
import { type Dataset, UNREADABLE } from '../data/dataset.js';
import { DataLoader } from '../data/loader.js';
import { sampleOf } from '../data/stratified-sample.js';
import { applied, type Transform } from '../data/transforms/transform.js';
import { DataError } from '../errors/errors.js';
import { withLastInput } from '../nn/last-linear.js';
import type { Module } from '../nn/module.js';
import { Generator } from '../random.js';
import { evaluate } from '../tensor/tensor.js';
import type { Pixels } from './drawing/png.js';
import type { NeighbourRow } from './neighbours.js';
import type { Guessed } from './prediction-cards.js';

export interface MeasureOptions {
  /** On its device. */
  readonly model: Module;
  /** Has the model's classes. */
  readonly dataset: Dataset;
  /** The transform of evaluation. */
  readonly transform: Transform;
  /** Number of images in the sample. */
  readonly limit: number;
  readonly batchSize?: number;
  readonly onProgress?: (images: number, total: number) => void;
}

/** Predictions of a trained model on test images. */
export interface Measured {
  /** Evaluated images, without those that could not be read. */
  readonly images: number;
  /** Images in the test set. */
  readonly total: number;
  readonly accuracy: number;
  /** `counts[t][p]`: number of images of class `t` predicted as class `p`. */
  readonly counts: readonly (readonly number[])[];
  readonly examples: readonly Guessed[];
  /** Empty for a model without hidden layers. */
  readonly neighbours: readonly NeighbourRow[];
}

/** Number of images shown with their predictions: the first of the sample. */
const EXAMPLES = 8;
const QUERIES = 5;
const NEAREST = 6;
const TOP = 5;
/** Maximum number of feature values kept in memory: 256 MB. */
const MOST_FEATURES = 2 ** 26;

/** An image with its features. */
interface Seen {
  /** Index in the sample. */
  readonly index: number;
  readonly label: number;
  readonly features: Float32Array;
}

/**
 * Evaluates a class-balanced sample of test images in evaluation mode and collects the data for a report.
 *
 * @throws DataError if none of the images can be read
 */
export async function measure({
  model,
  dataset,
  transform,
  limit,
  batchSize = 64,
  onProgress,
}: MeasureOptions): Promise<Measured> {
  const sample = sampleOf(dataset, limit);
  const classes = dataset.classes.length;
  const counts = dataset.classes.map(() => new Array<number>(classes).fill(0));
  const examples: Guessed[] = [];
  const seen: Seen[] = [];
  let [right, images, done] = [0, 0, 0];
  const wasTraining = model.training;
  model.eval();
  try {
    for await (const batch of new DataLoader(sample, { batchSize }).batches(0)) {
      const input = applied(transform, imagesOf(batch), {
        generator: new Generator(0),
      });
      const { result: logits, features: hidden } = withLastInput(model, () => model.forward(input));
      const [odds, vectors] = await evaluate(logits.softmax(), ...(hidden ? [hidden] : []));
      const width = hidden ? hidden.size / batch.labels.length : 0;
      for (const [i, label] of batch.labels.entries()) {
        if (label === UNREADABLE) continue;
        const top = ranked(odds!.subarray(i * classes, (i + 1) * classes));
        counts[label]![top[0]!.index]!++;
        images++;
        if (top[0]!.index === label) right++;
        if (examples.length < EXAMPLES)
          examples.push({
            image: pixelsOf(batch, i),
            label: dataset.classes[label]!,
            top: top.map(({ index, probability }) => ({ label: dataset.classes[index]!, probability })),
          });
        if (vectors && (seen.length + 1) * width <= MOST_FEATURES) {
          const features = Float32Array.from(vectors.subarray(i * width, (i + 1) * width));
          seen.push({ index: batch.indices[i]!, label, features });
        }
      }
      done += batch.labels.length;
      onProgress?.(done, sample.length);
    }
  } finally {
    model.train(wasTraining);
  }
  if (images === 0) throw new DataError({ what: `No image of ${dataset.name} could be read` });
  return {
    images,
    total: dataset.length,
    accuracy: (100 * right) / images,
    counts,
    examples,
    neighbours: await neighboursOf(sample, seen),
  };
}

function ranked(odds: ArrayLike<number>): { index: number; probability: number }[] {
  return Array.from(odds, (probability, index) => ({ index, probability }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, TOP);
}

async function neighboursOf(sample: Dataset, seen: readonly Seen[]): Promise<NeighbourRow[]> {
  const show = async ({ index, label }: Seen) => ({
    image: pixelsOf(await assembleBatch(sample, Int32Array.of(index), 0), 0),
    label: sample.classes[label]!,
  });
  const rows: NeighbourRow[] = [];
  for (const query of seen.slice(0, QUERIES)) {
    const nearest = seen
      .filter((other) => other !== query)
      .map((other) => ({ other, distance: distance(query.features, other.features) }))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, NEAREST);
    rows.push({
      ...(await show(query)),
      nearest: await Promise.all(
        nearest.map(async ({ other, distance: d }) => ({ ...(await show(other)), distance: d })),
      ),
    });
  }
  return rows;
}

function distance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum);
}

/** An image of a batch as interleaved RGB; grey images become three equal channels. */
export function pixelsOf(batch: Batch, which: number): Pixels {
  const [, channels, height, width] = batch.shape;
  const size = height * width;
  const planes = visible(batch).subarray(which * channels * size, (which + 1) * channels * size);
  const rgb = new Uint8Array(3 * size);
  for (let c = 0; c < 3; c++) {
    const from = channels === 3 ? c * size : 0;
    for (let i = 0; i < size; i++) rgb[3 * i + c] = planes[from + i]!;
  }
  return { width, height, rgb };
}
