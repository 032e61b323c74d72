import { z } from 'zod';
import type { CompareOptions } from './compare-options.js';
import { PEERS, type PeerName, peerCommand } from './peers.js';
import { Side, SideError } from './side.js';

/** Largest accepted relative difference of logits, to confirm that both sides compute the same network. */
const SAME_WORK = { float32: 1e-4, bfloat16: 0.05 };

/** First line printed by each side. */
export const readySchema = z.object({
  name: z.string(),
  version: z.string(),
  logits: z.array(z.number()),
  warmupSeconds: z.array(z.number()),
});
export const secondsSchema = z.object({ seconds: z.array(z.number().positive()).min(1) });

type About = {
  readonly name: string;
  readonly mode: string;
  readonly version: string;
  readonly measuredBatch: number;
  readonly peakRssMiB: number;
  readonly logitsDifference: number;
};
export type Found =
  | { readonly about: About; readonly seconds: readonly number[] }
  | { readonly peer: { readonly name: string; readonly mode: string; readonly impossible: string } };

/** A peer during a comparison. After a failure it stays failed, while our side is still measured. */
export class PeerSide {
  #side: Side | undefined;
  #impossible: string | undefined;
  #version = '';
  #difference = 0;
  readonly #seconds: number[] = [];
  readonly #mode: string;

  constructor(
    readonly name: PeerName,
    readonly options: CompareOptions,
    /** Batch size of its own steps. */
    readonly batch: number,
  ) {
    this.#mode = options.mode || PEERS[name].modes[0]!;
    if (batch === 0) this.#impossible = `${name} cannot ${options.what}`;
  }

  async start(workFile: string, logits: readonly number[]): Promise<string> {
    const { places, threads, limit, mode, precision } = this.options;
    this.#side = new Side(await peerCommand(this.name, [workFile], places, threads));
    try {
      const ready = readySchema.parse(await this.#side.ready(limit));
      this.#version = ready.version;
      // A peer with a smaller batch returns fewer logits.
      this.#difference = relativeDifference(logits.slice(0, ready.logits.length), ready.logits);
      const allowed =
        mode.includes('bf16') || precision !== 'float32' ? SAME_WORK.bfloat16 : SAME_WORK.float32;
      if (!(this.#difference <= allowed))
        throw new SideError({
          what: `${this.name} does not compute the same values as Paperweight`,
          expected: `logits that differ by at most ${allowed} of the largest logit`,
          got: String(this.#difference),
        });
      return `${this.name} ${this.#version} is ready; its logits differ by ${this.#difference.toExponential(1)}`;
    } catch (error) {
      return this.#fail(error);
    }
  }

  #fail(error: unknown): string {
    if (!(error instanceof SideError)) throw error;
    this.#side?.kill();
    this.#impossible = error.message;
    return error.message;
  }

  /** Seconds of each step, scaled to the comparison's batch size. */
  async go(steps: number): Promise<number[] | undefined> {
    if (this.#impossible !== undefined) return undefined;
    try {
      const { limit, batch } = this.options;
      const scaled = this.batch < batch;
      const answer = await this.#side!.ask(`go ${scaled ? 1 : steps}`, limit);
      const seconds = secondsSchema.parse(answer).seconds.map((s) => (s * batch) / this.batch);
      this.#seconds.push(...seconds);
      return seconds;
    } catch (error) {
      this.options.onProgress?.(this.#fail(error));
      return undefined;
    }
  }

  /** Its measurements, or why it could not measure. */
  async finish(): Promise<Found> {
    const about = { name: this.name, mode: this.#mode };
    // Rounds measured before a failure still count.
    if (this.#seconds.length === 0)
      return { peer: { ...about, impossible: this.#impossible ?? 'it completed no step' } };
    const peakRssMiB = this.#impossible === undefined ? Number((await this.#side!.end()).peakRssMiB) : 0;
    return {
      about: {
        ...about,
        version: this.#version,
        measuredBatch: this.batch,
        peakRssMiB,
        logitsDifference: this.#difference,
      },
      seconds: this.#seconds,
    };
  }

  kill(): void {
    this.#side?.kill();
  }
}

/** Largest absolute difference divided by the largest absolute value; Infinity for lists of different lengths. */
export function relativeDifference(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  if (a.length === 0) return Number.POSITIVE_INFINITY;
  const scale = Math.max(...a.map(Math.abs));
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!))) / scale;
}
