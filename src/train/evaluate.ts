import { checkDataset } from '../data/check-dataset.js';
import { type Dataset, UNREADABLE } from '../data/dataset.js';
import { DataLoader } from '../data/loader.js';
import { sampleOf } from '../data/sample.js';
import { checkTransform, type Transform } from '../data/transforms/transform.js';
import { checkOptionNames, shown } from '../errors/arguments.js';
import { DataError, UsageError } from '../errors/errors.js';
import { CrossEntropyLoss } from '../nn/loss.js';
import { Module } from '../nn/module.js';
import { topKCorrect } from '../ops/index.js';
import { Generator } from '../random.js';
import type { Evaluation } from '../run/events.js';
import { evaluate as compute, Tensor, tensor } from '../tensor/tensor.js';
import { type Scores, scoreViews } from './ten-crop.js';

export interface EvaluateOptions {
  readonly model: Module;
  readonly dataset: Dataset;
  /** As in training, but without anything random. */
  readonly transform: Transform;
  /** Take the mean of the probabilities over these views of each image, in place of `transform`'s only one. */
  readonly views?: readonly Transform[] | undefined;
  readonly batchSize?: number;
  /** Measure on a sample of this many images, spread over the classes and always the same; all by default. */
  readonly limit?: number | undefined;
  readonly onProgress?: (images: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

const OPTIONS = ['model', 'dataset', 'transform', 'views', 'batchSize', 'limit', 'onProgress', 'signal'];

/** Measures a model on a data set, in evaluation mode; the mode is as before afterwards. */
export async function evaluateModel(options: EvaluateOptions = {} as EvaluateOptions): Promise<Evaluation> {
  checkOptionNames('evaluateModel', options, OPTIONS);
  const { model, dataset, transform, views, batchSize = 128, limit, onProgress, signal } = options;
  if (!(model instanceof Module))
    throw new UsageError({
      what: 'evaluateModel measures a model',
      expected: 'evaluateModel({ model, dataset, transform })',
      got: `the model ${shown(model)}`,
    });
  checkDataset('evaluateModel', dataset);
  for (const one of views ?? [transform]) checkTransform('evaluateModel', one);
  const set = limit !== undefined && limit < dataset.length ? sampleOf(dataset, limit) : dataset;
  const total = set.length;
  const loader = new DataLoader(set, { batchSize });
  const lossOf = new CrossEntropyLoss({ reduction: 'none' });
  const context = { generator: new Generator(0) };
  const wasTraining = model.training;
  model.eval();
  let [top1, top5, loss, images, measured] = [0, 0, 0, 0, 0];
  const k = Math.min(5, dataset.classes.length);
  // One batch computes while the next is made ready.
  let running: Promise<void> = Promise.resolve();
  try {
    for await (const batch of loader.batches(0)) {
      signal?.throwIfAborted();
      const count = batch.labels.length;
      images += count;
      // Any class will do where there is no image: it is left out of the sums.
      const labels = batch.labels.map((label) => (label === UNREADABLE ? 0 : label));
      const score = async (): Promise<Scores> => {
        if (views) return scoreViews(model, batch, labels, views, context, k);
        const logits = model.forward(transform.apply(tensor(batch.images, { shape: batch.shape }), context));
        const known = tensor(labels);
        const [first, among, losses] = await compute(
          new Tensor(topKCorrect(logits.node, known.node, 1)),
          new Tensor(topKCorrect(logits.node, known.node, k)),
          lossOf.forward(logits, known),
        );
        return [first!, among!, losses!];
      };
      const before = running;
      const values = score();
      const reached = images;
      running = before.then(async () => {
        const [a, b, c] = await values;
        const sum = (v: ArrayLike<number>) => {
          let s = 0;
          for (let i = 0; i < count; i++) if (batch.labels[i] !== UNREADABLE) s += v[i]!;
          return s;
        };
        top1 += sum(a);
        top5 += sum(b);
        loss += sum(c);
        for (let i = 0; i < count; i++) if (batch.labels[i] !== UNREADABLE) measured++;
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
  if (measured === 0) throw new DataError({ what: `no image of ${dataset.name} could be read` });
  const percent = (n: number) => (100 * n) / measured;
  return {
    accuracy: percent(top1),
    top5: percent(top5),
    loss: loss / measured,
    images: measured,
    sampled: total,
    total: dataset.length,
  };
}
