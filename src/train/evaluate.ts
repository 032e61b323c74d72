import type { Dataset } from '../data/dataset.js';
import { DataLoader } from '../data/loader.js';
import type { Transform } from '../data/transforms/index.js';
import { CrossEntropyLoss } from '../nn/loss.js';
import type { Module } from '../nn/module.js';
import { topKCorrect } from '../ops/index.js';
import { Generator } from '../random.js';
import { evaluate as compute, Tensor, tensor } from '../tensor/tensor.js';

export interface EvaluateOptions {
  readonly model: Module;
  readonly dataset: Dataset;
  /** As in training, but without anything random. */
  readonly transform: Transform;
  readonly batchSize?: number;
  /** Only the first so many pictures; all by default. */
  readonly limit?: number | undefined;
  readonly onProgress?: (images: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface Evaluation {
  /** Percent of the pictures whose label gets the largest logit. */
  readonly accuracy: number;
  /** Percent of the pictures whose label is among the five largest logits. */
  readonly top5: number;
  /** Mean cross-entropy. */
  readonly loss: number;
  readonly images: number;
}

/** Measures a model on a data set, in evaluation mode; the mode is as before afterwards. */
export async function evaluateModel({
  model,
  dataset,
  transform,
  batchSize = 128,
  limit = dataset.length,
  onProgress,
  signal,
}: EvaluateOptions): Promise<Evaluation> {
  const total = Math.min(limit, dataset.length);
  const loader = new DataLoader(dataset, { batchSize });
  const lossOf = new CrossEntropyLoss({ reduction: 'none' });
  const context = { generator: new Generator(0) };
  const wasTraining = model.training;
  model.eval();
  let [top1, top5, loss, images] = [0, 0, 0, 0];
  const k = Math.min(5, dataset.classes.length);
  // One batch computes while the next is made ready.
  let running: Promise<void> = Promise.resolve();
  try {
    for await (const batch of loader.batches(0)) {
      if (images >= total) break;
      signal?.throwIfAborted();
      const count = Math.min(batch.labels.length, total - images);
      images += count;
      const labels = tensor(batch.labels);
      const logits = model.forward(transform.apply(tensor(batch.images, { shape: batch.shape }), context));
      const [first, among, losses] = [
        new Tensor(topKCorrect(logits.node, labels.node, 1)),
        new Tensor(topKCorrect(logits.node, labels.node, k)),
        lossOf.forward(logits, labels),
      ];
      const before = running;
      const values = compute(first, among, losses);
      const reached = images;
      running = before.then(async () => {
        const [a, b, c] = await values;
        const sum = (v: ArrayLike<number>) => {
          let s = 0;
          for (let i = 0; i < count; i++) s += v[i]!;
          return s;
        };
        top1 += sum(a!);
        top5 += sum(b!);
        loss += sum(c!);
        onProgress?.(reached, total);
      });
      values.catch(() => {});
      // It may fail while the next batch is being made; that is told when it is waited for.
      running.catch(() => {});
      await before;
    }
    await running;
  } finally {
    // Nothing may be told about an evaluation that has ended early.
    await running.catch(() => {});
    model.train(wasTraining);
  }
  const percent = (n: number) => (100 * n) / images;
  return { accuracy: percent(top1), top5: percent(top5), loss: loss / images, images };
}
