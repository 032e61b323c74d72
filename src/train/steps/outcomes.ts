import { counted } from '../../errors/counted.js';
import type { Position } from '../../run/checkpoint.js';
import type { TrainConfig } from '../../run/config.js';
import { afterStep } from '../../run/position.js';
import type { Method } from '../method/method.js';
import type { Reporter } from '../reporter.js';
import type { SharedControl } from '../shared-control.js';
import { flatLoss } from '../trouble/flat-loss.js';
import type { Recovery } from '../trouble/recovery.js';
import type { Queued, Stepper } from './step.js';
import type { StepClock } from './step-clock.js';

export interface OutcomesParts {
  readonly config: TrainConfig;
  readonly method: Method;
  /** Number of steps at chance level after which a message is printed; default 100. */
  readonly flatSteps: number | undefined;
  readonly stepper: Stepper;
  readonly clock: StepClock;
  readonly control: SharedControl;
  readonly recovery: Recovery;
  readonly reporter: Reporter;
  /** Called with the position after each step before it is reported, since observers may read it. */
  readonly moved: (position: Position) => void;
}

/** Processes the outcomes of steps: recovers from NaN, reports steps, and checks whether the loss falls. */
export class StepOutcomes {
  readonly #parts: OutcomesParts;
  /** Metrics of which a value was left out. */
  readonly #lost = new Set<string>();

  constructor(parts: OutcomesParts) {
    this.#parts = parts;
  }

  /**
   * Waits for a step and processes its outcome.
   * @param p position before the step
   * @param next the following step, already queued
   * @returns the position at which the run continues; with no more steps than before after a rollback to a checkpoint
   */
  async finish(p: Position, queued: Queued, next?: Queued): Promise<Position> {
    const { stepper, clock, control, recovery, reporter, moved } = this.#parts;
    const settled = await stepper.settle(queued);
    // Let a completion that has arrived at the same time be handled as well.
    if (next) await new Promise((resolve) => setImmediate(resolve));
    const stepSeconds = clock.measure(queued.completion.at ?? performance.now(), next?.completion.at);
    if (settled.bad) return recovery.fromStep(p, queued, settled.bad, settled.loss);
    const { result, gradNorm, lost } = settled;
    for (const name of lost) this.#noteLost(name, p.step);
    const { lr, dataSeconds } = queued;
    const { loss, images, metrics } = result;
    const measured = { loss, images, lr, stepSeconds, dataSeconds, gradNorm, team: control.team, metrics };
    const after = afterStep(p, result);
    moved(after);
    await reporter.step(p, after, measured);
    return this.#logMean(p.batch, after);
  }

  /** Tells the user, once for each metric, that values of it are left out. */
  #noteLost(name: string, step: number): void {
    if (this.#lost.has(name)) return;
    this.#lost.add(name);
    this.#parts.reporter.say(
      'note',
      step,
      `The metric ${name} was NaN or infinite at step ${step + 1}; such values are left out.`,
    );
  }

  /** Every `logEvery` batches: the mean loss since the last call, and whether it is still at chance level. */
  #logMean(batchBefore: number, p: Position): Position {
    const { config, flatSteps, method, reporter } = this.#parts;
    if (Math.floor(p.batch / config.logEvery) === Math.floor(batchBefore / config.logEvery)) return p;
    const mean = p.running.reduce((a, b) => a + b, 0) / p.running.length;
    reporter.meanLoss(p, mean);
    const { chanceLoss } = method;
    const { flat, due } = flatLoss(p, mean, chanceLoss, flatSteps);
    if (due) reporter.flat(p.step, `After ${counted(p.step, 'step')} the loss is still`, chanceLoss!);
    return { ...p, running: [], flat };
  }
}
