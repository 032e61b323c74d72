import { availableParallelism } from 'node:os';
import { DeviceError } from '../../errors/errors.js';
import type { Graph } from '../../graph/graph.js';
import { type Spec, showShape, sizeOf, type TypedArray } from '../../graph/types.js';
import type { Engine, EngineInfo, Kernels, Plan, PlanStats, Precision, ProfileRow } from '../backend.js';
import { checkOperations } from '../plan/describe.js';
import { dimsOf } from './api/core.js';
import { Arg, type Dnnl, type Md } from './api/dnnl.js';
import { Arena } from './arena.js';
import { rowMajor } from './builder.js';
import { named } from './failure.js';
import { KernelCache } from './kernel-cache.js';
import { KernelChoice } from './kernel-choice.js';
import { allocate, arrayAt, type Block } from './library/memory.js';
import { openDnnl } from './library/open.js';
import { Threads } from './library/threads.js';
import { BuiltPlan } from './plan.js';

interface Stored {
  readonly spec: Spec;
  block: Block;
  dims: readonly number[];
  md: Md;
  /** Whether a training plan has chosen the layout; other plans then adapt to it. */
  settled: boolean;
  /** Unique number of the content. */
  version: number;
}

/** Engine that computes with Intel's oneDNN on the CPU. An engine belongs to one thread. */
export class OneDnnEngine implements Engine {
  readonly info: EngineInfo;
  readonly #dnnl: Dnnl;
  readonly #cache: KernelCache | undefined;
  readonly #choice: KernelChoice;
  readonly #storages = new Map<number, Stored>();
  /** Counter of writes to all storages, so that versions are unique. */
  #changes = 0;
  readonly #arena: Arena;
  readonly #threads: Threads;
  #staged: { readonly id: number; readonly block: Block } | undefined;

  constructor({
    threads = availableParallelism(),
    precision = 'float32',
  }: {
    threads?: number;
    precision?: Precision;
  } = {}) {
    this.#dnnl = openDnnl();
    this.#threads = new Threads(threads);
    this.#arena = new Arena(threads, this.#dnnl.path);
    this.#cache = KernelCache.open(`oneDNN ${this.#dnnl.version}`, threads);
    this.#choice = new KernelChoice(this.#dnnl, precision, this.#cache);
    this.info = {
      engine: 'onednn',
      version: this.#dnnl.version,
      library: this.#dnnl.path,
      threads,
      precision: this.#choice.compute,
      isa: this.#isa(),
    };
  }

