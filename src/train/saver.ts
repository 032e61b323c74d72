import { join } from 'node:path';
import type { Device } from '../backend/backend.js';
import type { World } from '../distributed/index.js';
import { CheckpointError, UsageError } from '../errors/errors.js';
import { isTransient, systemCode } from '../files/transient-error.js';
import { readSafetensors, type SafetensorsFile, writeSafetensors } from '../interop/safetensors/checked.js';
import type { Module } from '../nn/module.js';
import {
  type Best,
  type Position,
  restoreCheckpoint,
  saveCheckpoint,
  type Trained,
  type Wholes,
  weightsIn,
} from '../run/checkpoint.js';
import type { Measurement, Observer } from '../run/events.js';
import type { RunFolder, RunState } from '../run/run-folder.js';
import type { BestBy } from './method/method.js';
import { scoreOf } from './method/score.js';
import { receiveCheckpoint, sendCheckpoint } from './ranks/broadcast-checkpoint.js';
import { gatherParts, tensorsIn } from './ranks/gather-parts.js';

export interface SaverParts {
  readonly folder: RunFolder;
  readonly trained: Trained;
  /** Which measurement decides the best weights; by default the accuracy. */
  readonly best: BestBy | undefined;
  readonly observer: Observer;
  /** Several ranks, of which the first reads and writes; undefined for a run on its own. */
  readonly world?: World | undefined;
  /** Sends a message to observers and to the log of the run. */
  readonly note: (text: string) => void;
}

/** Delay in milliseconds before a failed checkpoint is retried. */
const RETRY_MS = 60_000;

/** A checkpoint that could not be written yet. */
interface Owed {
  readonly step: number;
  readonly measured: Measurement | undefined;
  readonly failedAt: number;
}

/** The best weights, copied while they could not be written. */
interface Waiting {
  readonly best: Best;
  readonly weights: ReturnType<typeof weightsIn>;
}

/** Saves and restores a run: checkpoints, best weights, and `state.json`. */
export class Saver {
  readonly #parts: SaverParts;
  #saved = -1;
  #best: Best | undefined;
  #owed: Owed | undefined;
  #waiting: Waiting | undefined;

  constructor(parts: SaverParts) {
    this.#parts = parts;
  }

  /**
   * Restores the run from its latest intact checkpoint and drops log lines after it. Damaged checkpoints are renamed.
   *
   * @returns the position, undefined if the run ended before its first checkpoint and starts again; and messages for the
   *   user
   * @throws CheckpointError if no checkpoint is intact; CheckpointError or ShapeError for one of another run, which leaves
   *   the run unchanged
   */
  async resume(): Promise<{ position?: Position; notes: readonly string[] }> {
    const { world } = this.#parts;
    if (!world) return this.#resume();
    if (world.first) return this.#resume((name, file) => sendCheckpoint(world, name, file));
    const received = await receiveCheckpoint(world);
    return received
      ? { position: await this.#restore(received.name, received.file), notes: [] }
      : { notes: [] };
  }

  /** @param found called with the checkpoint before it is restored, or without one */
  async #resume(
    found: (name?: string, file?: SafetensorsFile) => Promise<void> = async () => {},
  ): Promise<{ position?: Position; notes: readonly string[] }> {
    const { folder } = this.#parts;
    const notes: string[] = [];
    const state = await this.#state(notes);
    const names = await this.#candidates(state);
    if (names.length === 0) {
      await this.#refuseToBeginAgain(state);
      await folder.rewind({ step: 0, epoch: 0 });
      await found();
      return { notes };
    }
    const { name, file, damaged } = await this.#newestWhole(names);
    await found(name, file);
    const position = await this.#restore(name, file);
    const best = (this.#best ??= state.best);
    for (const { name: other, error } of damaged) {
      const aside = await folder.checkpoints.setAside(other);
      const kept = aside
        ? `It was renamed to ${aside}.`
        : `The run’s state.json refers to it, but it does not exist.`;
      notes.push(`${error.message.split(' Next: ')[0]}\n${kept}`);
    }
    notes.push(...(await folder.rewind(position)));
    // If the run was killed between writing a checkpoint and its state, the checkpoint is newer.
    if (name !== state.latest || best?.file !== state.best?.file)
      await folder.writeState(stateOf(name, best));
    if (notes.length > 0) notes.push(`The run resumes from ${name}, after step ${position.step}.`);
    return { position, notes };
  }

  async #restore(name: string, whole: SafetensorsFile): Promise<Position> {
    const { folder, trained, world } = this.#parts;
    const split = world?.split;
    const tensors = split
      ? new Map([...whole.tensors].map(([key, array]) => [key, split.part(key, array)]))
      : whole.tensors;
    const file = { ...whole, tensors };
    const { position, best, kernels } = restoreCheckpoint(folder.checkpoints.file(name), file, trained);
    // Choosing kernels again could select others, which would change the last bits.
    if (kernels) await deviceOf(trained.model)?.kernels(kernels);
    this.#best = best;
    this.#waiting = undefined;
    this.#saved = position.step;
    return position;
  }

