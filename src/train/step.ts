import type { Batch, DataLoader } from '../data/loader.js';
import { CrossEntropyLoss } from '../nn/loss.js';
import type { Module } from '../nn/module.js';
import { topKCorrect } from '../ops/index.js';
import type { SGD } from '../optim/sgd.js';
import { Tensor } from '../tensor/tensor.js';
import type { TrainConfig } from './config.js';
import { INSIGHT_EVERY } from './events.js';
import type { TimedSchedule } from './optimizer.js';
import type { GradientSquares, Probe } from './probe.js';

/** A step whose run is queued on the device. */
export interface Queued {
  readonly batch: Batch;
  readonly loss: Tensor;
  readonly correct: Tensor;
  readonly dataSeconds: number;
  readonly lr: number;
  /** Sums of squares of the gradients, in a step that is looked into. */
  readonly squares: GradientSquares | undefined;
}

export interface StepperParts {
  readonly config: TrainConfig;
  readonly model: Module;
  readonly loader: DataLoader;
  readonly optimizer: SGD;
  readonly timed: TimedSchedule | undefined;
  readonly probe: Probe;
}

/** Queues training steps: forward, backward and the update, in one run of the device. */
export class Stepper {
  readonly #parts: StepperParts;
  readonly #criterion = new CrossEntropyLoss();

  constructor(parts: StepperParts) {
    this.#parts = parts;
  }

  /** @param dataSeconds how long the batch had to be waited for */
  queue(batch: Batch, epoch: number, dataSeconds: number): Queued {
    const { model, loader, optimizer, timed, probe } = this.#parts;
    const [inputs, labels] = loader.tensors(batch, epoch);
    optimizer.zeroGrad();
    const logits = model.forward(inputs);
    const loss = this.#criterion.forward(logits, labels);
    loss.backward();
    const correct = new Tensor(topKCorrect(logits.node, labels.node, 1)).sum();
    const lr = optimizer.paramGroups[0]!.lr;
    const squares = this.#isInsightStep(optimizer.steps + 1) ? probe.gradientSquares() : undefined;
    optimizer.step({ compute: [correct, ...(squares ?? []).map(([, square]) => square)] });
    if (timed?.every === 'step') timed.schedule.step();
    return { batch, loss, correct, dataSeconds, lr, squares };
  }

  #isInsightStep(step: number): boolean {
    const { insightEvery = INSIGHT_EVERY } = this.#parts.config;
    return insightEvery > 0 && (step === 1 || step % insightEvery === 0);
  }
}
