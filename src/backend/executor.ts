import type { Graph } from '../graph/graph.js';
import type { Spec, TypedArray } from '../graph/types.js';
import type { Engine, EngineInfo, Kernels, Plan, PlanStats, ProfileRow } from './backend.js';
import { beginRun, hashOf, signatureOf } from './communication/current.js';

/** A request from a device to the thread that owns the engine. */
export type Request =
  | {
      readonly kind: 'run' | 'profile';
      readonly plan: number;
      readonly graph?: Graph;
      readonly feeds: readonly TypedArray[];
      readonly storages: readonly number[];
    }
  | { readonly kind: 'write'; readonly id: number; readonly spec: Spec; readonly data: TypedArray }
  | { readonly kind: 'read' | 'free'; readonly id: number }
  | { readonly kind: 'readInto'; readonly id: number; readonly start: number; readonly into: TypedArray }
  | { readonly kind: 'forget'; readonly plan: number }
  | { readonly kind: 'sgemm'; readonly n: number; readonly repeats: number }
  | { readonly kind: 'kernels'; readonly keep: Kernels }
  | { readonly kind: 'info' | 'stats' | 'close' };

export type Reply =
  | TypedArray[]
  | TypedArray
  | EngineInfo
  | PlanStats[]
  | Kernels
  | ProfileRow[]
  | number
  | undefined;

/** Executes requests on an engine and keeps its compiled plans. */
export class Executor {
  readonly #plans = new Map<number, Plan>();
  /** Graphs that could not be compiled: the next run tries again, so that it fails with the same error or computes. */
  readonly #graphs = new Map<number, Graph>();
  /** Of the plans that exchange values with other ranks. */
  readonly #signatures = new Map<number, Uint8Array>();
  readonly #device: Uint8Array;

  constructor(readonly engine: Engine) {
    const { library: _, ...info } = engine.info;
    this.#device = hashOf(JSON.stringify(info));
  }

  handle(request: Request): Reply {
    const engine = this.engine;
    switch (request.kind) {
      case 'run':
        return this.#ready(request.plan, request.graph).run(request.feeds, request.storages);
      case 'profile':
        return this.#ready(request.plan, request.graph).profile?.(request.feeds, request.storages) ?? [];
      case 'write':
        return void engine.write(request.id, request.spec, request.data);
      case 'read':
        return engine.read(request.id);
      case 'readInto':
        return void engine.readInto(request.id, request.start, request.into);
      case 'free':
        return void engine.free(request.id);
      case 'forget':
        this.#plans.get(request.plan)?.dispose();
        this.#plans.delete(request.plan);
        this.#graphs.delete(request.plan);
        this.#signatures.delete(request.plan);
        return undefined;
      case 'sgemm':
        return engine.sgemmRate?.(request.n, request.repeats);
      case 'kernels':
        return engine.kernels?.(request.keep) ?? {};
      case 'info':
        return engine.info;
      case 'stats':
        return [...this.#plans.values()].map((plan) => plan.stats);
      case 'close':
        for (const plan of this.#plans.values()) plan.dispose();
        this.#plans.clear();
        return void engine.close();
    }
  }

  /** A plan that runs next. */
  #ready(id: number, graph: Graph | undefined): Plan {
    const plan = this.#plan(id, graph);
    const signature = this.#signatures.get(id);
    if (signature) beginRun(signature, this.#device);
    return plan;
  }

  #plan(id: number, graph: Graph | undefined): Plan {
    let plan = this.#plans.get(id);
    if (!plan) {
      const given = graph ?? this.#graphs.get(id);
      if (!given) throw new Error(`plan ${id} is unknown and was requested without its graph`);
      this.#graphs.set(id, given);
      plan = this.engine.compile(given);
      this.#graphs.delete(id);
      this.#plans.set(id, plan);
      const signature = signatureOf(given);
      if (signature) this.#signatures.set(id, signature);
    }
    return plan;
  }
}
