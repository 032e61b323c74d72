import type { Module } from '../../nn/module.js';
import type { SGD } from '../../optim/sgd.js';
import type { Position } from '../../run/checkpoint.js';
import type { TrainConfig } from '../../run/config.js';
import { afterSkip } from '../../run/position.js';
import type { RunFolder } from '../../run/run-folder.js';
import type { TimedSchedule } from '../optimizer.js';
import type { Queued, QueuedBatch, Stepper, StepperParts } from '../step.js';
import { badTensor, diagnose } from './diagnose.js';
import { type Bad, diverged, ROLLBACK_FACTOR, verdictOn } from './divergence.js';

export interface RecoveryParts {
  readonly config: TrainConfig;
  readonly model: Module;
  readonly loader: StepperParts['loader'];
  readonly optimizer: SGD;
  readonly timed: TimedSchedule | undefined;
  readonly stepper: Stepper;
  readonly folder: RunFolder;
  /** Tells people, at a step. */
  readonly note: (text: string) => void;
  /** Puts the run back to its last checkpoint, and tells where that is. */
  readonly resume: () => Promise<Position>;
  /** Writes the checkpoint of a place anew. */
  readonly save: (position: Position) => Promise<void>;
}

/** What a run does about numbers that are not finite, by `onNan`. Whatever it is, no checkpoint has such numbers. */
export class Recovery {
  readonly #parts: RecoveryParts;

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  get policy(): NonNullable<TrainConfig['onNan']> {
    return this.#parts.config.onNan ?? 'stop';
  }

  /**
   * After a step whose loss or gradients were bad, and which has changed nothing.
   * @returns where the run goes on
   * @throws DivergedError where it does not
   */
  async fromStep(position: Position, { index }: Queued, bad: QueuedBatch, loss: number): Promise<Position> {
    const { folder, note } = this.#parts;
    const step = position.step + 1;
    const where = await diagnose({ ...this.#parts, criterion: this.#parts.stepper.criterion }, bad);
    const got = Number.isFinite(loss)
      ? `a loss of ${loss}, with gradients that are not finite`
      : `a loss of ${loss}`;
    const verdict = verdictOn(this.policy, position, true);
    if (verdict !== 'skip') return this.#carryOut(verdict, position, { step, where, got });
    note(`Step ${step} was left out (--on-nan skip): ${where ?? got}.`);
    await folder.log({ event: 'skip', epoch: position.epoch + 1, step, where: where ?? got });
    return afterSkip(position, index);
  }

  /**
   * Looks at weights, momentum and averages, before they are saved. Steps are guarded, but an update of finite numbers
   * may overflow, and a layer of NaN can hide behind a rectifier or max-pooling that passes over it.
   *
   * @returns where the run goes on, if not here
   * @throws DivergedError where it does not go on
   */
  async fromState(position: Position): Promise<Position | undefined> {
    const { model, optimizer } = this.#parts;
    const tensors = new Map([...model.stateDict(), ...optimizer.stateDict().tensors]);
    for (const [name, mean] of optimizer.average?.stateDict().tensors ?? []) tensors.set(name, mean);
    const where = await badTensor(tensors);
    if (where === undefined) return undefined;
    return this.fromBad(position, { step: position.step, where, got: 'numbers that are not finite' });
  }

  /** As {@link fromState}, for what was found otherwise, such as an evaluation's loss. */
  async fromBad(position: Position, bad: Bad): Promise<Position> {
    return this.#carryOut(verdictOn(this.policy, position, false), position, bad);
  }

  async #carryOut(verdict: ReturnType<typeof verdictOn>, position: Position, bad: Bad): Promise<Position> {
    const { folder } = this.#parts;
    const { latest } = await folder.state();
    if (verdict === 'rollback' && latest) return this.#rollBack(position, bad);
    const next = typeof verdict === 'object' ? verdict.stop : 'there is no checkpoint to go back to';
    throw diverged(bad, next, latest && folder.checkpoints.file(latest));
  }

  async #rollBack(position: Position, { step, where, got }: Bad): Promise<Position> {
    const { optimizer, folder, note, resume, save } = this.#parts;
    const place = await resume();
    const back: Position = { ...place, rollbacks: (position.rollbacks ?? 0) + 1 };
    // The checkpoint has the rates that it was saved with, so all rollbacks so far count.
    for (const group of optimizer.paramGroups)
      group.lrScale *= ROLLBACK_FACTOR ** (back.rollbacks! - (place.rollbacks ?? 0));
    // At once, so that a run which is killed here goes on from here.
    await save(back);
    const { lr, lrScale } = optimizer.paramGroups[0]!;
    note(
      `Step ${step} was bad: ${where ?? got}. Back at step ${back.step} with a learning rate of ${Number((lr * lrScale).toPrecision(6))} (--on-nan rollback, ${back.rollbacks}).`,
    );
    await folder.log({
      event: 'rollback',
      step: back.step,
      from: step,
      lr: lr * lrScale,
      where: where ?? got,
    });
    return back;
  }
}
