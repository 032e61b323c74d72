import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { sized } from '../sized.js';
import type { ControlRequest } from './events.js';
import { writeProcess } from './process-file.js';

const requestSchema = z.object({
  action: z.enum(['pause', 'resume', 'stop'] satisfies ControlRequest['action'][]),
  /** Anything that differs from the request before. */
  id: sized(z.string(), 1, 200),
});

/** The file is looked at no more often than this. */
const POLL_MS = 250;
/** A request is a few words. */
const MAX_BYTES = 4096;

export interface ControlOptions {
  /** The run's folder. */
  readonly run: string;
  /** Ends the run as well. */
  readonly signal?: AbortSignal | undefined;
  readonly note: (text: string) => void;
}

/**
 * What others ask of a run that trains: `control.json` in its folder, with an action and an id. Each id is carried
 * out once; what lay there before the run began is passed over.
 */
export class Control {
  /** Ends the run cleanly: the caller's own signal, or a request to stop. */
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

  /** Whether the run has been asked to wait. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Looks for a new request, a few times a second however often it is called. */
  poll(): void {
    const now = performance.now();
    if (now - this.#looked < POLL_MS) return;
    this.#looked = now;
    const version = this.#stat();
    if (version === this.#version) return;
    this.#version = version;
    if (version) this.#carryOut(this.#read());
  }

  /** Waits, after `step` steps, until the run may go on or has to end. */
  async wait(step: number): Promise<void> {
    const { note } = this.#options;
    note(`Paused after step ${step}.`);
    await this.#tellStatus('paused');
    while (this.#paused && !this.signal.aborted) {
      await sleep(POLL_MS, undefined, { signal: this.signal }).catch(() => {});
      this.poll();
    }
    if (this.signal.aborted) return;
    await this.#tellStatus('training');
    note(`Going on after step ${step}.`);
  }

  /** That others cannot be told is no reason to end. */
  async #tellStatus(status: 'paused' | 'training'): Promise<void> {
    const { run, note } = this.#options;
    await writeProcess(run, status).catch((error: Error) => note(error.message));
  }

  #carryOut(request: z.infer<typeof requestSchema> | string): void {
    const { note } = this.#options;
    if (typeof request === 'string') {
      note(`${this.#file} is not a request, and is passed over: ${request}`);
      return;
    }
    const { action, id } = request;
    if (this.#carriedOut.has(id)) return;
    this.#carriedOut.add(id);
    if (action === 'stop') {
      note('Asked to stop: after this step, with a checkpoint.');
      this.#stop.abort();
    } else this.#paused = action === 'pause';
  }

  /** What changes when the file does; empty where there is none. */
  #stat(): string {
    const stat = statSync(this.#file, { bigint: true, throwIfNoEntry: false });
    return stat ? `${stat.ino} ${stat.mtimeNs} ${stat.size}` : '';
  }

  /** The request in the file, or why there is none. */
  #read(): z.infer<typeof requestSchema> | string {
    try {
      if (statSync(this.#file).size > MAX_BYTES) return `it is longer than ${MAX_BYTES} bytes`;
      return parseRequest(readFileSync(this.#file, 'utf8'));
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}

/** The request in a text, or why there is none. */
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
