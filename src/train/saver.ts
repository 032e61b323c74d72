import { join } from 'node:path';
import type { Device } from '../backend/backend.js';
import { CheckpointError, UsageError } from '../errors/errors.js';
import { isTransient, systemCode } from '../files/transient-error.js';
import { readSafetensors, type SafetensorsFile } from '../interop/safetensors/checked.js';
import type { Module } from '../nn/module.js';
import {
  type Best,
  type Position,
  restoreCheckpoint,
  saveCheckpoint,
  saveWeights,
  type Trained,
} from '../run/checkpoint.js';
import type { Observer } from '../run/events.js';
import type { RunFolder, RunState } from '../run/run-folder.js';

export interface SaverParts {
  readonly folder: RunFolder;
  readonly trained: Trained;
  readonly observer: Observer;
  /** Tells whoever watches, and the run's log. */
  readonly note: (text: string) => void;
}

/** A checkpoint that could not be written is tried again after so long. */
const RETRY_MS = 60_000;

/** A checkpoint that is still to be written. */
interface Owed {
  readonly step: number;
  readonly accuracy: number | undefined;
  readonly failedAt: number;
}

/** Takes a run to its folder and back: checkpoints, the best weights, and which of them count. */
export class Saver {
  readonly #parts: SaverParts;
  #saved = -1;
  #best: Best | undefined;
  #owed: Owed | undefined;

  constructor(parts: SaverParts) {
    this.#parts = parts;
  }

  /**
   * Puts the run back to its newest whole checkpoint, and drops what was logged after that. Damaged checkpoints on
   * the way are set aside.
   *
   * @returns no position for a run that ended before its first checkpoint, and begins again; and what a person should
   *   know of it
   * @throws CheckpointError when no checkpoint is whole; CheckpointError or ShapeError for one of another run; the
   *   run is then as before
   */
  async resume(): Promise<{ position?: Position; notes: readonly string[] }> {
    const { folder, trained } = this.#parts;
    const notes: string[] = [];
    const state = await this.#state(notes);
    const names = await this.#candidates(state);
    if (names.length === 0) {
      await this.#refuseToBeginAgain(state);
      await folder.rewind({ step: 0, epoch: 0 });
      return { notes };
    }
    const { name, file, damaged } = await this.#newestWhole(names);
    const {
      position,
      best = state.best,
      kernels,
    } = restoreCheckpoint(folder.checkpoints.file(name), file, trained);
    for (const { name: other, error } of damaged) {
      const aside = await folder.checkpoints.setAside(other);
      const kept = aside
        ? `It is set aside as ${aside}.`
        : `The run’s state names it, but it does not exist.`;
      notes.push(`${error.message.split(' Next: ')[0]}\n${kept}`);
    }
    // Another choice, made anew on a machine that has forgotten it, would change the last bits.
    if (kernels) await deviceOf(trained.model)?.kernels(kernels);
    this.#best = best;
    this.#saved = position.step;
    notes.push(...(await folder.rewind(position)));
    // Where the run was killed between a checkpoint and its state, the checkpoint knows better.
    if (name !== state.latest || best?.file !== state.best?.file)
      await folder.writeState(stateOf(name, best));
    if (notes.length > 0) notes.push(`The run goes on from ${name}, after step ${position.step}.`);
    return { position, notes };
  }

