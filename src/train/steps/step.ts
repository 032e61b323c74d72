import { type AnyBatch, ownOf, totalOf } from '../../data/batch.js';
import type { World } from '../../distributed/index.js';
import { UsageError } from '../../errors/errors.js';
import type { Module } from '../../nn/module.js';
import type { TrainConfig } from '../../run/config.js';
import { INSIGHT_EVERY } from '../../run/events.js';
import type { StepOutcome } from '../../run/position.js';
import { type RandomState, randomState, setRandomState, withRows } from '../../tensor/random.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { GradientSquares, Probe } from '../insight/probe.js';
import { contextOf } from '../method/context.js';
import type { Method } from '../method/method.js';
import { type Place, type QueuedUpdate, Updates } from '../method/updates.js';

/** A batch that can be turned into tensors, any number of times with the same values. */
export interface FedBatch {
  readonly batch: AnyBatch;
  /** The batch in the form that the method's step takes. */
  readonly tensors: () => unknown;
}

/** Where batches come from. */
export interface Feed {
  /** Batches of an epoch. */
  readonly length: number;
  loaded(epoch: number, start?: number): AsyncGenerator<FedBatch, void, void>;
}

/** A batch whose updates are queued on the device. */
export interface QueuedBatch {
  readonly loaded: FedBatch;
  readonly epoch: number;
  /** Number of samples of the batch, on all ranks together. Loss, metrics and guards are those of all ranks, too. */
  readonly images: number;
  /** At least one. */
  readonly updates: readonly QueuedUpdate[];
  /** Random state before the batch, to be able to repeat it. */
  readonly random: RandomState;
}

/** A step whose runs are queued on the device. */
export interface Queued {
  readonly batches: readonly QueuedBatch[];
  /** Index of its last batch in the epoch, from 0. */
  readonly index: number;
  readonly dataSeconds: number;
  readonly lr: number;
  /** Sums of squares of the gradients, for a step with an insight. */
  readonly squares: GradientSquares | undefined;
  /** Time of completion, by `performance.now()`; undefined until then. */
  readonly completion: { at?: number };
}

/** Outcome of a step: its result, or the batch with NaN or infinity. */
export type Settled =
  | {
      readonly result: StepOutcome;
      readonly gradNorm: number | undefined;
      /** Metrics that were NaN or infinite. */
      readonly lost: readonly string[];
      readonly bad?: never;
    }
  | { readonly bad: QueuedBatch; readonly loss: number };

export interface StepperParts {
  readonly config: TrainConfig;
  readonly model: Module;
  readonly feed: Feed;
  readonly method: Method;
  readonly probe: Probe;
  /** Several ranks that share each batch; undefined for a run on its own. */
  readonly world?: World | undefined;
  /** Blocks of each batch that this process computes; 1 for whole batches. */
  readonly blocks: number;
}

/**
 * Queues training steps. An update is one run of the device: forward, backward and update. In a step of several batches
 * all but the last accumulate gradients, the last one updates the weights. The device skips an update if its loss or a
 * gradient is NaN or infinite.
 */
export class Stepper {
  readonly #parts: StepperParts;
  readonly #updates: Updates;

  constructor(parts: StepperParts) {
    this.#parts = parts;
    this.#updates = new Updates(parts);
  }

