import type { Graph } from '../../graph/graph.js';
import { beginRun, hashOf, signatureOf } from '../communication/current.js';
import { closedError, QueuedDevice } from '../device.js';
import type { Reply, Request } from '../executor.js';
import { Ahead } from './ahead.js';
import type { GpuDevice } from './api.js';
import { type EngineOptions, WebGpuEngine } from './engine.js';
import { WebGpuPlan } from './plan.js';
import { sgemmRate } from './sgemm.js';

/** Requests that an engine without a GPU cannot answer. */
const NEEDS_GPU = new Set<Request['kind']>(['run', 'profile', 'write', 'read', 'readInto', 'sgemm']);

/** A reply that may still be on its way; later requests need not wait for it. */
type Started = { readonly reply: Promise<Reply> };

/** Computes with WebGPU. Requests are sent to the GPU in order; the event loop stays free while it computes. */
export class WebGpuDevice extends QueuedDevice {
  readonly engine: WebGpuEngine;
  readonly #plans = new Map<
    number,
    { readonly plan: WebGpuPlan; readonly signature: Uint8Array | undefined }
  >();
  /** Graphs whose plans could not be compiled so far. */
  readonly #graphs = new Map<number, Graph>();
  #tail: Promise<unknown> = Promise.resolve();
  readonly #ahead = new Ahead();
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(device: GpuDevice, options: EngineOptions = {}) {
    super('webgpu');
    this.engine = new WebGpuEngine(device, options);
  }

  protected async send(request: Request): Promise<Reply> {
    if (this.#closed) {
      if (request.kind === 'free') return undefined;
      throw closedError(this.name);
    }
    // The caller may overwrite its arrays as soon as this returns.
    const own: Request =
      'feeds' in request
        ? { ...request, feeds: request.feeds.map((values) => values.slice()) }
        : 'data' in request
          ? { ...request, data: request.data.slice() }
          : request;
    const started = this.#tail.then(() => this.#start(own));
    this.#tail = started.catch(() => {});
    return (await started).reply;
  }

  async #start(request: Request): Promise<Started> {
    const { engine } = this;
    if (NEEDS_GPU.has(request.kind)) engine.gate.check();
    switch (request.kind) {
      case 'run':
      case 'profile': {
        const plan = this.#ready(request.plan, request.graph);
        if (request.kind === 'profile') return now(await plan.profile(request.feeds, request.storages));
        await this.#ahead.room();
        const finish = await plan.start(request.feeds, request.storages);
        const reply = finish();
        this.#ahead.add(reply);
        return { reply };
      }
      case 'write':
        await engine.write(request.id, request.spec, request.data);
        return now();
      case 'read':
        return now(await engine.read(request.id));
      case 'readInto':
        await engine.readInto(request.id, request.start, request.into);
        return now();
      case 'free':
        engine.free(request.id);
        return now();
      case 'forget':
        this.#plans.get(request.plan)?.plan.dispose();
        this.#plans.delete(request.plan);
        this.#graphs.delete(request.plan);
        return now();
      case 'sgemm':
        return now(await sgemmRate(engine, request.n, request.repeats));
      case 'kernels':
        return now({});
      case 'info':
        return now(engine.info);
      case 'stats':
        return now([...this.#plans.values()].map(({ plan }) => plan.stats));
      case 'close':
        await this.#ahead.all();
        for (const { plan } of this.#plans.values()) plan.dispose();
        this.#plans.clear();
        engine.close();
        return now();
    }
  }

  /** A plan that runs next. */
  #ready(id: number, graph: Graph | undefined): WebGpuPlan {
    let known = this.#plans.get(id);
    if (!known) {
      const given = graph ?? this.#graphs.get(id);
      if (!given) throw new Error(`plan ${id} is unknown and was requested without its graph`);
      this.#graphs.set(id, given);
      known = { plan: new WebGpuPlan(this.engine, given), signature: signatureOf(given) };
      this.#graphs.delete(id);
      this.#plans.set(id, known);
    }
    if (known.signature) beginRun(known.signature, hashOf('webgpu'));
    return known.plan;
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    await this.sent();
    const closed = this.send({ kind: 'close' });
    this.#closed = true;
    await closed;
  }
}

/** A reply that is there. */
const now = (reply?: Reply): Started => ({ reply: Promise.resolve(reply) });
