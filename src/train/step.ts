import { type Batch, totalOf } from '../data/batch.js';
import type { LoadedBatch } from '../data/loader.js';
import type { World } from '../distributed/index.js';
import { CrossEntropyLoss } from '../nn/loss.js';
import type { Module } from '../nn/module.js';
import { topKCorrect } from '../ops/index.js';
import { clipGradNorm, clipGradValue } from '../optim/clip.js';
import { finiteGuard } from '../optim/finite.js';
import type { Optimizer } from '../optim/optimizer.js';
import type { TrainConfig } from '../run/config.js';
import { INSIGHT_EVERY } from '../run/events.js';
import type { StepResult } from '../run/position.js';
import { type RandomState, randomState, withRows } from '../tensor/random.js';
import { Tensor } from '../tensor/tensor.js';
import { Accumulator } from './accumulate.js';
import type { GradientSquares, Probe } from './insight/probe.js';
import type { TimedSchedule } from './optimizer.js';

/** A batch whose run is queued on the device. */
export interface QueuedBatch {
  readonly loaded: LoadedBatch;
  /** Number of images, on all ranks together; loss, correct predictions and guard are theirs, too. */
  readonly images: number;
  readonly loss: Tensor;
  readonly correct: Tensor;
  /** NaN or infinite if the loss or any gradient is. */
  readonly guard: Tensor;
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
  /** Global norm of the gradients before clipping, if they are clipped by norm. */
  readonly norm: Tensor | undefined;
  /** False if the step ended before its update, at a batch with NaN or infinity. */
  readonly updated: boolean;
  /** Time of completion, by `performance.now()`; undefined until then. */
  readonly completion: { at?: number };
}

/** Outcome of a step: its result, or the batch with NaN or infinity. */
export type Settled =
  | { readonly result: StepResult; readonly gradNorm: number | undefined; readonly bad?: never }
  | { readonly bad: QueuedBatch; readonly loss: number };

export interface StepperParts {
  readonly config: TrainConfig;
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly timed: TimedSchedule | undefined;
  readonly probe: Probe;
  /** Several ranks that share each batch; undefined for a run on its own. */
  readonly world?: World | undefined;
}

/**
 * Queues training steps. A step of one batch is one run of the device: forward, backward and update. A step of several
 * batches is one run per batch; all but the last accumulate gradients, the last one updates the weights. The device
 * skips the update if the loss or a gradient is NaN or infinite.
 */
export class Stepper {
  readonly criterion: CrossEntropyLoss;
  readonly #parts: StepperParts;
  readonly #sums = new Accumulator();

  constructor(parts: StepperParts) {
    this.#parts = parts;
    this.criterion = new CrossEntropyLoss({ labelSmoothing: parts.config.labelSmoothing ?? 0 });
  }

  /** @param dataSeconds time spent waiting for the batches */
  async queue(group: readonly LoadedBatch[], dataSeconds: number): Promise<Queued> {
    const { config, model, optimizer, timed, probe, world } = this.#parts;
    const images = group.reduce((sum, { batch }) => sum + totalOf(batch), 0);
    const [first] = optimizer.paramGroups;
    const lr = first!.lr * first!.lrScale;
    const { index } = group.at(-1)!.batch;
    const queued: QueuedBatch[] = [];
    const ended = (updated: boolean, squares?: GradientSquares, norm?: Tensor): Queued => {
      if (timed?.every === 'step') timed.schedule.step();
      const completion: Queued['completion'] = {};
      // Errors are thrown by `settle`.
      queued
        .at(-1)
        ?.loss.item()
        .then(
          () => {
            completion.at = performance.now();
          },
          () => {},
        );
      return { batches: queued, index, dataSeconds, lr, squares, norm, updated, completion };
    };
    for (const [i, loaded] of group.entries()) {
      // At most two runs are queued on the device; after a bad batch the last run is not queued.
      const due = i === group.length - 1 ? queued.slice(-2) : queued.slice(-2, -1);
      for (const { guard } of due) if (!Number.isFinite(await guard.item())) return ended(false);
      optimizer.zeroGrad();
      queued.push(this.#backward(loaded, images));
      if (i < group.length - 1) this.#sums.add(model.parameters(), i === 0, queued.at(-1)!);
    }
    const last = queued.at(-1)!;
    if (group.length > 1) this.#sums.total(model.parameters());
    world?.addUp(model.parameters(), ownImages(last.loaded.batch) / last.images, config.wire);
    const squares = this.#isInsightStep(optimizer.steps + 1) ? probe.gradientSquares() : undefined;
    const { clipNorm, clipValue } = config;
    const norm = clipNorm === undefined ? undefined : clipGradNorm(model.parameters(), clipNorm);
    if (clipValue !== undefined) clipGradValue(model.parameters(), clipValue);
    const compute = [last.loss, last.correct, ...(norm ? [norm] : [])];
    compute.push(...(squares ?? []).map(([, square]) => square));
    optimizer.step({ compute, guard: last.guard });
    return ended(true, squares, norm);
  }

  /** @param images of the step, of which the batch's loss is weighted with its share */
  #backward(loaded: LoadedBatch, images: number): QueuedBatch {
    const { model, world } = this.#parts;
    const { batch } = loaded;
    const share = ownImages(batch) / images;
    const random = randomState();
    const [inputs, labels] = loaded.tensors();
    const logits = withRows(batch.rows, () => model.forward(inputs));
    const loss = this.criterion.forward(logits, labels);
    (share === 1 ? loss : loss.mul(share)).backward();
    const correct = new Tensor(topKCorrect(logits.node, labels.node, 1)).sum();
    const grads = model.parameters().flatMap(({ grad }) => grad ?? []);
    const guard = finiteGuard(loss, grads);
    const queued = { loaded, images: totalOf(batch), random };
    if (!world) return { ...queued, loss, correct, guard };
    const own = ownImages(batch);
    const parts = [loss.mul(own / queued.images), own === 0 ? correct.mul(0) : correct, guard];
    const [mean, all, sum] = world.sums(parts, 'the loss') as [Tensor, Tensor, Tensor];
    return { ...queued, loss: mean, correct: all, guard: sum };
  }

  /** Waits for a step. If its update was skipped, the optimizer's step count is reverted too. */
  async settle({ batches, index, norm, updated }: Queued): Promise<Settled> {
    let [loss, correct, images] = [0, 0, 0];
    for (const queued of batches) {
      const value = await queued.loss.item();
      if (!Number.isFinite(await queued.guard.item())) {
        if (updated) this.#parts.optimizer.undo();
        return { bad: queued, loss: value };
      }
      loss += value * queued.images;
      correct += await queued.correct.item();
      images += queued.images;
    }
    const result = {
      index,
      loss: batches.length === 1 ? await batches[0]!.loss.item() : loss / images,
      correct,
      images,
    };
    return { result, gradNorm: await norm?.item() };
  }

  #isInsightStep(step: number): boolean {
    const { insightEvery = INSIGHT_EVERY } = this.#parts.config;
    return insightEvery > 0 && (step === 1 || step % insightEvery === 0);
  }
}

/** Number of images of a batch that this process computes; a stand-in does not count. */
const ownImages = ({ labels, rows }: Batch): number => rows?.count ?? labels.length;
