import { availableParallelism } from 'node:os';
import { DeviceError } from '../../errors/errors.js';
import type { Graph } from '../../graph/graph.js';
import type { Spec, TypedArray } from '../../graph/types.js';
import type { Engine, EngineInfo, Kernels, Plan, ProcessorPrecision } from '../backend.js';
import { checkOperations } from '../plan/describe.js';
import { KeptCopies } from '../plan/kept.js';
import type { Dnnl } from './api/dnnl.js';
import { Arena } from './arena.js';
import { KernelCache } from './kernel-cache.js';
import { KernelChoice } from './kernel-choice.js';
import { LazyPlan, type PlanHost } from './lazy-plan.js';
import { allocate, arrayAt } from './library/memory.js';
import { openDnnl } from './library/open.js';
import { Threads } from './library/threads.js';
import { BuiltPlan } from './plan.js';
import { Storages } from './storages.js';

/** Engine that computes with Intel's oneDNN on the CPU. An engine belongs to one thread. */
export class OneDnnEngine implements Engine, PlanHost {
  readonly info: EngineInfo;
  readonly kept: KeptCopies;
  readonly #dnnl: Dnnl;
  readonly #cache: KernelCache | undefined;
  readonly #choice: KernelChoice;
  readonly #storages: Storages;
  readonly #arena: Arena;
  readonly #threads: Threads;

  constructor({
    threads = availableParallelism(),
    precision = 'float32',
    keptBytes,
  }: {
    threads?: number;
    precision?: ProcessorPrecision;
    /** Memory for copies of storages that all plans keep. */
    keptBytes?: number;
  } = {}) {
    this.kept = new KeptCopies(keptBytes);
    this.#dnnl = openDnnl();
    this.#threads = new Threads(this.#dnnl.path, threads);
    const arena = new Arena(this.#threads.all, this.#dnnl.path);
    this.#arena = arena;
    this.#storages = new Storages(this.#dnnl, (bytes) => arena.allocate(bytes));
    this.#cache = KernelCache.open(`oneDNN ${this.#dnnl.version}`, this.#threads.all);
    this.#choice = new KernelChoice(this.#dnnl, precision, this.#cache);
    this.info = {
      engine: 'onednn',
      version: this.#dnnl.version,
      library: this.#dnnl.path,
      threads: this.#threads.all,
      precision: this.#choice.compute,
      isa: this.#isa(),
    };
  }

  /**
   * The instruction set, from the names of the implementations that the library picks for a common convolution and a
   * common linear layer. `ref` means slow reference code: on ARM without SVE the library has nothing else.
   */
  #isa(): string {
    const d = this.#dnnl;
    const linear = d.innerProductForward(64, d.any([16, 64]), d.any([64, 64]), null, d.any([16, 64]));
    const one = { strides: [1, 1], dilates: [0, 0], padLeft: [1, 1], padRight: [1, 1] };
    const pd = d.convForward(
      64,
      1,
      d.any([1, 16, 8, 8]),
      d.any([16, 16, 3, 3]),
      null,
      d.any([1, 16, 8, 8]),
      one,
    );
    const [name, ofLinear] = [pd, linear].map((one) => d.implementation(one).split(':').at(-1)!);
    d.destroyPds();
    return ofLinear === 'ref' && name !== 'ref' ? `${name}, linear layers ref` : name!;
  }

  compile(graph: Graph): Plan {
    checkOperations(graph, 'onednn');
    return new LazyPlan(this, graph);
  }

  kernels(keep: Kernels): Kernels {
    return this.#choice.keepTo(keep);
  }

  build(graph: Graph, storages: readonly number[]): BuiltPlan {
    const layouts = storages.map((id) => this.#storages.layoutOf(id));
    let plan = new BuiltPlan(this.#dnnl, graph, layouts, this.#choice, this.#threads, this.#arena);
    // Vector kernels cannot access a plan's memory if it is larger than the arena: build it without them.
    if (!this.#arena.holds(plan.stats.arenaBytes) && this.#arena.pool) {
      plan.dispose();
      plan = new BuiltPlan(this.#dnnl, graph, layouts, this.#choice, this.#threads);
    }
    this.#cache?.save();
    if (plan.stats.arenaBytes > Arena.maxBytes)
      throw new DeviceError({
        what: 'The computation needs too much memory',
        expected: `at most ${Arena.maxBytes / 1024 ** 3} GiB for intermediate values`,
        got: `${(plan.stats.arenaBytes / 1024 ** 3).toFixed(1)} GiB`,
        next: 'use a smaller batch',
      });
    return plan;
  }

  prepare(plan: BuiltPlan, graph: Graph, storages: readonly number[]): boolean {
    return this.#storages.prepare(storages, plan.layouts, new Set(graph.updates.map((u) => u.slot)));
  }

  arenaFor(plan: BuiltPlan): number {
    return this.#arena.addressFor(plan.stats.arenaBytes);
  }

  versionOf(id: number): number {
    return this.#storages.versionOf(id);
  }

  addressOf(id: number): number {
    return this.#storages.addressOf(id);
  }

  write(id: number, spec: Spec, data: TypedArray): void {
    this.#storages.write(id, spec, data);
  }

  read(id: number): TypedArray {
    return this.#storages.read(id);
  }

  readInto(id: number, start: number, into: TypedArray): void {
    this.#storages.readInto(id, start, into);
  }

  free(id: number): void {
    this.#storages.free(id);
  }

  sgemmRate(n: number, repeats: number): number {
    const room = allocate(3 * n * n * 4);
    arrayAt(room.address, 'float32', 2 * n * n).fill(1 / n);
    let best = Number.POSITIVE_INFINITY;
    for (let r = 0; r <= repeats; r++) {
      const started = performance.now();
      this.#dnnl.sgemm(
        false,
        false,
        n,
        n,
        n,
        room.address,
        room.address + n * n * 4,
        room.address + 2 * n * n * 4,
      );
      // The first run is a warm-up.
      if (r > 0) best = Math.min(best, performance.now() - started);
    }
    room.free();
    return (2 * n ** 3) / best / 1e6;
  }

  close(): void {
    this.#storages.close();
    this.#arena.close();
    this.#dnnl.close();
  }
}
