import type { Graph } from '../../graph/graph.js';
import { type Spec, sizeOf, type TypedArray } from '../../graph/types.js';
import type { Plan, PlanStats, ProfileRow } from '../backend.js';
import { checkNumberOf, checkStorage } from '../check-values.js';
import { type Assembly, assemble } from '../plan/assemble.js';
import { joinCopies } from '../plan/copies.js';
import { Execution } from '../plan/execution.js';
import type { KeptCopies } from '../plan/kept.js';
import { lookUpLast } from '../plan/lookup.js';
import type { Region } from '../plan/region.js';
import { joinParts, poolFirst } from '../plan/rewrite.js';
import type { KernelPool } from '../simd/pool.js';
import type { Algorithms } from './algorithms.js';
import { type Value, WasmBuilder } from './builder.js';
import { lower } from './lower/index.js';
import { lowerUpdates } from './lower/updates.js';
import type { WasmMemory } from './memory.js';
import { readInPlace } from './products.js';
import { splitNormsAfterConvolutions } from './rewrite.js';

/** A value that outlives runs, and its address. */
export interface Stored {
  readonly spec: Spec;
  readonly offset: number;
  /** Unique number of the content. */
  version: number;
}

/** The part of the engine that a plan uses. */
export interface Host {
  readonly kept: KeptCopies;
  readonly memory: WasmMemory;
  readonly pool: KernelPool;
  readonly algorithms: Algorithms;
  stored(id: number): Stored;
  /** Address of the memory for intermediate values. */
  arena(bytes: number): number;
  /** Notes that a storage has new values. */
  changed(id: number): void;
  /** The address of new memory. @throws DeviceError if there is not enough */
  allocate(bytes: number, what: string): number;
}

/** A graph compiled to steps on the engine's memory. */
export class WasmPlan implements Plan {
  readonly #graph: Graph;
  readonly #builder: WasmBuilder;
  readonly #assembly: Assembly<Value>;
  readonly #execution: Execution;
  readonly #stats: PlanStats;
  /** Addresses of what is kept from storages. */
  readonly #kept = new Map<Region, number>();
  readonly #written: readonly number[];
  /** What the steps are bound to: the memory's buffer, and the addresses of the arena and the storages. */
  #boundTo: readonly unknown[] = [];

  constructor(
    readonly host: Host,
    written: Graph,
  ) {
    const started = performance.now();
    const pooled = poolFirst(lookUpLast(written), () => false);
    const graph = readInPlace(splitNormsAfterConvolutions(joinCopies(joinParts(pooled))));
    const b = new WasmBuilder(graph, host.memory, host.pool, host.algorithms);
    this.#graph = graph;
    this.#builder = b;
    this.#execution = new Execution(graph, b.numbers);
    this.#written = [...new Set(graph.updates.map(({ slot }) => slot))];
    for (const i of graph.feeds) b.define(i, b.newRegion(i));
    graph.storages.forEach((i, slot) => {
      b.define(i, b.slots[slot]!);
    });
    const copyTo = (i: number, from: Value, region: Region): Value => {
      b.emitCopy(i, from.region, region);
      return { region };
    };
    this.#assembly = assemble(
      b,
      graph.feeds.map((i) => b.regionOf(i)),
      (i) => b.regionOf(i),
      {
        lower: (i) => lower(b, i),
        plain: (i) => b.value(i),
        copy: (i, value) => copyTo(i, value, b.newRegion(i)),
        stored: (i) => b.value(i),
        store: (i, value, slot) => void copyTo(i, value, b.slots[slot]!),
        update: (groups) => lowerUpdates(b, groups),
      },
    );
    this.#stats = {
      primitives: b.steps.filter(({ kernel }) => kernel !== 'typescript').length,
      reorders: 0,
      arenaBytes: this.#assembly.arenaBytes,
      packedBytes: b.kept.reduce((sum, { bytes }) => sum + bytes, 0),
      scripted: b.steps.filter(({ kernel }) => kernel === 'typescript').map(({ op }) => op),
      compileSeconds: (performance.now() - started) / 1000,
    };
  }

  get stats(): PlanStats {
    const packedBytes = this.#kept.size === 0 ? 0 : this.#stats.packedBytes;
    return { ...this.#stats, packedBytes, runSeconds: this.#execution.seconds };
  }

  run(feeds: readonly TypedArray[], storages: readonly number[]): TypedArray[] {
    this.#bind(storages);
    const results = this.host.pool.during(() => this.#execution.run(feeds, this.#versions(storages)));
    for (const slot of this.#written) this.host.changed(storages[slot]!);
    return results;
  }

  profile(feeds: readonly TypedArray[], storages: readonly number[]): ProfileRow[] {
    this.#bind(storages);
    const rows = this.#execution.profile(feeds, this.#versions(storages));
    for (const slot of this.#written) this.host.changed(storages[slot]!);
    return rows;
  }

  /** Numbers of the storages' contents, if something is kept of them. */
  #versions(storages: readonly number[]): number[] {
    return this.#kept.size === 0 ? [] : storages.map((id) => this.host.stored(id).version);
  }

  /** Binds the steps to addresses; cheap if nothing has moved. */
  #bind(storages: readonly number[]): void {
    const graph = this.#graph;
    const { memory } = this.host;
    checkNumberOf('storages', graph.storages.length, storages.length);
    const offsets = storages.map((id, slot) => {
      const { spec, offset } = this.host.stored(id);
      checkStorage(id, graph.nodes[graph.storages[slot]!]!, spec);
      return offset;
    });
    this.host.kept.use(this, this.#stats.packedBytes);
    // Before all else, since memory that grows moves its views.
    for (const region of this.#builder.kept)
      if (!this.#kept.has(region))
        this.#kept.set(region, this.host.allocate(region.bytes, 'prepared weights'));
    const arena = this.host.arena(this.#assembly.arenaBytes);
    const to = [memory.memory.buffer, arena, ...offsets];
    if (this.#execution.bound && to.every((one, i) => one === this.#boundTo[i])) return;
    this.#boundTo = to;
    const at = (region: Region): number => {
      if (region.slot !== undefined) return offsets[region.slot]!;
      return region.packs === undefined ? arena + region.offset : this.#kept.get(region)!;
    };
    const arrayOf = (i: number, { region }: Value): TypedArray => {
      const { dtype, shape } = graph.nodes[i]!;
      return memory.array(dtype, at(region), sizeOf(shape));
    };
    const { outputs, guard } = this.#assembly;
    const { preparations, steps } = this.#builder;
    this.#execution.bind({
      steps: [...preparations, ...steps].map((step) => ({ ...step, run: step.bind(at) })),
      feeds: graph.feeds.map((i) => arrayOf(i, this.#builder.value(i))),
      outputs: graph.outputs.map((i, n) => arrayOf(i, outputs[n]!)),
      guard: guard && {
        value: arrayOf(graph.guard!, guard.form),
        before: preparations.length + guard.before,
      },
    });
  }

  /** Frees the copies of storages; the next run makes them again. */
  release(): void {
    this.#execution.bind(undefined);
    for (const offset of this.#kept.values()) this.host.memory.free(offset);
    this.#kept.clear();
  }

  dispose(): void {
    this.host.kept.forget(this);
    this.release();
  }
}