  /** Reads `state.json`; if it is damaged, an empty state and a message. */
  async #state(notes: string[]): Promise<RunState> {
    try {
      return await this.#parts.folder.state();
    } catch (error) {
      if (!(error instanceof CheckpointError) || systemCode(error)) throw error;
      notes.push(`${error.what}: it is rebuilt from the checkpoints.`);
      return { version: 1 };
    }
  }

  /** The checkpoints to resume from, the preferred one first. */
  async #candidates({ latest }: RunState): Promise<string[]> {
    const names = (await this.#parts.folder.checkpoints.steps()).reverse();
    return latest === undefined ? names : [latest, ...names.filter((name) => name < latest)];
  }

  async #refuseToBeginAgain({ best }: RunState): Promise<void> {
    const { folder } = this.#parts;
    if (best)
      throw new UsageError({
        what: `The run in ${folder.path} has ended and cannot be resumed`,
        expected: 'a checkpoint',
        got: `only the best weights (${best.file}), since \`reproduce\` keeps nothing else of a finished run`,
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
        // A file that cannot be read because of permissions or a disk error is not damaged.
        const code = systemCode(error);
        if (!(error instanceof CheckpointError) || (code && code !== 'ENOENT' && code !== 'EIO')) throw error;
        damaged.push({ name, error });
      }
    }
    throw noneWhole(folder, damaged.map(({ error }) => error.message.split(' Next: ')[0]).join('\n'));
  }

  /** Whether the run has a checkpoint; the same on all ranks. */
  async hasCheckpoint(): Promise<boolean> {
    const { folder, world } = this.#parts;
    const own = (await folder.state()).latest !== undefined;
    return world ? world.broadcastValue(own) : own;
  }

  /**
   * Writes a checkpoint. After a temporary disk error the run continues with a message.
   * @param measured on the test set, if just measured; the best weights are saved
   */
  async save(position: Position, measured?: Measurement): Promise<void> {
    const wholes = await this.#gathered();
    if (this.#parts.world?.first === false) return;
    try {
      await this.#write(position, measured, wholes);
    } catch (error) {
      if (!isTransient(error)) throw error;
      const better = this.#better(position.step, measured);
      if (better) this.#waiting = { best: better, weights: await this.#copied(wholes) };
      const told = this.#owed !== undefined;
      this.#owed = { step: position.step, measured, failedAt: performance.now() };
      if (told) return;
      this.#parts.note(
        `${(error as Error).message}\nThere is no checkpoint at step ${position.step}. The run continues and retries in a minute and at the next checkpoint; the previous one is kept.`,
      );
    }
  }

  /** Like {@link save}, but replaces an existing checkpoint of the same step. */
  async rewrite(position: Position): Promise<void> {
    this.#saved = -1;
    await this.save(position);
  }

  /** Whether a failed checkpoint is due for a retry. */
  get overdue(): boolean {
    return this.#owed !== undefined && performance.now() - this.#owed.failedAt >= RETRY_MS;
  }

  /**
   * Writes a failed checkpoint at the end of a run.
   * @throws CheckpointError if it fails again
   */
  async settle(position: Position): Promise<void> {
    const { step, measured } = this.#owed ?? {};
    const { world, folder } = this.#parts;
    const owed = world?.split ? await world.broadcastValue(step !== undefined) : step !== undefined;
    if (owed) {
      const wholes = await this.#gathered();
      if (step !== undefined)
        await this.#write(position, step === position.step ? measured : undefined, wholes);
    }
    folder.syncLogs();
  }

  /** The tensors of which each rank has a part; all ranks call it. */
  async #gathered(): Promise<Wholes | undefined> {
    const { world, trained } = this.#parts;
    return world?.split && gatherParts(world, tensorsIn(trained));
  }

  /** What a measurement makes the best weights; undefined if it is not better than the best so far. */
  #better(step: number, measured: Measurement | undefined): Best | undefined {
    const { best } = this.#parts;
    const score = measured && scoreOf(measured, best);
    const before = this.#waiting?.best ?? this.#best;
    if (score === undefined || (before && !isBetter(score, before, best))) return undefined;
    const file = `best-${String(step).padStart(8, '0')}.safetensors`;
    return best ? { file, metric: best.metric, value: score } : { file, accuracy: score };
  }

  /** The present weights, which later steps do not change. */
  async #copied(wholes: Wholes = new Map()): Promise<Waiting['weights']> {
    const { model } = this.#parts.trained;
    const copies = new Map(wholes);
    for (const parameter of model.stateDict().values())
      if (!copies.has(parameter))
        copies.set(parameter, { shape: [...parameter.shape], data: (await parameter.data()).slice() });
    return weightsIn({ model, wholes: copies });
  }

  async #write(
    position: Position,
    measured: Measurement | undefined,
    wholes: Wholes | undefined,
  ): Promise<void> {
    const { folder, observer } = this.#parts;
    const trained: Trained = { ...this.#parts.trained, ...(wholes ? { wholes } : {}) };
    const { step } = position;
    const name = `step-${String(step).padStart(8, '0')}.safetensors`;
    // The log lines up to the checkpoint must reach the disk before it.
    folder.syncLogs();
    const better = this.#better(step, measured);
    const found = better ? { best: better, weights: weightsIn(trained) } : this.#waiting;
    if (found) {
      const { file, metric = 'accuracy', value, accuracy } = found.best;
      const metadata = { format: 'pt', [metric]: String(value ?? accuracy) };
      await writeSafetensors(folder.checkpoints.file(file), found.weights, metadata);
      this.#best = found.best;
      this.#waiting = undefined;
    }
    // At the end of an epoch the position changes without a step, so the same step may be saved again.
    if (this.#saved !== step || measured !== undefined) {
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

function isBetter(score: number, { accuracy, value }: Best, best: BestBy | undefined): boolean {
  const before = value ?? accuracy!;
  return best?.mode === 'min' ? score < before : score > before;
}

const deviceOf = (model: Module): Device | undefined => [...model.stateDict().values()][0]?.device;

const stateOf = (latest: string, best: Best | undefined): RunState => ({
  version: 1,
  latest,
  ...(best ? { best } : {}),
});

const noneWhole = (folder: RunFolder, got: string): CheckpointError =>
  new CheckpointError({
    what: `All checkpoints in ${join(folder.path, 'checkpoints')} are damaged`,
    expected: 'at least one to resume from',
    got,
    next: 'restore one from a copy, or start a new run; the damaged files are kept',
  });
