import { imagesOf } from '../data/batch.js';
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
  /** The transform of training without its random steps. */
  readonly transform: Transform;
  /** Average the probabilities over these views of each image, instead of the single view of `transform`. */
  readonly views?: readonly Transform[] | undefined;
  readonly batchSize?: number;
  /** Evaluate on a fixed stratified sample of this many images; default all. */
  readonly limit?: number | undefined;
  readonly onProgress?: (images: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

const OPTIONS = ['model', 'dataset', 'transform', 'views', 'batchSize', 'limit', 'onProgress', 'signal'];

/** Evaluates a model on a data set in evaluation mode, then restores its mode. */
export async function evaluateModel(options: EvaluateOptions = {} as EvaluateOptions): Promise<Evaluation> {
  checkOptionNames('evaluateModel', options, OPTIONS);
  const { model, dataset, transform, views, batchSize = 128, limit, onProgress, signal } = options;
  if (!(model instanceof Module))
    throw new UsageError({
      what: 'evaluateModel got a bad model',
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
  // One batch is computed while the next is prepared.
  let running: Promise<void> = Promise.resolve();
  try {
    for await (const batch of loader.batches(0)) {
      signal?.throwIfAborted();
      const count = batch.labels.length;
      images += count;
      // Images that cannot be read get an arbitrary label; they are left out of the sums.
      const labels = batch.labels.map((label) => (label === UNREADABLE ? 0 : label));
      const score = async (): Promise<Scores> => {
        if (views) return scoreViews(model, batch, labels, views, context, k);
        const logits = model.forward(transform.apply(imagesOf(batch), context));
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
      // It may fail while the next batch is prepared; the error is thrown where it is awaited.
      running.catch(() => {});
      await before;
    }
    await running;
  } finally {
    // If the evaluation ends early, a later rejection must not be reported as unhandled.
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