  /** The instruction set, from the name of the implementation that the library picks for a common convolution. */
  #isa(): string {
    const d = this.#dnnl;
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
    const name = d.implementation(pd);
    d.destroyPds();
    return name.split(':').at(-1)!;
  }

  compile(graph: Graph): Plan {
    checkOperations(graph, 'onednn');
    return new LazyPlan(this, graph);
  }

  kernels(keep: Kernels): Kernels {
    return this.#choice.keepTo(keep);
  }

  /** Builds the steps of a plan for the present layouts of the storages. */
  build(graph: Graph, storages: readonly number[]): BuiltPlan {
    const layouts = storages.map((id) => {
      const { dims, md, settled } = this.#stored(id);
      return { dims, md, flexible: !settled };
    });
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

  /** Reorders storages whose layout may still change. @returns whether all storages have the layouts that the plan expects */
  prepare(plan: BuiltPlan, graph: Graph, storages: readonly number[]): boolean {
    this.#unstage();
    const written = new Set(graph.updates.map((u) => u.slot));
    for (const [slot, id] of storages.entries()) {
      const stored = this.#stored(id);
      const wanted = plan.layouts[slot]!;
      if (!this.#dnnl.equal(stored.md, wanted.md)) {
        if (stored.settled) return false;
        this.#move(stored, wanted);
      }
      if (written.has(slot)) {
        stored.settled = true;
        stored.version = ++this.#changes;
      }
    }
    return true;
  }

  #move(stored: Stored, { dims, md }: { dims: readonly number[]; md: Md }): void {
    const data = this.#rowMajor(stored);
    stored.block.free();
    Object.assign(stored, { block: allocate(this.#dnnl.bytes(md)), dims, md });
    this.#fill(stored, data);
  }

  #isRowMajor({ md, dims }: Stored): boolean {
    return this.#dnnl.equal(md, this.#dnnl.plain(dims));
  }

  /** A row-major copy of a float32 storage. */
  #rowMajor(stored: Stored): TypedArray {
    const count = sizeOf(stored.spec.shape);
    if (this.#isRowMajor(stored)) return arrayAt(stored.block.address, 'float32', count).slice();
    const room = allocate(count * 4);
    this.#copy(stored, stored.md, stored.block.address, this.#dnnl.plain(stored.dims), room.address);
    const data = arrayAt(room.address, 'float32', count).slice();
    room.free();
    return data;
  }

  /** Writes row-major values into a float32 storage, in its layout. */
  #fill(stored: Stored, data: TypedArray): void {
    if (this.#isRowMajor(stored)) {
      arrayAt(stored.block.address, 'float32', data.length).set(data as never);
      return;
    }
    const room = allocate(data.byteLength);
    arrayAt(room.address, 'float32', data.length).set(data as never);
    this.#copy(stored, this.#dnnl.plain(stored.dims), room.address, stored.md, stored.block.address);
    room.free();
  }

  #copy({ spec }: Stored, ...places: [fromMd: Md, from: number, toMd: Md, to: number]): void {
    try {
      this.#reorder(...places);
    } catch (error) {
      throw named(error, `Reordering a value of shape ${showShape(spec.shape)}`, this.#dnnl);
    }
  }

  #reorder(fromMd: Md, from: number, toMd: Md, to: number): void {
    const d = this.#dnnl;
    const whole = d.unpadded(fromMd, toMd);
    if (whole) {
      const dims = d.dims(whole);
      const room = allocate(4 * sizeOf(dims));
      this.#reorder(whole, from, d.plain(dims), room.address);
      const part = d.plain(d.dims(fromMd), 'float32', rowMajor(dims));
      this.#reorder(part, room.address, toMd, to);
      room.free();
      return;
    }
    const pd = d.reorder(fromMd, toMd);
    const primitive = d.primitive(pd);
    const [a, b] = [d.memory(fromMd, from), d.memory(toMd, to)];
    d.execute(
      primitive,
      d.args([
        [Arg.src, a],
        [Arg.dst, b],
      ]),
    );
    d.destroyMemory(a);
    d.destroyMemory(b);
    d.destroyPrimitive(primitive);
    d.destroyPds();
  }

  #stored(id: number): Stored {
    const stored = this.#storages.get(id);
    if (!stored)
      throw new DeviceError({ what: `The onednn device holds no storage ${id}`, next: 'write it first' });
    return stored;
  }

  arenaFor(plan: BuiltPlan): number {
    return this.#arena.addressFor(plan.stats.arenaBytes);
  }

  versionOf(id: number): number {
    return this.#stored(id).version;
  }

  addressOf(id: number): number {
    return this.#stored(id).block.address;
  }

  write(id: number, spec: Spec, data: TypedArray): void {
    this.#unstage();
    const before = this.#storages.get(id);
    if (before && spec.dtype === 'float32') {
      before.version = ++this.#changes;
      this.#fill(before, data);
      return;
    }
    // oneDNN has no float64 type: such values are described as bytes.
    const opaque = spec.dtype === 'float64';
    const dims = opaque ? [data.byteLength] : dimsOf(spec.shape);
    const md = this.#dnnl.plain(dims, opaque ? 'uint8' : (spec.dtype as 'float32'));
    const block = before?.block ?? allocate(data.byteLength);
    arrayAt(block.address, spec.dtype, data.length).set(data as never);
    this.#storages.set(id, {
      spec: { shape: spec.shape, dtype: spec.dtype },
      block,
      dims,
      md,
      settled: spec.dtype !== 'float32',
      version: ++this.#changes,
    });
  }

  read(id: number): TypedArray {
    const stored = this.#stored(id);
    if (stored.spec.dtype === 'float32') return this.#rowMajor(stored);
    return arrayAt(stored.block.address, stored.spec.dtype, sizeOf(stored.spec.shape)).slice();
  }

  readInto(id: number, start: number, into: TypedArray): void {
    const stored = this.#stored(id);
    const { spec, block } = stored;
    const address =
      spec.dtype !== 'float32' || this.#isRowMajor(stored) ? block.address : this.#stage(id, stored);
    const values = arrayAt(address, spec.dtype, sizeOf(spec.shape));
    into.set(values.subarray(start, start + into.length) as never);
    if (start + into.length >= values.length) this.#unstage();
  }

  /** Address of a row-major copy, kept while a storage is read in pieces. */
  #stage(id: number, stored: Stored): number {
    if (this.#staged?.id !== id) {
      this.#unstage();
      const room = allocate(sizeOf(stored.spec.shape) * 4);
      this.#copy(stored, stored.md, stored.block.address, this.#dnnl.plain(stored.dims), room.address);
      this.#staged = { id, block: room };
    }
    return this.#staged!.block.address;
  }

  #unstage(): void {
    this.#staged?.block.free();
    this.#staged = undefined;
  }

  free(id: number): void {
    this.#storages.get(id)?.block.free();
    this.#storages.delete(id);
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
    this.#unstage();
    for (const { block } of this.#storages.values()) block.free();
    this.#storages.clear();
    this.#arena.close();
    this.#dnnl.close();
  }
}

/** A plan built at its first run, when the layouts of its storages are known, and rebuilt if they change. */
class LazyPlan implements Plan {
  #built: BuiltPlan | undefined;

  constructor(
    readonly engine: OneDnnEngine,
    readonly graph: Graph,
  ) {}

  get stats(): PlanStats {
    return (
      this.#built?.stats ?? {
        primitives: 0,
        reorders: 0,
        arenaBytes: 0,
        packedBytes: 0,
        scripted: [],
        compileSeconds: 0,
      }
    );
  }

  run(feeds: readonly TypedArray[], storages: readonly number[]): TypedArray[] {
    return this.#ready(storages).run(feeds, this.#versions(storages));
  }

  profile(feeds: readonly TypedArray[], storages: readonly number[]): ProfileRow[] {
    return this.#ready(storages).profile(feeds, this.#versions(storages));
  }

  #versions(storages: readonly number[]): number[] {
    return storages.map((id) => this.engine.versionOf(id));
  }

  #ready(storages: readonly number[]): BuiltPlan {
    this.#built ??= this.engine.build(this.graph, storages);
    if (!this.engine.prepare(this.#built, this.graph, storages)) {
      this.#built.dispose();
      this.#built = this.engine.build(this.graph, storages);
      this.engine.prepare(this.#built, this.graph, storages);
    }
    this.#built.bind(
      this.engine.arenaFor(this.#built),
      storages.map((id) => this.engine.addressOf(id)),
    );
    return this.#built;
  }

  dispose(): void {
    this.#built?.dispose();
    this.#built = undefined;
  }
}
