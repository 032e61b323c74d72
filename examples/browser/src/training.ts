import { DataLoader, nn, optim, type Tensor } from 'paperweight/core';
import { accuracyOf, lookAt } from './measure.js';
import type { Report, Settings } from './protocol.js';
import { type Session, transformFor } from './session.js';

/** What the page asks for, between steps. */
export type Wish = 'run' | 'pause' | 'stop';

/** How a training is steered, and where its results go. */
export interface Observer {
  say(report: Report): void;
  /** What the page asks for now; messages are handled before it answers. */
  wish(): Promise<Wish>;
  /** Resolves when the page asks for something else than a pause. */
  resumed(): Promise<void>;
  /** The weights were measured after a step. */
  measured?(step: number): Promise<void>;
}

/** The limit of steps that are sent before the result of the first has arrived … */
const MOST_AHEAD = 8;
/** … if they take less than this together, in milliseconds. Some browsers report results only ten times a second. */
const AHEAD_MS = 250;
/** Steps over which the rate is measured. */
const RATE_STEPS = 20;

/** Steps whose losses have not arrived yet. */
class Pending {
  readonly #reports: Promise<void>[] = [];
  /** Times at which the latest losses arrived. */
  #times: number[] = [];

  constructor(
    readonly observer: Observer,
    readonly batchSize: number,
  ) {}

  /** Forgets the times, after something else than steps. */
  restart(): void {
    this.#times = [performance.now()];
  }

  /** @throws NotFinite if the loss is NaN or infinite */
  add(step: number, loss: Promise<number>): void {
    const report = loss.then((value) => {
      if (!Number.isFinite(value)) throw new NotFinite(step);
      this.#times.push(performance.now());
      if (this.#times.length > RATE_STEPS) this.#times.shift();
      const rate = this.batchSize / (this.#milliseconds / 1000);
      this.observer.say({ kind: 'step', step, loss: value, rate });
    });
    report.catch(() => {});
    this.#reports.push(report);
  }

  /** Average time of a step. */
  get #milliseconds(): number {
    const times = this.#times;
    return times.length < 2 ? AHEAD_MS : (times.at(-1)! - times[0]!) / (times.length - 1);
  }

  /** Waits until another step may be sent. */
  async room(): Promise<void> {
    const most = Math.max(2, Math.min(MOST_AHEAD, Math.floor(AHEAD_MS / this.#milliseconds)));
    while (this.#reports.length >= most) await this.#reports.shift();
  }

  async all(): Promise<void> {
    while (this.#reports.length > 0) await this.#reports.shift();
  }
}

/** The loss of a step, or its gradient, was NaN or infinite. */
export class NotFinite extends Error {
  constructor(readonly step: number) {
    super(`step ${step}: NaN or infinite`);
  }
}

function optimizerFor({ network, rate }: Settings, model: nn.Module): optim.Optimizer {
  return network === 'vit'
    ? new optim.Adam(model.parameters(), { lr: rate })
    : new optim.SGD(model.parameters(), { lr: rate, momentum: 0.9, weightDecay: 1e-4 });
}

/**
 * Trains a network from its present weights.
 * @throws NotFinite where training has diverged; the step with NaN has changed nothing
 */
export async function train(session: Session, observer: Observer): Promise<void> {
  const { settings, model, trainSet } = session;
  const { batchSize, epochs } = settings;
  const loader = new DataLoader(trainSet, {
    batchSize,
    shuffle: true,
    dropLast: true,
    transform: transformFor(settings),
  });
  const steps = epochs * Math.floor(trainSet.length / batchSize);
  observer.say({ kind: 'begin', steps });
  observer.say({ kind: 'state', state: 'running', step: 0 });
  const optimizer = optimizerFor(settings, model);
  const schedule = new optim.CosineAnnealingLR(optimizer, { tMax: Math.max(1, steps) });
  const criterion = new nn.CrossEntropyLoss();
  const lookEvery = Math.max(20, Math.min(100, Math.floor(steps / 20)));
  const pending = new Pending(observer, batchSize);
  const measure = async (step: number): Promise<void> => {
    await pending.all();
    observer.say({ kind: 'accuracy', step, accuracy: await accuracyOf(session) });
    observer.say({ kind: 'look', ...(await lookAt(session)) });
    await observer.measured?.(step);
    pending.restart();
  };
  let step = 0;
  observer.say({ kind: 'look', ...(await lookAt(session)) });
  pending.restart();
  for (let epoch = 0; epoch < epochs; epoch++)
    for await (const [inputs, labels] of loader) {
      let wish = await observer.wish();
      if (wish === 'pause') {
        await pending.all();
        observer.say({ kind: 'state', state: 'paused', step });
        await observer.resumed();
        observer.say({ kind: 'state', state: 'running', step });
        pending.restart();
        wish = await observer.wish();
      }
      if (wish === 'stop') {
        await pending.all();
        return observer.say({ kind: 'state', state: 'stopped', step });
      }
      step++;
      pending.add(step, update(criterion.forward(model.forward(inputs), labels), optimizer));
      schedule.step();
      await pending.room();
      if (step % lookEvery === 0 || step === steps) await measure(step);
    }
  observer.say({ kind: 'state', state: 'finished', step });
}

/** One step, which changes nothing if its loss or a gradient is NaN or infinite. @returns the loss, or NaN */
async function update(loss: Tensor, optimizer: optim.Optimizer): Promise<number> {
  optimizer.zeroGrad();
  loss.backward();
  const parameters = optimizer.paramGroups.flatMap((group) => group.parameters);
  const grads = parameters.flatMap(({ grad }) => (grad ? [grad] : []));
  const guard = optim.finiteGuard(loss, grads);
  optimizer.step({ guard });
  const [value, sum] = await Promise.all([loss.item(), guard.item()]);
  return Number.isFinite(sum) ? value : Number.NaN;
}
