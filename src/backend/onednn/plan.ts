import type { Graph } from '../../graph/graph.js';
import { sizeOf, type TypedArray } from '../../graph/types.js';
import type { PlanStats, ProfileRow } from '../backend.js';
import { type Assembly, assemble } from '../plan/assemble.js';
import { joinCopies } from '../plan/copies.js';
import { type BoundStep, Execution } from '../plan/execution.js';
import { lookUpLast } from '../plan/lookup.js';
import type { Region } from '../plan/region.js';
import { joinParts, poolFirst } from '../plan/rewrite.js';
import type { PlanStep } from '../plan/step.js';
import { appliesActivation } from './activations.js';
import { Arg, argName, type Dnnl, type Handle } from './api/dnnl.js';
import type { Arena } from './arena.js';
import { OneDnnBuilder } from './builder.js';
import { forNode } from './failure.js';
import type { SlotLayout } from './forms.js';
import type { Form, Work } from './ir.js';
import type { KernelChoice } from './kernel-choice.js';
import { allocate, arrayAt, type Block } from './library/memory.js';
import type { Threads } from './library/threads.js';
import { lower } from './lower/index.js';
import { lowerUpdates } from './lower/updates.js';
import { isForOneThread } from './small.js';
import type { Layout } from './storages.js';

/** A graph compiled for given layouts of its storages: steps, memory and addresses. */
export class BuiltPlan {
  readonly #stats: PlanStats;
  /** Layout that each storage must have, by slot. */
  readonly layouts: readonly Layout[];
  readonly #builder: OneDnnBuilder;
  readonly #dnnl: Dnnl;
  readonly #threads: Threads;
  readonly #graph: Graph;
  readonly #assembly: Assembly<Form>;
  readonly #execution: Execution;
  readonly #primitives = new Map<number, Handle>();
  readonly #memories: { region: Region; offset: number; handle: Handle }[] = [];
  readonly #packed = new Map<Region, Block>();
  #addresses: readonly number[] = [];

