import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { errorFromPlain } from '../../errors/errors.js';
import { RequestError } from '../http/request-error.js';
import type { Operation, Operations, Reply, Request } from './protocol.js';

/** Requests that may wait. */
const MAX_WAITING = 64;
/** The process ends when nobody has asked for so long: a model takes several hundred megabytes. */
const IDLE_MS = 60_000;
/** A process that says nothing for so long is taken for stuck. */
const SILENT_MS = 180_000;

type Progress = (progress: { readonly done: number; readonly total: number }) => void;

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
  readonly progress: Progress | undefined;
}

/** What computes. */
export type Inference = Pick<InferenceProcess, 'ask'>;

/** The process that computes, started when it is first needed and again after it has ended. */
export class InferenceProcess {
  #child: ChildProcess | undefined;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param script what is run; the host of this folder by default */
  constructor(
    readonly script = fileURLToPath(new URL('./host.js', import.meta.url)),
    readonly idleMs = IDLE_MS,
  ) {}

  /** The process's number, while there is one. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** @throws RequestError 503 when too much waits already, or when the process has ended */
  ask<O extends Operation>(
    operation: O,
    args: Operations[O]['args'],
    progress?: Progress,
  ): Promise<Operations[O]['value']> {
    if (this.#closed || this.#waiting.size >= MAX_WAITING)
      return Promise.reject(
        new RequestError(503, {
          what: 'Too much is being computed already',
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

  /** Waits for the next sign of life, or for the end of the idle time. */
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
          what: 'The process that computes has ended before it had an answer',
          next: 'ask again; if that does not help, the terminal of the server may say why',
        }),
      );
  }

  close(): void {
    this.#closed = true;
    if (this.#child) this.#ended(this.#child);
  }
}
