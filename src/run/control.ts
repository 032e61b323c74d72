import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { sized } from '../errors/sized.js';
import type { ControlRequest } from './events.js';
import { writeProcess } from './process-file.js';

const requestSchema = z.object({
  action: z.enum(['pause', 'resume', 'stop'] satisfies ControlRequest['action'][]),
  /** Any string that differs from that of the previous request. */
  id: sized(z.string(), 1, 200),
});

/** Minimum time between two reads of the file, in milliseconds. */
const POLL_MS = 250;
/** Maximum size of a request. */
const MAX_BYTES = 4096;

export interface ControlOptions {
  /** The run's folder. */
  readonly run: string;
  /** The caller's signal, which also ends the run. */
  readonly signal?: AbortSignal | undefined;
  readonly note: (text: string) => void;
}

/**
 * Requests from other processes to a training run: `control.json` in its folder, with an action and an id. Each id is
 * executed once; a request from before the run started is ignored.
 */
export class Control {
  /** Aborted by the caller's signal or by a request to stop. */
  readonly signal: AbortSignal;
  readonly #file: string;
  readonly #options: ControlOptions;
  readonly #stop = new AbortController();
  readonly #carriedOut = new Set<string>();
  #version: string;
  #looked = Number.NEGATIVE_INFINITY;
  #paused = false;

  constructor(options: ControlOptions) {
    this.#options = options;
    this.#file = join(options.run, 'control.json');
    this.signal = options.signal ? AbortSignal.any([options.signal, this.#stop.signal]) : this.#stop.signal;
    this.#version = this.#stat();
    const old = this.#version ? this.#read() : '';
    if (typeof old === 'object') this.#carriedOut.add(old.id);
  }

  /** Whether a pause was requested. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Checks for a new request, at most a few times a second. */
  poll(): void {
    const now = performance.now();
    if (now - this.#looked < POLL_MS) return;
    this.#looked = now;
    const version = this.#stat();
    if (version === this.#version) return;
    this.#version = version;
    if (version) this.#carryOut(this.#read());
  }

  /**
   * While paused, waits until the run is resumed or stopped.
   * @param step number of completed steps
   * @param turn called repeatedly, with whether the run should stay paused; the pause ends if it returns false
   */
  async wait(step: number, turn = async (paused: boolean): Promise<boolean> => paused): Promise<void> {
    const { note } = this.#options;
    note(`Paused after step ${step}.`);
    await this.#tellStatus('paused');
    while (await turn(this.#paused && !this.signal.aborted)) {
      await sleep(POLL_MS, undefined, { signal: this.signal }).catch(() => {});
      this.poll();
    }
    if (this.signal.aborted) return;
    await this.#tellStatus('training');
    note(`Resumed after step ${step}.`);
  }

  /** A status that cannot be written must not end the run. */
  async #tellStatus(status: 'paused' | 'training'): Promise<void> {
    const { run, note } = this.#options;
    await writeProcess(run, status).catch((error: Error) => note(error.message));
  }

  #carryOut(request: z.infer<typeof requestSchema> | string): void {
    const { note } = this.#options;
    if (typeof request === 'string') {
      note(`${this.#file} is not a valid request and is ignored: ${request}`);
      return;
    }
    const { action, id } = request;
    if (this.#carriedOut.has(id)) return;
    this.#carriedOut.add(id);
    if (action === 'stop') {
      note('Stop requested: the run will save a checkpoint and end after this step.');
      this.#stop.abort();
    } else this.#paused = action === 'pause';
  }

  /** A string that changes with the file; empty if there is none. */
  #stat(): string {
    const stat = statSync(this.#file, { bigint: true, throwIfNoEntry: false });
    return stat ? `${stat.ino} ${stat.mtimeNs} ${stat.size}` : '';
  }

  /** Reads the request. @returns the request, or the reason why it is not valid */
  #read(): z.infer<typeof requestSchema> | string {
    try {
      if (statSync(this.#file).size > MAX_BYTES) return `it is longer than ${MAX_BYTES} bytes`;
      return parseRequest(readFileSync(this.#file, 'utf8'));
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}

/** Parses a request. @returns the request, or the reason why it is not valid */
export function parseRequest(text: string): z.infer<typeof requestSchema> | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'it is not JSON';
  }
  const parsed = requestSchema.safeParse(value);
  return parsed.success ? parsed.data : z.prettifyError(parsed.error).replaceAll(/\s*\n\s*/g, ' ');
}