  /**
   * @param step its number in the run, from 1
   * @param dataSeconds time spent waiting for the batches
   */
  async queue(
    group: readonly FedBatch[],
    { epoch, step, dataSeconds }: { epoch: number; step: number; dataSeconds: number },
  ): Promise<Queued> {
    const { method, world, blocks } = this.#parts;
    // Ranks with parts of one model compute the same samples, and each counts for its part.
    const alike = world?.split ? world.size : 1;
    const samples = group.reduce((sum, { batch }) => sum + totalOf(batch), 0) / blocks;
    const [first] = Object.values(method.optimizers)[0]!.paramGroups;
    const lr = first!.lr * first!.lrScale;
    const squares: [string, Tensor][] | undefined = this.#isInsightStep(step) ? [] : undefined;
    const queued: QueuedBatch[] = [];
    for (const [i, loaded] of group.entries()) {
      // At most two runs are queued on the device; after a bad batch the last run is not queued.
      const due = i === group.length - 1 ? queued.slice(-2) : queued.slice(-2, -1);
      const guards = due.map(({ updates }) => updates.at(-1)!.guard.item());
      if ((await Promise.all(guards)).some((guard) => !Number.isFinite(guard))) break;
      const last = i === group.length - 1;
      const images = totalOf(loaded.batch);
      const own = ownOf(loaded.batch);
      const place = { share: own / samples / alike, own: own / images / alike, at: i, last };
      // All blocks of a batch draw from the random numbers of the batch.
      if (i % blocks > 0) setRandomState(queued[i - 1]!.random);
      queued.push(await this.#one(loaded, epoch, place, last ? squares : undefined));
    }
    for (const { schedule, every } of method.schedules) if (every === 'step') schedule.step();
    const completion: Queued['completion'] = {};
    // Errors are thrown by `settle`.
    queued
      .at(-1)!
      .updates.at(-1)!
      .loss.item()
      .then(
        () => {
          completion.at = performance.now();
        },
        () => {},
      );
    const all = squares && squares.length > 0 ? squares : undefined;
    return { batches: queued, index: group.at(-1)!.batch.index, dataSeconds, lr, squares: all, completion };
  }

  async #one(
    loaded: FedBatch,
    epoch: number,
    place: Place,
    squares: [string, Tensor][] | undefined,
  ): Promise<QueuedBatch> {
    const { method, feed, config, world } = this.#parts;
    const random = randomState();
    const updates = this.#updates.begin(place, squares);
    const { batch, tensors } = loaded;
    const context = contextOf({ batch, epoch, batches: feed.length, seed: config.seed });
    const values = tensors();
    const running = withRows(batch.rows, () => method.step(values, { ...context, update: updates.update }));
    // Operations that a step adds after an await would not know which rows of the batch this rank has.
    if (running && (world || batch.rows))
      throw new UsageError({
        what: 'A step that waits cannot be shared by several ranks, nor computed in blocks',
        expected: 'a step that returns nothing',
        got: 'a promise',
        next: 'train on one rank and without --blocks, or describe the step without await',
      });
    await running;
    return { loaded, epoch, images: totalOf(batch), updates: updates.end(), random };
  }

  /** Waits for a step. If updates were skipped, the step counts of their optimizers are reverted too. */
  async settle({ batches, index }: Queued): Promise<Settled> {
    let [loss, correct, images] = [0, 0, 0];
    const metrics = new Map<string, { sum: number; images: number }>();
    let gradNorm: number | undefined;
    for (const queued of batches) {
      const [first] = queued.updates as readonly [QueuedUpdate, ...QueuedUpdate[]];
      const count = queued.images;
      const value = await first.loss.item();
      for (const { guard } of queued.updates) {
        if (Number.isFinite(await guard.item())) continue;
        // The guard of an update covers the earlier ones of its step.
        for (const other of queued.updates) if (!Number.isFinite(await other.guard.item())) other.undo?.();
        return { bad: queued, loss: value };
      }
      loss += value * count;
      images += count;
      correct += (await first.correct?.item()) ?? 0;
      gradNorm = await first.norm?.item();
      for (const update of queued.updates)
        for (const [name, metric] of Object.entries(update.metrics)) {
          const before = metrics.get(name) ?? { sum: 0, images: 0 };
          const sum = before.sum + (await metric.item()) * count;
          metrics.set(name, { sum, images: before.images + count });
        }
    }
    const { blocks } = this.#parts;
    images /= blocks;
    // A metric that some batches of the step leave out is the mean over the others.
    const means = [...metrics].map(([name, one]) => [name, (one.sum * blocks) / one.images] as const);
    const result: StepOutcome = {
      index,
      loss: batches.length === 1 ? await batches[0]!.updates[0]!.loss.item() : loss / images,
      correct,
      images,
      metrics: Object.fromEntries(means.filter(([, mean]) => Number.isFinite(mean))),
    };
    const lost = means.flatMap(([name, mean]) => (Number.isFinite(mean) ? [] : [name]));
    return { result, gradNorm, lost };
  }

  #isInsightStep(step: number): boolean {
    const { config, world } = this.#parts;
    const { insightEvery = INSIGHT_EVERY } = config;
    // Rank 0 takes them on its own, which a model in parts does not allow.
    return !world?.split && insightEvery > 0 && (step === 1 || step % insightEvery === 0);
  }
}