  /** What `state.json` says, or nothing where it says nothing. */
  async #state(notes: string[]): Promise<RunState> {
    try {
      return await this.#parts.folder.state();
    } catch (error) {
      if (!(error instanceof CheckpointError) || systemCode(error)) throw error;
      notes.push(`${error.what}: it is made anew from the checkpoints.`);
      return { version: 1 };
    }
  }

  /** The checkpoints to continue from, the best place first. */
  async #candidates({ latest }: RunState): Promise<string[]> {
    const names = (await this.#parts.folder.checkpoints.steps()).reverse();
    return latest === undefined ? names : [latest, ...names.filter((name) => name < latest)];
  }

  async #refuseToBeginAgain({ best }: RunState): Promise<void> {
    const { folder } = this.#parts;
    if (best)
      throw new UsageError({
        what: `The run in ${folder.path} has ended, and cannot be continued`,
        expected: 'a checkpoint',
        got: `the best weights (${best.file}) alone, which are kept of a training that \`reproduce\` has finished`,
        next: 'start a new run',
      });
    const damaged = await folder.checkpoints.damaged();
    if (damaged.length > 0) throw noneWhole(folder, `only ${damaged.join(', ')}`);
  }

  async #newestWhole(names: readonly string[]): Promise<{
    readonly name: string;
    readonly file: SafetensorsFile;
    readonly damaged: readonly { readonly name: string; readonly error: CheckpointError }[];
  }> {
    const { folder } = this.#parts;
    const damaged: { name: string; error: CheckpointError }[] = [];
    for (const name of names) {
      try {
        return { name, file: await readSafetensors(folder.checkpoints.file(name)), damaged };
      } catch (error) {
        // What may not be read, or not now, is not damaged.
        const code = systemCode(error);
        if (!(error instanceof CheckpointError) || (code && code !== 'ENOENT' && code !== 'EIO')) throw error;
        damaged.push({ name, error });
      }
    }
    throw noneWhole(folder, damaged.map(({ error }) => error.message.split(' Next: ')[0]).join('\n'));
  }

  /**
   * Writes a checkpoint. Where the disk is in trouble that may pass, the run goes on and says so.
   * @param accuracy on the test images, where it was just measured: the best weights are kept
   */
  async save(position: Position, accuracy?: number): Promise<void> {
    try {
      await this.#write(position, accuracy);
    } catch (error) {
      if (!isTransient(error)) throw error;
      this.#owed = { step: position.step, accuracy, failedAt: performance.now() };
      this.#parts.note(
        `${(error as Error).message}\nThere is no checkpoint at step ${position.step}. The run goes on, and tries again in a minute and at the next checkpoint; the one before is kept.`,
      );
    }
  }

  /** As {@link save}, for a place whose checkpoint is there already and no longer says what it should. */
  async rewrite(position: Position): Promise<void> {
    this.#saved = -1;
    await this.save(position);
  }

  /** Whether a checkpoint failed, and the time has come to try again. */
  get overdue(): boolean {
    return this.#owed !== undefined && performance.now() - this.#owed.failedAt >= RETRY_MS;
  }

  /**
   * Writes, at the end of a run, what could not be written before.
   * @throws CheckpointError when that is still so
   */
  async settle(position: Position): Promise<void> {
    const { step, accuracy } = this.#owed ?? {};
    if (step !== undefined) await this.#write(position, step === position.step ? accuracy : undefined);
    this.#parts.folder.syncLogs();
  }

  async #write(position: Position, accuracy: number | undefined): Promise<void> {
    const { folder, trained, observer } = this.#parts;
    const { step } = position;
    const name = `step-${String(step).padStart(8, '0')}.safetensors`;
    // A checkpoint must not be of a later time than the lines that belong to it.
    folder.syncLogs();
    if (accuracy !== undefined && (!this.#best || accuracy > this.#best.accuracy)) {
      const file = `best-${String(step).padStart(8, '0')}.safetensors`;
      await saveWeights(folder.checkpoints.file(file), trained.model, { accuracy: String(accuracy) });
      this.#best = { file, accuracy };
    }
    // At the end of an epoch the position moves on without a step, so the same step may be saved again.
    if (this.#saved !== step || accuracy !== undefined) {
      const kernels = await deviceOf(trained.model)?.kernels();
      await saveCheckpoint(folder.checkpoints.file(name), trained, position, this.#best, kernels);
      this.#saved = step;
    }
    const state = stateOf(name, this.#best);
    await folder.writeState(state);
    await folder.checkpoints.prune(state);
    this.#owed = undefined;
    observer.checkpoint?.(name);
  }
}

const deviceOf = (model: Module): Device | undefined => [...model.stateDict().values()][0]?.device;

const stateOf = (latest: string, best: Best | undefined): RunState => ({
  version: 1,
  latest,
  ...(best ? { best } : {}),
});

const noneWhole = (folder: RunFolder, got: string): CheckpointError =>
  new CheckpointError({
    what: `None of the checkpoints in ${join(folder.path, 'checkpoints')} is whole`,
    expected: 'at least one to continue from',
    got,
    next: 'restore one from a copy, or start a new run; what is left of them stays where it is',
  });
