import { type Batch, imagesOf } from '../data/batch.js';
import { checkDataset } from '../data/check-dataset.js';
import { type Dataset, UNREADABLE } from '../data/dataset.js';
import { DataLoader } from '../data/loader.js';
import { sampleOf } from '../data/stratified-sample.js';
import { Subset } from '../data/subset.js';
import { applied, checkTransform, type Transform } from '../data/transforms/transform.js';
import type { World } from '../distributed/index.js';
import { checkOptionNames, shown } from '../errors/arguments.js';
import { DataError, UsageError } from '../errors/errors.js';
import { CrossEntropyLoss } from '../nn/loss.js';
import { Module } from '../nn/module.js';
import { topKCorrect } from '../ops/index.js';
import { Generator } from '../random.js';
import type { Evaluation } from '../run/events.js';
import { hasTop5 } from '../run/top5.js';
import { evaluate as compute, Tensor, tensor } from '../tensor/tensor.js';
import { LookAhead } from './look-ahead.js';
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
  /** Ranks that share the work. The result is the same as on one, and the same on all of them. */
  readonly world?: World | undefined;
}

const OPTIONS = [
  'model',
  'dataset',
  'transform',
  'views',
  'batchSize',
  'limit',
  'onProgress',
  'signal',
  'world',
];

/** A batch whose scores are being computed. */
interface Scored {
  readonly batch: Batch;
  readonly scores: Promise<Scores>;
}

/** Evaluates a model on a data set in evaluation mode, then restores its mode. */
export async function evaluateModel(options: EvaluateOptions = {} as EvaluateOptions): Promise<Evaluation> {
  checkOptionNames('evaluateModel', options, OPTIONS);
  const { model, dataset, transform, views, batchSize = 128, limit, onProgress, signal, world } = options;
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
  // Ranks with parts of one model compute all batches together.
  const dealing = world?.split ? undefined : world;
  const own = dealing ? dealt(set, batchSize, dealing) : set;
  const loader = own && new DataLoader(own, { batchSize });
  const lossOf = new CrossEntropyLoss({ reduction: 'none' });
  const context = { generator: new Generator(0) };
  const wasTraining = model.training;
  model.eval();
  const found: number[][] = [];
  let images = 0;
  const k = Math.min(5, dataset.classes.length);
  const score = async (batch: Batch): Promise<Scores> => {
    // Images that cannot be read get an arbitrary label; they are left out of the sums.
    const labels = batch.labels.map((label) => (label === UNREADABLE ? 0 : label));
    if (views) return scoreViews(model, batch, labels, views, context, k);
    const logits = model.forward(applied(transform, imagesOf(batch), context));
    const known = tensor(labels);
    const [first, among, losses] = await compute(
      new Tensor(topKCorrect(logits.node, known.node, 1)),
      new Tensor(topKCorrect(logits.node, known.node, k)),
      lossOf.forward(logits, known),
    );
    return [first!, among!, losses!];
  };
  // One batch is computed while the next is prepared.
  const ahead = new LookAhead<Scored>(async ({ batch: { labels }, scores }) => {
    const sum = (values: ArrayLike<number>): number =>
      labels.reduce((all, label, i) => (label === UNREADABLE ? all : all + values[i]!), 0);
    found.push([...(await scores).map(sum), labels.filter((label) => label !== UNREADABLE).length]);
    images += labels.length;
    onProgress?.(Math.min(total, images * (dealing?.size ?? 1)), total);
    return true;
  });
  try {
    for await (const batch of loader?.batches(0) ?? []) {
      // Leaves the loop instead of throwing: other ranks wait for this rank's results, which tell them of the abort.
      if (dealing && signal?.aborted) break;
      if (world?.split) await stopTogether(world, signal);
      else signal?.throwIfAborted();
      const scores = score(batch);
      // It may fail while the next batch is prepared; the error is thrown where it is awaited.
      scores.catch(() => {});
      await ahead.push({ batch, scores });
    }
    await ahead.drain();
  } finally {
    // The mode must not change before the last batch in flight is computed.
    await ahead.queued?.scores.catch(() => {});
    model.train(wasTraining);
  }
  const all = dealing
    ? await gathered(found, Math.ceil(total / batchSize), dealing, signal?.aborted ?? false)
    : found;
  let [top1, top5, loss, measured] = [0, 0, 0, 0];
  for (const [a, b, c, n] of all) {
    top1 += a!;
    top5 += b!;
    loss += c!;
    measured += n!;
  }
  if (measured === 0) throw new DataError({ what: `no image of ${dataset.name} could be read` });
  const percent = (n: number) => (100 * n) / measured;
  return {
    accuracy: percent(top1),
    ...(hasTop5(dataset.classes.length) ? { top5: percent(top5) } : {}),
    loss: loss / measured,
    images: measured,
    sampled: total,
    total: dataset.length,
  };
}

/**
 * The images of this rank's batches. Whole batches are assigned to ranks, in turn, so that each has the same numbers as in
 * an evaluation by one process, to the last bit. Undefined for a rank without a batch.
 */
function dealt(set: Dataset, batchSize: number, { rank, size }: World): Dataset | undefined {
  const own: number[] = [];
  for (let start = rank * batchSize; start < set.length; start += size * batchSize)
    for (let i = start; i < Math.min(set.length, start + batchSize); i++) own.push(i);
  return own.length === 0 ? undefined : new Subset(set, own);
}

const stopped = (): Error => new DOMException('The evaluation was stopped.', 'AbortError');

/** @throws an abort, on all ranks, if one of them was told to stop */
async function stopTogether(world: World, signal: AbortSignal | undefined): Promise<void> {
  const all = await world.gather([signal?.aborted ? 1 : 0]);
  if (all.some(([aborted]) => aborted !== 0)) throw stopped();
}

/**
 * The results of all ranks' batches, in the order of batches.
 * @throws an abort, on all ranks, if one of them was told to stop
 */
async function gathered(
  found: readonly number[][],
  batches: number,
  world: World,
  aborted: boolean,
): Promise<number[][]> {
  const each = Math.ceil(batches / world.size);
  const padded = Array.from({ length: each }, (_, i) => found[i] ?? [0, 0, 0, 0]);
  const all = await world.gather([aborted ? 1 : 0, ...padded.flat()]);
  if (all.some(([ended]) => ended !== 0)) throw stopped();
  return Array.from({ length: batches }, (_, b) => {
    const at = 1 + 4 * Math.floor(b / world.size);
    return [...all[b % world.size]!.subarray(at, at + 4)];
  });
}
