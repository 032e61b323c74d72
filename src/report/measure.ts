import type { Dataset } from '../data/dataset.js';
import { DataLoader } from '../data/loader.js';
import type { Transform } from '../data/transforms/index.js';
import { Linear } from '../nn/linear.js';
import type { Module } from '../nn/module.js';
import { watching } from '../nn/watch.js';
import { Generator } from '../random.js';
import { evaluate, type Tensor, tensor } from '../tensor/tensor.js';
import type { NeighbourRow } from './neighbours.js';
import type { Pixels } from './png.js';
import type { Guessed } from './top5.js';

export interface MeasureOptions {
  /** On its device. */
  readonly model: Module;
  readonly dataset: Dataset;
  /** As in evaluation. */
  readonly transform: Transform;
  /** Only the first so many test images. */
  readonly limit: number;
  readonly batchSize?: number;
  readonly onProgress?: (images: number, total: number) => void;
}

/** What a trained model makes of test images. */
export interface Measured {
  readonly images: number;
  readonly accuracy: number;
  /** `counts[t][p]`: images of class `t` that the model takes for class `p`. */
  readonly counts: readonly (readonly number[])[];
  readonly examples: readonly Guessed[];
  /** Empty for a model without a hidden layer. */
  readonly neighbours: readonly NeighbourRow[];
}

/** Images in the manner of the left and the right of the paper's Figure 4: the first ones of the test set. */
const EXAMPLES = 8;
const QUERIES = 5;
const NEAREST = 6;
const TOP = 5;
/** Values of feature vectors that are kept at a time: 256 MB. */
const MOST_FEATURES = 2 ** 26;

/** Runs test images through a model, in evaluation mode, and keeps what a report shows of them. */
export async function measure({
  model,
  dataset,
  transform,
  limit,
  batchSize = 64,
  onProgress,
}: MeasureOptions): Promise<Measured> {
  const total = Math.min(limit, dataset.length);
  const classes = dataset.classes.length;
  const counts = dataset.classes.map(() => new Array<number>(classes).fill(0));
  const examples: Guessed[] = [];
  const features: Float32Array[] = [];
  const labels: number[] = [];
  let right = 0;
  const last = model.namedModules().findLast(([, module]) => module instanceof Linear);
  const wasTraining = model.training;
  model.eval();
  try {
    for await (const batch of new DataLoader(dataset, { batchSize }).batches(0)) {
      const input = transform.apply(tensor(batch.images, { shape: batch.shape }), {
        generator: new Generator(0),
      });
      let hidden: Tensor | undefined;
      const logits = watching(
        last ? [last] : [],
        (_name, _module, inputs) => {
          hidden = inputs[0];
        },
        () => model.forward(input),
      );
      const [odds, vectors] = await evaluate(logits.softmax(), ...(hidden ? [hidden] : []));
      const width = hidden ? hidden.size / batch.labels.length : 0;
      for (let i = 0; i < batch.labels.length && labels.length < total; i++) {
        const label = batch.labels[i]!;
        const top = ranked(odds!.subarray(i * classes, (i + 1) * classes));
        counts[label]![top[0]!.index]!++;
        if (top[0]!.index === label) right++;
        if (examples.length < EXAMPLES)
          examples.push({
            image: pixelsOf(dataset, batch.indices[i]!),
            label: dataset.classes[label]!,
            top: top.map(({ index, probability }) => ({ label: dataset.classes[index]!, probability })),
          });
        if (vectors && (features.length + 1) * width <= MOST_FEATURES)
          features.push(Float32Array.from(vectors.subarray(i * width, (i + 1) * width)));
        labels.push(label);
      }
      onProgress?.(labels.length, total);
      if (labels.length >= total) break;
    }
  } finally {
    model.train(wasTraining);
  }
  return {
    images: labels.length,
    accuracy: (100 * right) / Math.max(1, labels.length),
    counts,
    examples,
    neighbours: neighboursOf(dataset, features, labels),
  };
}

function ranked(odds: ArrayLike<number>): { index: number; probability: number }[] {
  return Array.from(odds, (probability, index) => ({ index, probability }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, TOP);
}

/** The images were read in the data set's own order, so that their places are their indices. */
function neighboursOf(
  dataset: Dataset,
  features: readonly Float32Array[],
  labels: readonly number[],
): NeighbourRow[] {
  const show = (index: number) => ({
    image: pixelsOf(dataset, index),
    label: dataset.classes[labels[index]!]!,
  });
  return features.slice(0, QUERIES).map((query, q) => ({
    ...show(q),
    nearest: features
      .map((other, index) => ({ index, distance: distance(query, other) }))
      .filter(({ index }) => index !== q)
      .sort((a, b) => a.distance - b.distance)
      .slice(0, NEAREST)
      .map(({ index, distance: d }) => ({ ...show(index), distance: d })),
  }));
}

function distance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum);
}

/** An image of a data set, pixel after pixel; grey becomes three equal channels. */
function pixelsOf(dataset: Dataset, index: number): Pixels {
  const [channels, height, width] = dataset.imageShape;
  const planes = new Uint8Array(channels * height * width);
  dataset.read(index, planes, 0);
  const size = height * width;
  const rgb = new Uint8Array(3 * size);
  for (let c = 0; c < 3; c++) {
    const from = channels === 3 ? c * size : 0;
    for (let i = 0; i < size; i++) rgb[3 * i + c] = planes[from + i]!;
  }
  return { width, height, rgb };
}
