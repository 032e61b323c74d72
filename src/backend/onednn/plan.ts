import { DeviceError } from '../../errors/errors.js';
import type { Graph } from '../../graph/graph.js';
import { sizeOf, type TypedArray } from '../../graph/types.js';
import type { PlanStats, ProfileRow } from '../backend.js';
import { layOut } from '../plan/arena.js';
import type { Region } from '../plan/region.js';
import { poolFirst } from '../plan/rewrite.js';
import { schedule } from '../plan/schedule.js';
import { kernelOf } from '../reference/kernels.js';
import { Arg, argName, type Dnnl, type Handle, type Md } from './api/dnnl.js';
import type { Arena } from './arena.js';
import { Builder, type SlotLayout } from './builder.js';
import { forNode } from './failure.js';
import type { Form } from './ir.js';
import type { KernelChoice } from './kernel-choice.js';
import { allocate, arrayAt, type Block } from './library/memory.js';
import { lower } from './lower/index.js';

interface BoundStep {
  readonly run: () => void;
  readonly op: string;
  readonly scope: string;
  readonly kernel: string;
  readonly macs: number;
  readonly packs: number | undefined;
  readonly writes: boolean;
  /** Index of the step. */
  readonly at: number;
}

/** Checks that every operation can run, before anything runs. */
export function validate(graph: Graph): void {
  for (const node of graph.nodes) {
    if (node.inputs.length === 0 || node.op === 'reshape' || node.op === 'detach' || kernelOf(node.op))
      continue;
    throw new DeviceError({
      what: `Operation ${node.op}${node.scope ? ` in ${node.scope}` : ''} cannot run on device "onednn"`,
      expected: 'a primitive or a TypeScript kernel for it',
      got: 'neither',
      next: 'add a kernel in src/backend/reference/kernels, which this device uses too',
    });
  }
}

/** A graph compiled for given layouts of its storages: steps, memory and addresses. */
export class BuiltPlan {
  readonly #stats: PlanStats;
  #runSeconds = 0;
  /** Layout that each storage must have, by slot. */
  readonly layouts: readonly { dims: readonly number[]; md: Md }[];
  readonly #builder: Builder;
  readonly #dnnl: Dnnl;
  readonly #graph: Graph;
  readonly #outputs: readonly Form[];
  /** The guard's value, and the first step after it is computed. */
  #guard: { readonly form: Form; readonly before: number } | undefined;
  readonly #primitives = new Map<number, Handle>();
  readonly #memories: { region: Region; handle: Handle }[] = [];
  #bound: BoundStep[] | undefined;
  readonly #packed = new Map<Region, Block>();
  /** Version of each storage from which its packed copies were made. */
  #packedFrom: number[] = [];
  #addresses: readonly number[] = [];
  #feedArrays: TypedArray[] = [];
  #outputArrays: TypedArray[] = [];
  #guardArray: TypedArray | undefined;

