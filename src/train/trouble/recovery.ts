import type { World } from '../../distributed/index.js';
import type { Module } from '../../nn/module.js';
import type { Position } from '../../run/checkpoint.js';
import type { TrainConfig } from '../../run/config.js';
import { afterSkip } from '../../run/position.js';
import type { RunFolder } from '../../run/run-folder.js';
import type { Method } from '../method/method.js';
import type { Feed, Queued, QueuedBatch } from '../steps/step.js';
import { badTensor, diagnose } from './diagnose.js';
import { type Bad, diverged, ROLLBACK_FACTOR, verdictOn } from './divergence.js';

/** Maximum number of ranks that a message names. */
const MOST_NAMED = 4;

export interface RecoveryParts {
  readonly config: TrainConfig;
  readonly model: Module;
  readonly feed: Feed;
  readonly method: Method;
  readonly folder: RunFolder;
  readonly world?: World | undefined;
  /** Sends a message to the user. */
  readonly note: (text: string) => void;
  /** Restores the last checkpoint. @returns its position */
  readonly resume: () => Promise<Position>;
  /** Rewrites the checkpoint of a position. */
  readonly save: (position: Position) => Promise<void>;
}

/** Handles NaN and infinity by the policy `onNan`. No checkpoint ever contains them. */
export class Recovery {
  readonly #parts: RecoveryParts;

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  get policy(): NonNullable<TrainConfig['onNan']> {
    return this.#parts.config.onNan ?? 'stop';
  }

  /**
   * Handles a step with a bad loss or gradients; its update was skipped.
   * @returns the position at which the run continues
   * @throws DivergedError if it does not
   */
  async fromStep(position: Position, { index }: Queued, bad: QueuedBatch, loss: number): Promise<Position> {
    const { folder, note } = this.#parts;
    const step = position.step + 1;
    const where = await this.#found(await diagnose({ ...this.#parts, seed: this.#parts.config.seed }, bad));
    const got = Number.isFinite(loss)
      ? `a loss of ${loss}, with NaN or infinite gradients`
      : `a loss of ${loss}`;
    const verdict = verdictOn(this.policy, position, true);
    if (verdict !== 'skip') return this.#carryOut(verdict, position, { step, where, got });
    note(`Step ${step} was skipped (--on-nan skip): ${where ?? got}.`);
    await folder.log({ event: 'skip', epoch: position.epoch + 1, step, where: where ?? got });
    return afterSkip(position, index);
  }

  /** What each rank has found, with its name: NaN that one rank finds first may come from another rank. */
  async #found(own: string | undefined): Promise<string | undefined> {
    const { world } = this.#parts;
    if (!world) return own;
    const all = await world.texts(own ?? '');
    const found = all.flatMap((text, rank) => (text === '' ? [] : `on ${world.nameOf(rank)}, ${text}`));
    return found.length === 0 ? undefined : found.slice(0, MOST_NAMED).join('; ');
  }

  /**
   * Checks weights, momentum and averages before they are saved. Each step is checked, but the update of finite values may
   * overflow, and ReLU or max pooling can hide NaN in a layer.
   *
   * @returns the position after a rollback; undefined if all values are finite
   * @throws DivergedError if the run does not continue
   */
  async fromState(position: Position): Promise<Position | undefined> {
    const { model, method } = this.#parts;
    const tensors = new Map(model.stateDict());
    for (const optimizer of Object.values(method.optimizers)) {
      for (const [name, tensor] of optimizer.stateDict().tensors) tensors.set(name, tensor);
      for (const [name, mean] of optimizer.average?.stateDict().tensors ?? []) tensors.set(name, mean);
    }
    const { world } = this.#parts;
    const own = await badTensor(tensors);
    // Otherwise all ranks have the same weights.
    const where = world?.split ? await this.#found(own) : own;
    if (where === undefined) return undefined;
    return this.fromBad(position, { step: position.step, where, got: 'NaN or infinity' });
  }

  /** Like {@link fromState}, for NaN or infinity found elsewhere, such as in the loss of an evaluation. */
  async fromBad(position: Position, bad: Bad): Promise<Position> {
    return this.#carryOut(verdictOn(this.policy, position, false), position, bad);
  }

  async #carryOut(verdict: ReturnType<typeof verdictOn>, position: Position, bad: Bad): Promise<Position> {
    const { folder, world } = this.#parts;
    const own = (await folder.state()).latest ?? null;
    const latest = world ? await world.broadcastValue(own) : own;
    if (verdict === 'rollback' && latest) return this.#rollBack(position, bad);
    const next = typeof verdict === 'object' ? verdict.stop : 'there is no checkpoint to go back to';
    throw diverged(bad, next, latest === null ? undefined : folder.checkpoints.file(latest));
  }

  async #rollBack(position: Position, { step, where, got }: Bad): Promise<Position> {
    const { method, folder, note, resume, save } = this.#parts;
    const optimizers = Object.values(method.optimizers);
    const place = await resume();
    const back: Position = { ...place, rollbacks: (position.rollbacks ?? 0) + 1 };
    // The checkpoint restores the learning rate at its time of saving, so apply all rollbacks so far.
    for (const group of optimizers.flatMap(({ paramGroups }) => paramGroups))
      group.lrScale *= ROLLBACK_FACTOR ** (back.rollbacks! - (place.rollbacks ?? 0));
    // Save immediately, so that a run killed now resumes with the lower learning rate.
    await save(back);
    const { lr, lrScale } = optimizers[0]!.paramGroups[0]!;
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
