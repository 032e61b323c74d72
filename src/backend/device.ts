import { DeviceError } from '../errors/errors.js';
import type { Graph, GraphKey } from '../graph/graph.js';
import type { Feed, Spec, TypedArray } from '../graph/types.js';
import type { Device, Engine, EngineInfo, Kernels, PlanStats, ProfileRow } from './backend.js';
import { Executor, type Reply, type Request } from './executor.js';
import { PlanCache } from './plan-cache.js';
import { RequestQueue } from './request-queue.js';

/** Base class of devices: the plan cache and the promises of queued calls. */
export abstract class QueuedDevice implements Device {
  readonly #plans = new PlanCache((plan) => this.#post({ kind: 'forget', plan }));
  readonly #queue = new RequestQueue((request) => this.send(request));
  /** The error of a call that is not awaited, such as a write; the next awaited call reports it. */
  #failure: unknown;

  constructor(readonly name: string) {}

  protected abstract send(request: Request): Promise<Reply>;

  /** Resolves when all requests have been sent to the engine. */
  protected sent(): Promise<void> {
    return this.#queue.sent();
  }

  abstract close(): Promise<void>;

  run(
    key: GraphKey,
    graph: Graph,
    feeds: readonly Feed[],
    storages: readonly number[],
  ): Promise<TypedArray[]> {
    const found = this.#plans.find(key, graph, feeds);
    return this.#call({ ...found, kind: 'run', feeds: [], storages }, found.feeds);
  }

  profile(
    key: GraphKey,
    graph: Graph,
    feeds: readonly Feed[],
    storages: readonly number[],
  ): Promise<ProfileRow[]> {
    const found = this.#plans.find(key, graph, feeds);
    return this.#call({ ...found, kind: 'profile', feeds: [], storages }, found.feeds);
  }

  write(id: number, spec: Spec, data: TypedArray): void {
    this.#post({ kind: 'write', id, spec: { shape: spec.shape, dtype: spec.dtype }, data });
  }

  read(id: number): Promise<TypedArray> {
    return this.#call({ kind: 'read', id });
  }

  readInto(id: number, start: number, into: TypedArray): Promise<void> {
    return this.#call({ kind: 'readInto', id, start, into });
  }

  free(id: number): void {
    this.#post({ kind: 'free', id });
  }

  info(): Promise<EngineInfo> {
    return this.#call({ kind: 'info' });
  }

  stats(): Promise<PlanStats[]> {
    return this.#call({ kind: 'stats' });
  }

  sgemmRate(n: number, repeats: number): Promise<number | undefined> {
    return this.#call({ kind: 'sgemm', n, repeats });
  }

  kernels(keep: Kernels = {}): Promise<Kernels> {
    return this.#call({ kind: 'kernels', keep });
  }

  async #call<T>(request: Request, feeds?: readonly Feed[]): Promise<T> {
    const reply = this.#queue.send(request, feeds);
    const earlier = this.#failure;
    if (earlier) {
      this.#failure = undefined;
      reply.catch(() => {});
      throw earlier;
    }
    try {
      return (await reply) as T;
    } catch (error) {
      // A write that failed meanwhile is the cause: this call found no values.
      const cause = this.#failure ?? error;
      this.#failure = undefined;
      throw cause;
    }
  }

  #post(request: Request): void {
    this.#queue.send(request).catch((error) => {
      this.#failure ??= error;
    });
  }
}

/** The error of a call to a device that the program has closed. */
export const closedError = (name: string): DeviceError =>
  new DeviceError({
    what: `The ${name} device was closed`,
    expected: 'an open device',
    next: 'close a device only after the last computation, or open another one',
  });

/** Runs the engine on the calling thread: for browsers, tests and small computations. A run blocks the event loop. */
export class InlineDevice extends QueuedDevice {
  readonly #executor: Executor;
  #closed = false;

  constructor(engine: Engine) {
    super(engine.info.engine);
    this.#executor = new Executor(engine);
  }

  protected async send(request: Request): Promise<Reply> {
    if (!this.#closed) return this.#executor.handle(request);
    if (request.kind === 'free') return undefined;
    throw closedError(this.name);
  }

  async close(): Promise<void> {
    await this.sent();
    // Once only: a memory that is given back twice would belong to two later engines.
    if (this.#closed) return;
    this.#closed = true;
    this.#executor.handle({ kind: 'close' });
  }
}
