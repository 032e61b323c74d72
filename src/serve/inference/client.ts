import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { errorFromPlain } from '../../errors/errors.js';
import { RequestError } from '../http/request-error.js';
import type { Operation, Operations, Reply, Request } from './protocol.js';

/** Maximum number of pending requests. */
const MAX_WAITING = 64;
/** The process ends after this time without requests, because a model takes several hundred megabytes. */
const IDLE_MS = 60_000;
/** A process without any message for this time is considered stuck. */
const SILENT_MS = 180_000;

type Progress = (progress: { readonly done: number; readonly total: number }) => void;

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
  readonly progress: Progress | undefined;
}

/** Client interface of the inference process. */
export type Inference = Pick<InferenceProcess, 'ask'>;

/** The inference process, started at the first request and restarted after it has ended. */
export class InferenceProcess {
  #child: ChildProcess | undefined;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param script entry point of the process; default: host.js in this folder */
  constructor(
    readonly script = fileURLToPath(new URL('./host.js', import.meta.url)),
    readonly idleMs = IDLE_MS,
  ) {}

  /** Process id while it runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** @throws RequestError 503 if too many requests are pending, or the process ends */
  ask<O extends Operation>(
    operation: O,
    args: Operations[O]['args'],
    progress?: Progress,
  ): Promise<Operations[O]['value']> {
    if (this.#closed || this.#waiting.size >= MAX_WAITING)
      return Promise.reject(
        new RequestError(503, {
          what: 'Too many requests are being computed',
          expected: `at most ${MAX_WAITING} requests at a time`,
          next: 'ask again in a moment',
        }),
      );
    const child = (this.#child ??= this.#start());
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, progress });
      const request: Request<O> = { id, operation, args };
      child.send(request, (error) => {
        if (error) this.#ended(child);
      });
      this.#watch();
    });
  }

  #start(): ChildProcess {
    const child = fork(this.script, [], {
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    child.on('message', (reply: Reply) => this.#receive(reply));
    child.on('error', () => this.#ended(child));
    child.on('exit', () => this.#ended(child));
    return child;
  }

  #receive(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return;
    if ('progress' in reply) waiting.progress?.(reply.progress);
    else {
      this.#waiting.delete(reply.id);
      if ('error' in reply) waiting.reject(errorFromPlain(reply.error));
      else waiting.resolve(reply.value as never);
    }
    this.#watch();
  }

  /** Restarts the timer for a stuck or idle process. */
  #watch(): void {
    clearTimeout(this.#timer);
    const child = this.#child;
    if (!child) return;
    this.#timer = setTimeout(() => this.#ended(child), this.#waiting.size > 0 ? SILENT_MS : this.idleMs);
    this.#timer.unref();
  }

  #ended(child: ChildProcess): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    clearTimeout(this.#timer);
    child.kill('SIGKILL');
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting)
      reject(
        new RequestError(503, {
          what: 'The inference process ended before it answered',
          next: 'ask again; if it happens again, see the terminal of the server',
        }),
      );
  }

  close(): void {
    this.#closed = true;
    if (this.#child) this.#ended(this.#child);
  }
}