  /** @param arena memory for vector kernels; if left out, elementwise operations run as primitives or TypeScript */
  constructor(
    dnnl: Dnnl,
    written: Graph,
    layouts: readonly SlotLayout[],
    choice: KernelChoice,
    arena?: Arena,
  ) {
    const started = performance.now();
    const graph = poolFirst(written);
    this.#dnnl = dnnl;
    this.#graph = graph;
    const b = new Builder(dnnl, graph, layouts, choice, arena);
    this.#builder = b;
    for (const i of graph.feeds) b.define(i, b.newPlainForm(i));
    for (const [slot, i] of graph.storages.entries()) b.define(i, b.slots[slot]!.form);
    // Feeds are filled before the first step, so they are live from the start.
    for (const i of graph.feeds) Object.assign(b.value(i).forms[0]!.region, { first: 0, last: 0 });
    for (const i of schedule(graph)) {
      this.#building(i, () => {
        if (graph.nodes[i]!.inputs.length > 0) lower(b, i);
        if (i === graph.guard) this.#guard = { form: b.plainForm(i), before: b.steps.length };
      });
    }
    this.#outputs = graph.outputs.map((i) => this.#building(i, () => this.#outputForm(i)));
    this.#copyUpdates(
      graph.updates.filter(({ node, slot }) => b.value(node).forms[0]!.region !== b.slots[slot]!.region),
    );
    const end = b.steps.length;
    for (const form of this.#outputs) form.region.last = end;
    this.layouts = b.slots.map(({ form }) => form);
    const arenaBytes = layOut(b.regions.filter((r) => r.last >= 0));
    b.steps.forEach((step, n) => {
      const { primitive } = step;
      if (primitive)
        forNode(dnnl, graph, step.node, () => this.#primitives.set(n, dnnl.primitive(primitive.pd)));
    });
    dnnl.destroyPds();
    this.#stats = {
      primitives: this.#primitives.size,
      reorders: b.reorders,
      arenaBytes,
      packedBytes: b.packed.reduce((sum, region) => sum + region.bytes, 0),
      scripted: b.steps.filter((s) => s.kernel === 'typescript').map((s) => s.op),
      compileSeconds: (performance.now() - started) / 1000,
    };
  }

  /** Builds steps for a node; errors of the library then name it. */
  #building<T>(i: number, body: () => T): T {
    this.#builder.current = i;
    return forNode(this.#dnnl, this.#graph, i, body);
  }

  /** A row-major form of an output, copied if it is a storage that this run overwrites. */
  #outputForm(i: number): Form {
    const b = this.#builder;
    const form = b.plainForm(i);
    const updated = b.graph.updates.some(({ node, slot }) => slot === form.region.slot && node !== i);
    if (!updated) return form;
    const copy = b.newForm(form.dims, form.md);
    this.#emitCopy(i, form, copy);
    return copy;
  }

  #emitCopy(i: number, from: Form, to: Form): void {
    const args = [
      [Arg.src, from],
      [Arg.dst, to],
    ] as const;
    this.#building(i, () => this.#builder.emitPrimitive(i, this.#dnnl.reorder(from.md, to.md), args, 'copy'));
  }

  /** Updates that cannot run in place: all values are copied first, since one may be another storage's old value. */
  #copyUpdates(updates: readonly { node: number; slot: number }[]): void {
    const b = this.#builder;
    const staged = updates.map(({ node, slot }) => {
      const { dims, md } = b.slots[slot]!.form;
      const form = this.#building(node, () => b.form(node, dims, md));
      if (form.region.slot === undefined) return form;
      const copy = b.newForm(dims, md);
      this.#emitCopy(node, form, copy);
      return copy;
    });
    updates.forEach(({ node, slot }, n) => {
      const { form } = b.slots[slot]!;
      this.#emitCopy(node, staged[n]!, form);
    });
  }

  /** Binds every step to the addresses of the arena and the storages; cheap if they have not changed. */
  bind(arena: number, storages: readonly number[]): void {
    if (this.#bound && storages.every((a, i) => a === this.#addresses[i])) return;
    this.#addresses = [...storages];
    const at = (region: Region): number => {
      if (region.slot !== undefined) return storages[region.slot]!;
      return region.packs === undefined ? arena + region.offset : this.#packedAt(region);
    };
    if (this.#bound)
      for (const { region, handle } of this.#memories)
        if (region.slot !== undefined) this.#dnnl.setAddress(handle, at(region));
    const first = !this.#bound;
    const before = this.#bound;
    this.#bound = this.#builder.steps.map((step, n) => {
      const { op, scope, kernel, macs, packs, writes } = step;
      const line = { op, scope, kernel, macs, packs, writes, at: n };
      if (!step.primitive) {
        const run = step.script!(at);
        return { ...line, run: () => forNode(this.#dnnl, this.#graph, step.node, run) };
      }
      if (!first) return before![n]!;
      const args = this.#dnnl.args(
        step.primitive.args.map(([arg, { md, region }]) => {
          const handle = this.#dnnl.memory(md, at(region));
          this.#memories.push({ region, handle });
          return [arg, handle] as const;
        }),
      );
      const primitive = this.#primitives.get(n)!;
      const run = () => this.#dnnl.execute(primitive, args);
      return { ...line, run: () => forNode(this.#dnnl, this.#graph, step.node, run) };
    });
    const arrayOf = (i: number, form: Form): TypedArray => {
      const { dtype, shape } = this.#graph.nodes[i]!;
      return arrayAt(at(form.region), dtype, sizeOf(shape));
    };
    this.#feedArrays = this.#graph.feeds.map((i) => arrayOf(i, this.#builder.value(i).forms[0]!));
    this.#guardArray = this.#guard && arrayOf(this.#graph.guard!, this.#guard.form);
    this.#outputArrays = this.#graph.outputs.map((i, n) => arrayOf(i, this.#outputs[n]!));
  }

  #packedAt(region: Region): number {
    let block = this.#packed.get(region);
    if (!block) this.#packed.set(region, (block = allocate(region.bytes)));
    return block.address;
  }

  /** The steps of a run: without those whose packed copies are still up to date. */
  #due(versions: readonly number[]): readonly BoundStep[] {
    const due = this.#bound!.filter(
      ({ packs }) => packs === undefined || versions[packs] !== this.#packedFrom[packs],
    );
    this.#packedFrom = [...versions];
    return due;
  }

  get stats(): PlanStats {
    return { ...this.#stats, runSeconds: this.#runSeconds };
  }

  /** @param versions content version of each storage, by slot */
  run(feeds: readonly TypedArray[], versions: readonly number[]): TypedArray[] {
    this.#feed(feeds);
    const due = this.#due(versions);
    const started = performance.now();
    if (this.#guard) this.#runGuarded(due);
    else for (const step of due) step.run();
    this.#runSeconds += (performance.now() - started) / 1000;
    return this.#outputArrays.map((a) => a.slice());
  }

  /** Skips the steps that write storages, which all come after the guard, if the guard is NaN or infinite. */
  #runGuarded(steps: readonly BoundStep[]): void {
    const { before } = this.#guard!;
    let held: boolean | undefined;
    for (const step of steps) {
      if (step.at >= before) held ??= !Number.isFinite(this.#guardArray![0]);
      if (!held || !step.writes) step.run();
    }
  }

  profile(feeds: readonly TypedArray[], versions: readonly number[]): ProfileRow[] {
    this.#feed(feeds);
    return this.#due(versions).map(({ op, scope, kernel, macs, run, at }) => {
      const started = performance.now();
      run();
      const milliseconds = performance.now() - started;
      return { op, scope, kernel, macs, milliseconds, layouts: this.#layoutsOf(at) };
    });
  }

  /** Layouts of a primitive's operands. (All operands of a script are row-major.) */
  #layoutsOf(n: number): string[] {
    const { args = [] } = this.#builder.steps[n]!.primitive ?? {};
    return args
      .filter(([arg]) => arg !== Arg.scratchpad && arg !== Arg.workspace)
      .map(([arg, { md }]) => `${argName(arg)} ${this.#dnnl.describe(md)}`);
  }

  #feed(feeds: readonly TypedArray[]): void {
    this.#graph.feeds.forEach((i, n) => {
      const data = feeds[n]!;
      const target = this.#feedArrays[n]!;
      if (data?.length !== target.length || data.constructor !== target.constructor) {
        const { shape, dtype } = this.#graph.nodes[i]!;
        throw new DeviceError({
          what: 'A value passed to a plan does not fit',
          expected: `${target.length} values of ${dtype} for [${shape.join(', ')}]`,
          got: data ? `${data.length} of ${data.constructor.name}` : 'nothing',
        });
      }
      target.set(data as never);
    });
  }

  dispose(): void {
    for (const { handle } of this.#memories) this.#dnnl.destroyMemory(handle);
    for (const block of this.#packed.values()) block.free();
    this.#packed.clear();
    for (const primitive of this.#primitives.values()) this.#dnnl.destroyPrimitive(primitive);
    this.#primitives.clear();
    this.#memories.length = 0;
    this.#bound = undefined;
  }
}
