import type { Module } from '../nn/module.js';
import type { TrainConfig } from '../run/config.js';
import type { Measurement, Observer } from '../run/events.js';
import type { RunFolder } from '../run/run-folder.js';
import { sampleSteps } from '../run/sample-files.js';
import type { Method } from './method/method.js';
import { recordSamples, rehearseSamples } from './method/samples.js';
import type { SharedControl } from './shared-control.js';

export interface EvaluationParts {
  readonly config: TrainConfig;
  readonly model: Module;
  readonly folder: RunFolder;
  readonly method: Method;
  readonly observer: Observer;
  /** Sends a message to observers and to the log of the run. */
  readonly note: (text: string) => void;
  readonly control: SharedControl;
  /** Number of test images; undefined for all. */
  readonly limit: number | undefined;
}

/** Evaluations of the model during a run, and the images that it generates. */
export class Evaluation {
  readonly #parts: EvaluationParts;
  readonly #reported = new Set<string>();

  constructor(parts: EvaluationParts) {
    this.#parts = parts;
  }

  /**
   * Evaluates the averaged weights, if the run averages them; they stay in the model until {@link restoreWeights}.
   * @returns undefined if the run was told to stop, `unmeasured` if it is not evaluated at all
   */
  async measure(): Promise<Measurement | 'unmeasured' | undefined> {
    const { method, limit, observer, control } = this.#parts;
    const { signal } = control;
    if (!method.evaluate) return 'unmeasured';
    for (const { average } of this.#optimizers) average?.swapIn();
    try {
      return await method.evaluate({
        limit,
        onProgress: (images, total) => {
          control.poll();
          observer.evaluating?.(images, total);
        },
        signal,
      });
    } catch (error) {
      if (signal.aborted || (control.shared && (error as Error).name === 'AbortError')) return undefined;
      throw error;
    }
  }

  /** Puts the model's own weights back after {@link measure}. */
  restoreWeights(): void {
    for (const { average } of this.#optimizers) average?.swapOut();
  }

  /** Checks the images of a generative model before the first step. */
  async rehearseSamples(): Promise<void> {
    const { model, config, method, control } = this.#parts;
    const { samples } = method;
    if (samples && control.first) await rehearseSamples({ model, seed: config.seed, samples });
  }

  /** Saves images of a generative model. @param step number of completed steps */
  async sample(step: number): Promise<void> {
    const { model, config, folder, method, observer, control, note } = this.#parts;
    const { samples } = method;
    if (!samples || !control.first) return;
    const made = await folder.spare(() =>
      recordSamples(
        { model, run: folder.path, seed: config.seed, samples, note, reported: this.#reported },
        step,
      ),
    );
    if (made) observer.samples?.(made);
  }

  /** Saves the images of a completed epoch that a killed run did not come to save: the same ones. */
  async sampleMissing(step: number): Promise<void> {
    const { folder, method } = this.#parts;
    if (!method.samples || (await sampleSteps(folder.path)).includes(step)) return;
    for (const { average } of this.#optimizers) average?.swapIn();
    try {
      await this.sample(step);
    } finally {
      this.restoreWeights();
    }
  }

  get #optimizers() {
    return Object.values(this.#parts.method.optimizers);
  }
}

/** Which measurement is NaN or infinite, if one is. */
export function badMeasurement({ loss, metrics }: Measurement): string | undefined {
  const all = { ...(loss === undefined ? {} : { loss }), ...metrics };
  const bad = Object.entries(all).find(([, value]) => !Number.isFinite(value));
  return bad && `a ${bad[0]} of ${bad[1]} on the test ${metrics ? 'set' : 'images'}`;
}
