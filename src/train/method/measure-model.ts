import { isIterableSet } from '../../data/check-dataset.js';
import type { AnySet } from '../../data/dataset.js';
import type { DataLoaderOptions } from '../../data/loader/options.js';
import { DataLoader } from '../../data/loader.js';
import type { SampleSet } from '../../data/samples/sample.js';
import { spreadOrder } from '../../data/stratified-sample.js';
import type { Transform } from '../../data/transforms/index.js';
import type { World } from '../../distributed/index.js';
import { UsageError } from '../../errors/errors.js';
import type { Module } from '../../nn/module.js';
import type { Measurement } from '../../run/events.js';
import { randomState, setRandomState } from '../../tensor/random.js';
import { evaluate, type Tensor } from '../../tensor/tensor.js';
import type { Feed } from '../steps/step.js';
import { contextOf } from './context.js';
import type { LoaderParts } from './loading.js';
import type { EvaluationOptions, MeasureContext } from './method.js';
import { checkName, checkRecord, checkScalar } from './updates.js';

export interface MeasurerParts {
  readonly model: Module;
  readonly testSet: AnySet;
  readonly testTransform: Transform | undefined;
  readonly batchSize: number;
  /** How the paper loads the test set. */
  readonly loading: LoaderParts;
  readonly world?: World | undefined;
  readonly seed: number;
  /** Name of the paper, for messages. */
  readonly paper: string;
  /** Means over a batch, by name. */
  readonly measure: (
    batch: unknown,
    context: MeasureContext,
  ) => Readonly<Record<string, Tensor>> | Promise<Readonly<Record<string, Tensor>>>;
}

/** A loader of a data set of any kind. @param loading what the paper decides itself */
export function feedOf(
  set: AnySet,
  options: {
    batchSize: number;
    shuffle?: boolean;
    seed?: number;
    ranks?: number;
    rank?: number;
    limit?: number | undefined;
  },
  transform: Transform | undefined,
  loading: LoaderParts = {},
): Feed {
  const { limit, batchSize, shuffle, ...rest } = options;
  const sampler =
    limit !== undefined && set.length !== undefined && limit < set.length
      ? { sampler: partOf(set, limit) }
      : {};
  const sized = loading.batchSampler ? {} : { batchSize };
  const shuffled = shuffle === undefined || loading.sampler || loading.batchSampler ? {} : { shuffle };
  return new DataLoader<unknown, unknown>(set as SampleSet<unknown>, {
    ...rest,
    ...sized,
    ...shuffled,
    ...sampler,
    ...(loading as DataLoaderOptions<unknown, unknown>),
    ...(transform && 'imageShape' in set ? { transform } : {}),
  });
}

const partOf = (set: AnySet, limit: number) => {
  const labels = 'labels' in set ? set.labels : undefined;
  return { length: limit, indices: () => spreadOrder(set.length!, labels).subarray(0, limit) };
};

/** Measures a model on a test set with a paper's `measure`: means over all samples. */
export async function measureModel(
  { model, testSet, testTransform, batchSize, seed, measure, loading, world, paper }: MeasurerParts,
  { limit, onProgress, signal }: EvaluationOptions,
): Promise<Measurement> {
  // A stream has no order to choose from: its first batches are measured.
  const first =
    isIterableSet(testSet) && limit !== undefined ? Math.ceil(limit / batchSize) * batchSize : undefined;
  const total = testSet.length ?? first ?? 0;
  const sampled = Math.min(first ?? limit ?? total, total);
  const feed = feedOf(
    testSet,
    { batchSize, ...(first === undefined ? { limit } : {}) },
    testTransform,
    loading,
  );
  // A stream may have no length; of the only epoch here, it makes no difference to random numbers.
  const batches = Number.isFinite(feed.length) ? feed.length : 1;
  const name = `measure() of ${paper}`;
  const sums = new Map<string, number>();
  const wasTraining = model.training;
  model.eval();
  let samples = 0;
  try {
    for await (const { batch, tensors } of feed.loaded(0)) {
      // With several ranks, all of them have to reach the exchange below before one may stop.
      if (!world) signal.throwIfAborted();
      const context = contextOf({ batch, epoch: 0, batches, seed }, 'measure');
      const measured = await measure(tensors(), context);
      checkRecord(`${name} returned no measurements`, measured, 'scalars by name, such as { loss }');
      const names = Object.keys(measured);
      for (const [metric, value] of Object.entries(measured)) {
        checkName(name, metric);
        checkScalar(`${name} returned a bad ${metric}`, value, false);
      }
      const same = names.length === sums.size && names.every((one) => sums.has(one));
      if (names.length === 0 || (samples > 0 && !same))
        throw new UsageError({
          what:
            samples > 0
              ? `${name} returned other names than for the batch before`
              : `${name} returned nothing to average`,
          expected: samples > 0 ? [...sums.keys()].join(', ') : 'at least one scalar by name',
          got: names.join(', ') || 'none',
          next: 'return the same names for each batch',
        });
      const values = await evaluate(...Object.values(measured));
      for (const [i, one] of names.entries())
        sums.set(one, (sums.get(one) ?? 0) + values[i]![0]! * context.count);
      samples += context.count;
      onProgress(samples, sampled);
      if (first !== undefined && samples >= first) break;
    }
  } finally {
    model.train(wasTraining);
  }
  if (world && (await world.gather([Number(signal.aborted)])).some(([stopped]) => stopped !== 0))
    throw new DOMException('The evaluation was stopped.', 'AbortError');
  const metrics = Object.fromEntries([...sums].map(([one, sum]) => [one, sum / samples]));
  return {
    ...('loss' in metrics ? { loss: metrics.loss! } : {}),
    metrics,
    images: samples,
    sampled: testSet.length === undefined ? samples : sampled,
    total: testSet.length ?? samples,
  };
}

/** Measures a model on the first batch; the random state stays as it is. */
export async function measureFirst(parts: MeasurerParts, signal: AbortSignal): Promise<Measurement> {
  const random = randomState();
  try {
    return await measureModel(parts, { limit: parts.batchSize, onProgress: () => undefined, signal });
  } finally {
    setRandomState(random);
  }
}