  /** @param arena memory for vector kernels; if left out, elementwise operations run as primitives or TypeScript */
  constructor(
    dnnl: Dnnl,
    written: Graph,
    layouts: readonly SlotLayout[],
    choice: KernelChoice,
    threads: Threads,
    arena?: Arena,
  ) {
    const started = performance.now();
    const graph = joinCopies(joinParts(poolFirst(lookUpLast(written), appliesActivation)));
    this.#dnnl = dnnl;
    this.#threads = threads;
    this.#graph = graph;
    const b = new OneDnnBuilder(dnnl, graph, layouts, choice, threads, arena);
    this.#builder = b;
    this.#execution = new Execution(graph, b.numbers);
    for (const i of graph.feeds) b.define(i, b.newPlainForm(i));
    for (const [slot, i] of graph.storages.entries()) b.define(i, b.slots[slot]!.form);
    const regionOf = (i: number): Region => b.value(i).forms[0]!.region;
    this.#assembly = assemble(b, graph.feeds.map(regionOf), regionOf, {
      lower: (i) => this.#threads.with(this.#threadsFor(i), () => this.#naming(i, () => lower(b, i))),
      plain: (i) => this.#naming(i, () => b.plainForm(i)),
      copy: (i, form) => this.#naming(i, () => this.#copy(i, form, b.newForm(form.dims, form.md))),
      stored: (i, slot) => this.#naming(i, () => b.form(i, b.slots[slot]!.form.dims, b.slots[slot]!.form.md)),
      store: (i, form, slot) => void this.#naming(i, () => this.#copy(i, form, b.slots[slot]!.form)),
      update: (groups) => this.#naming(b.current, () => lowerUpdates(b, groups)),
    });
    this.layouts = b.slots.map(({ form: { dims, md }, inside }) => ({ dims, md, inside }));
    b.steps.forEach((step, n) => {
      const { primitive } = step;
      if (!primitive) return;
      const make = () => dnnl.primitive(primitive.pd);
      this.#naming(step.node, () => this.#primitives.set(n, threads.with(this.#threadsOf(step), make)));
    });
    dnnl.destroyPds();
    this.#stats = {
      primitives: this.#primitives.size,
      reorders: b.reorders,
      arenaBytes: this.#assembly.arenaBytes,
      packedBytes: b.packed.reduce((sum, region) => sum + region.bytes, 0),
      scripted: b.steps.filter((s) => s.kernel === 'typescript').map((s) => s.op),
      compileSeconds: (performance.now() - started) / 1000,
    };
  }

  /** Errors of the library then name the node. */
  #naming<T>(i: number, body: () => T): T {
    return forNode(this.#dnnl, this.#graph, i, body);
  }

  /** Threads of a node's primitives. */
  #threadsFor(i: number): number {
    const { all } = this.#threads;
    return all > 1 && isForOneThread(this.#graph, i, all) ? 1 : all;
  }

  #threadsOf({ node, primitive }: PlanStep & Work): number {
    return primitive?.alone ? 1 : this.#threadsFor(node);
  }

  #copy(i: number, from: Form, to: Form): Form {
    const args = [
      [Arg.src, from],
      [Arg.dst, to],
    ] as const;
    this.#builder.emitPrimitive(i, this.#builder.reorder(from.md, to.md), args, 'copy');
    return to;
  }

  /** Binds every step to the addresses of the arena and the storages; cheap if they have not changed. */
  bind(arena: number, storages: readonly number[]): void {
    const before = this.#execution.bound;
    if (before && storages.every((a, i) => a === this.#addresses[i])) return;
    this.#addresses = [...storages];
    const at = (region: Region): number => {
      if (region.slot !== undefined) return storages[region.slot]!;
      return region.packs === undefined ? arena + region.offset : this.#packedAt(region);
    };
    if (before)
      for (const { region, offset, handle } of this.#memories)
        if (region.slot !== undefined) this.#dnnl.setAddress(handle, at(region) + offset);
    const steps = this.#builder.steps.map((step, n): BoundStep => {
      const count = this.#threadsOf(step);
      const onThreads = (body: () => void): BoundStep => {
        const run = (): void => {
          this.#threads.use(count);
          body();
        };
        return { ...step, run: () => this.#naming(step.node, run) };
      };
      if (!step.primitive) return onThreads(step.script!(at));
      if (before) return before.steps[n]!;
      const args = this.#dnnl.args(
        step.primitive.args.map(([arg, { md, region, offset = 0 }]) => {
          const handle = this.#dnnl.memory(md, at(region) + offset);
          this.#memories.push({ region, offset, handle });
          return [arg, handle] as const;
        }),
      );
      const primitive = this.#primitives.get(n)!;
      return onThreads(() => this.#dnnl.execute(primitive, args));
    });
    const arrayOf = (i: number, form: Form): TypedArray => {
      const { dtype, shape } = this.#graph.nodes[i]!;
      return arrayAt(at(form.region), dtype, sizeOf(shape));
    };
    const { outputs, guard } = this.#assembly;
    this.#execution.bind({
      steps,
      feeds: this.#graph.feeds.map((i) => arrayOf(i, this.#builder.value(i).forms[0]!)),
      outputs: this.#graph.outputs.map((i, n) => arrayOf(i, outputs[n]!)),
      guard: guard && { value: arrayOf(this.#graph.guard!, guard.form), before: guard.before },
    });
  }

  #packedAt(region: Region): number {
    let block = this.#packed.get(region);
    if (!block) this.#packed.set(region, (block = allocate(region.bytes)));
    return block.address;
  }

  get stats(): PlanStats {
    const packedBytes = this.#execution.bound ? this.#stats.packedBytes : 0;
    return { ...this.#stats, packedBytes, runSeconds: this.#execution.seconds };
  }

  /** @param versions content version of each storage, by slot */
  run(feeds: readonly TypedArray[], versions: readonly number[]): TypedArray[] {
    return this.#threads.with(this.#threads.all, () => this.#execution.run(feeds, versions));
  }

  profile(feeds: readonly TypedArray[], versions: readonly number[]): ProfileRow[] {
    return this.#threads.with(this.#threads.all, () =>
      this.#execution.profile(feeds, versions, (n) => this.#layoutsOf(n)),
    );
  }

  /** Layouts of a primitive's operands. (All operands of a script are row-major.) */
  #layoutsOf(n: number): string[] {
    const { args = [] } = this.#builder.steps[n]!.primitive ?? {};
    return args
      .filter(([arg]) => arg !== Arg.scratchpad && arg !== Arg.workspace)
      .map(([arg, { md }]) => `${argName(arg)} ${this.#dnnl.describe(md)}`);
  }

  /** Bytes of the copies of storages that it keeps while it is bound. */
  get packedBytes(): number {
    return this.#stats.packedBytes;
  }

  /** Frees the copies of storages; the next run makes them again. */
  release(): void {
    for (const { handle } of this.#memories) this.#dnnl.destroyMemory(handle);
    this.#memories.length = 0;
    for (const block of this.#packed.values()) block.free();
    this.#packed.clear();
    this.#execution.bind(undefined);
  }

  dispose(): void {
    this.release();
    for (const dispose of this.#builder.disposers.splice(0)) dispose();
    for (const primitive of this.#primitives.values()) this.#dnnl.destroyPrimitive(primitive);
    this.#primitives.clear();
  }
}
