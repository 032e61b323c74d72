import { basename, join } from 'node:path';
import { CheckpointError, PaperweightError } from '../errors.js';
import { loadCheckpoint, type Position, saveCheckpoint, saveWeights, type Trained } from './checkpoint.js';
import type { Observer } from './events.js';
import type { RunFolder } from './run-folder.js';

export interface SaverParts {
  readonly folder: RunFolder;
  readonly trained: Trained;
  readonly observer: Observer;
}

/** Takes a run to its folder and back: checkpoints, the best weights, and which of them count. */
export class Saver {
  readonly #parts: SaverParts;
  #saved = -1;

  constructor(parts: SaverParts) {
    this.#parts = parts;
  }

  /**
   * Puts the run back to where its folder says that it stands, and drops what was logged after that.
   *
   * @returns undefined for a run that ended before its first checkpoint, and begins again
   * @throws CheckpointError or ShapeError for a checkpoint that is broken or of another run; the run is then as before
   */
  async resume(): Promise<Position | undefined> {
    const { folder, trained } = this.#parts;
    const { latest } = await folder.state();
    if (!latest) {
      await folder.rewind({ step: 0, epoch: 0 });
      return undefined;
    }
    let position: Position;
    try {
      position = await loadCheckpoint(folder.checkpoint(latest), trained);
    } catch (error) {
      const before = await folder.checkpointBefore(latest);
      if (!(error instanceof PaperweightError) || !before) throw error;
      const { what, expected, got } = error;
      const next = `write "latest": "${before}" into ${join(folder.path, 'state.json')} to continue from the checkpoint before`;
      throw new CheckpointError({ what, expected, got, next, cause: error });
    }
    this.#saved = position.step;
    await folder.rewind(position);
    return position;
  }

  /**
   * Writes a checkpoint.
   * @param accuracy on the test pictures, where it was just measured: the best weights are kept
   */
  async save(position: Position, accuracy?: number): Promise<void> {
    const { folder, trained, observer } = this.#parts;
    const { step } = position;
    const state = await folder.state();
    const name = `step-${String(step).padStart(8, '0')}.safetensors`;
    let best = state.best;
    if (accuracy !== undefined && (!best || accuracy > best.accuracy)) {
      best = { file: `best-${String(step).padStart(8, '0')}.safetensors`, accuracy };
      await saveWeights(folder.checkpoint(best.file), trained.model, { accuracy: String(accuracy) });
    }
    // At the end of an epoch the position moves on without a step, so the same step may be saved again.
    if (this.#saved !== step || accuracy !== undefined) {
      await saveCheckpoint(folder.checkpoint(name), trained, position);
      this.#saved = step;
    }
    const next = { version: 1 as const, latest: name, ...(best ? { best } : {}) };
    await folder.writeState(next);
    await folder.prune(next);
    observer.checkpoint?.(basename(name));
  }
}
