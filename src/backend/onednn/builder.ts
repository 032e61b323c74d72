import type { Graph, GraphNode } from '../../graph/graph.js';
import { bytesOf, type DType, sizeOf, type TypedArray } from '../../graph/types.js';
import { operationOf } from '../../ops/index.js';
import { type Cluster, clusters } from '../plan/fusion.js';
import { isActivation } from './activations.js';
import { dimsOf } from './api/core.js';
import {
  Arg,
  type Dims,
  type Dnnl,
  type DnnlType,
  type Handle,
  type Md,
  Query,
  Unimplemented,
} from './api/dnnl.js';
import type { Arena } from './arena.js';
import type { Form, Region, Step, Value } from './ir.js';
import type { KernelChoice } from './kernel-choice.js';
import { arrayAt } from './library/memory.js';

/** How a storage's memory is laid out, and whether a plan may still choose that. */
export interface SlotLayout {
  readonly dims: Dims;
  readonly md: Md;
  readonly flexible: boolean;
}

/**
 * Collects the steps of a plan while the graph's nodes are lowered one after the other. It knows each value's
 * forms, inserts the reorders between them, and tracks who still needs what, so that work can be done in place.
 */
export class Builder {
  readonly steps: Step[] = [];
  readonly values: (Value | undefined)[];
  readonly regions: Region[] = [];
  /** Copies of storages that this plan does not write: made once, not in each run. */
  readonly packed: Region[] = [];
  readonly slots: { region: Region; form: Form; flexible: boolean }[];
  /** Nodes that another node's lowering has already produced, such as a bias gradient. */
  readonly done = new Set<number>();
  /** Memory passed from a forward primitive to its backward one, by the forward's node. */
  readonly workspaces = new Map<number, { md: Md; region: Region } | null>();
  /** Elementwise nodes that are computed together, by the last of them; the others are left to it. */
  readonly clusters: ReadonlyMap<number, Cluster>;
  readonly absorbed: ReadonlySet<number>;
  readonly users: number[][];
  readonly training: boolean;
  reorders = 0;
  /** The node whose steps are being made: its errors name it. */
  current = 0;
  readonly #group: number[];
  readonly #pendingReaders: number[];
  readonly #targets = new Map<number, number>();
  readonly #written: ReadonlySet<number>;

  constructor(
    readonly dnnl: Dnnl,
    readonly graph: Graph,
    layouts: readonly SlotLayout[],
    readonly choice: KernelChoice,
    readonly arena?: Arena,
  ) {
    this.values = graph.nodes.map(() => undefined);
    this.users = graph.nodes.map(() => []);
    graph.nodes.forEach((node, i) => {
      for (const input of new Set(node.inputs)) this.users[input]!.push(i);
    });
    this.clusters = arena?.pool ? clusters(graph, (i) => this.#isAppliedByPrimitive(i)) : new Map();
    this.absorbed = new Set(
      [...this.clusters].flatMap(([root, { nodes }]) => nodes.filter((i) => i !== root)),
    );
    this.training = graph.nodes.some((node) => node.op.includes('Grad'));
    // Reshapes share their input's memory, so readers are counted over the whole group.
    this.#group = graph.nodes.map((_, i) => i);
    graph.nodes.forEach((node, i) => {
      if (isAlias(node)) this.#group[i] = this.#group[node.inputs[0]!]!;
    });
    this.#pendingReaders = graph.nodes.map(() => 0);
    graph.nodes.forEach((node) => {
      if (!isAlias(node))
        for (const input of new Set(node.inputs)) this.#pendingReaders[this.#group[input]!]!++;
    });
    this.#written = new Set(graph.updates.map((u) => u.slot));
    for (const output of graph.outputs) this.#pendingReaders[this.#group[output]!]!++;
    for (const { node, slot } of graph.updates) {
      this.#pendingReaders[this.#group[node]!]!++;
      this.#targets.set(node, slot);
    }
    this.slots = graph.storages.map((_, slot) => {
      const { dims, md, flexible } = layouts[slot]!;
      const region: Region = { bytes: dnnl.bytes(md), slot, first: 0, last: 0, offset: 0 };
      return { region, form: { dims, md, region }, flexible };
    });
  }

  /** An activation that the convolution or linear layer before it applies on its way. */
  #isAppliedByPrimitive(i: number): boolean {
    const [x] = this.node(i).inputs as [number];
    return isActivation(this.node(i).op) && APPLIERS.has(this.node(x).op) && this.users[x]!.length === 1;
  }

  node(i: number): GraphNode {
    return this.graph.nodes[i]!;
  }

  value(i: number): Value {
    const value = this.values[i];
    if (!value) throw new Error(`node ${i} (${this.node(i).op}) is used before it is made`);
    return value;
  }

  region(bytes: number): Region {
    const region: Region = { bytes, first: Number.POSITIVE_INFINITY, last: -1, offset: 0 };
    this.regions.push(region);
    return region;
  }

  #packed(slot: number, md: Md): Region {
    const region = { bytes: this.dnnl.bytes(md), packs: slot, first: 0, last: 0, offset: 0 };
    this.packed.push(region);
    return region;
  }

  newForm(dims: Dims, md: Md, region?: Region): Form {
    return { dims, md, region: region ?? this.region(this.dnnl.bytes(md)) };
  }

  define(i: number, form: Form): void {
    this.values[i] = { forms: [form] };
  }

  emit(step: Omit<Step, 'node'>): void {
    const at = this.steps.length;
    for (const region of step.touches) {
      region.first = Math.min(region.first, at);
      region.last = Math.max(region.last, at);
      // A step relies on the storage's layout from now on.
      if (region.slot !== undefined) this.slots[region.slot]!.flexible = false;
    }
    this.steps.push({ ...step, node: this.current });
  }

  /** Adds a primitive as a step, with scratch memory if it wants any. */
  emitPrimitive(
    i: number,
    pd: Handle,
    args: readonly (readonly [number, { md: Md; region: Region }])[],
    op = this.node(i).op,
  ): void {
    const scratch = this.dnnl.query(pd, Query.scratchpad);
    const all = [...args];
    const packs = op === 'reorder' ? args.at(-1)![1].region.packs : undefined;
    if (scratch && this.dnnl.bytes(scratch) > 0)
      all.push([Arg.scratchpad, { md: scratch, region: this.region(this.dnnl.bytes(scratch)) }]);
    this.emit({
      op,
      scope: this.node(i).scope,
      kernel: this.dnnl.implementation(pd),
      macs: macsOf(this.graph, i, op),
      ...(packs === undefined ? {} : { packs }),
      primitive: { pd, args: all },
      touches: all.map(([, form]) => form.region),
      writes: all.some(([arg, { region }]) => arg === Arg.dst && region.slot !== undefined),
    });
  }

  /** The value as `dims` in layout `md`, reordered if it is not there yet. */
  form(i: number, dims: Dims, md: Md): Form {
    const { forms } = this.value(i);
    const found = forms.find((f) => same(f.dims, dims) && this.dnnl.equal(f.md, md));
    if (found) return found;
    const from = this.#withDims(i, dims);
    const { slot } = from.region;
    const packs = slot === undefined || this.#written.has(slot) ? undefined : slot;
    const made = this.newForm(dims, md, packs === undefined ? undefined : this.#packed(packs, md));
    this.#reorder(i, from, made);
    forms.push(made);
    return made;
  }

  /** Row-major, with the node's own shape. */
  plainForm(i: number): Form {
    const { shape, dtype } = this.node(i);
    if (dtype === 'float64') return this.value(i).forms[0]!;
    return this.form(i, dimsOf(shape), this.plainMd(shape, dtype));
  }

  /**
   * The value as it lies, under its node's own dimensions: what a primitive needs that tells channels from rows.
   * Row-major where it lies under other dimensions only, as after a reshape.
   */
  shapedForm(i: number): Form {
    const { shape } = this.node(i);
    const { forms } = this.value(i);
    return forms.find((f) => same(f.dims, shape) && this.#asMade(f, forms)) ?? this.plainForm(i);
  }

  /** False for a copy that another type has rounded, and for layouts private to an algorithm. */
  #asMade(form: Form, [first]: readonly Form[]): boolean {
    return this.dnnl.isBlocked(form.md) && this.dnnl.typeOf(form.md) === this.dnnl.typeOf(first!.md);
  }

  /** As it was made, or row-major where it was made in bfloat16. */
  float32Form(i: number): Form {
    const first = this.value(i).forms[0]!;
    return this.dnnl.typeOf(first.md) === 'bfloat16' ? this.plainForm(i) : first;
  }

  plainMd(shape: Dims, dtype: DType): Md {
    return this.dnnl.plain(shape, dtype as DnnlType);
  }

  /** A new row-major form. oneDNN 2 knows no float64: to it, such values are opaque bytes. */
  newPlainForm(i: number): Form {
    const { shape, dtype } = this.node(i);
    const dims = dtype === 'float64' ? [sizeOf(shape) * bytesOf(dtype)] : dimsOf(shape);
    return this.newForm(dims, this.dnnl.plain(dims, dtype === 'float64' ? 'uint8' : dtype));
  }

  /** Some form with these dimensions: what is there, or a row-major one seen under other dimensions. */
  #withDims(i: number, dims: Dims): Form {
    const { forms } = this.value(i);
    const match = forms.find((f) => same(f.dims, dims) && this.#asMade(f, forms));
    if (match) return match;
    const dtype = this.node(i).dtype;
    let plain = forms.find((f) => this.dnnl.equal(f.md, this.plainMd(f.dims, dtype)));
    if (!plain) {
      const first = forms[0]!;
      plain = this.newForm(first.dims, this.plainMd(first.dims, dtype));
      this.#reorder(i, first, plain);
      forms.push(plain);
    }
    const seen: Form = { dims, md: this.plainMd(dims, dtype), region: plain.region };
    forms.push(seen);
    return seen;
  }

  #reorder(i: number, source: Form, to: Form): void {
    const from = this.#withoutPadding(i, source, to);
    const pd = this.#reorderPd(from.md, to.md);
    if (!pd) {
      // Layouts private to an algorithm can be made from row-major only.
      const plain = this.newForm(from.dims, this.plainMd(from.dims, this.node(i).dtype));
      this.#reorder(i, from, plain);
      this.#reorder(i, plain, to);
      return;
    }
    this.reorders++;
    this.emitPrimitive(
      i,
      pd,
      [
        [Arg.src, from],
        [Arg.dst, to],
      ],
      'reorder',
    );
  }

  /** The source itself, or where the library mishandles its padding, a row-major copy of which it is a part. */
  #withoutPadding(i: number, from: Form, to: Form): Form {
    const d = this.dnnl;
    const whole = d.unpadded(from.md, to.md);
    if (!whole) return from;
    const type = d.typeOf(from.md);
    const room = d.plain(d.dims(whole), type);
    const copy = this.newForm(d.dims(whole), room);
    this.reorders++;
    this.emitPrimitive(
      i,
      d.reorder(whole, room),
      [
        [Arg.src, { md: whole, region: from.region }],
        [Arg.dst, copy],
      ],
      'reorder',
    );
    return { dims: from.dims, md: d.plain(from.dims, type, rowMajor(d.dims(whole))), region: copy.region };
  }

  #reorderPd(from: Md, to: Md): Handle | undefined {
    try {
      return this.dnnl.reorder(from, to);
    } catch (error) {
      if (error instanceof Unimplemented && !this.dnnl.equal(from, this.dnnl.plain(this.dnnl.dims(from))))
        return undefined;
      throw error;
    }
  }

  /** To be called when a node has been lowered: its inputs have one reader less. */
  release(i: number): void {
    const node = this.node(i);
    if (!isAlias(node))
      for (const input of new Set(node.inputs)) this.#pendingReaders[this.#group[input]!]!--;
  }

  /** True when the node being lowered is the last that reads this input, so that its memory may be overwritten. */
  lastReader(input: number): boolean {
    return (
      this.#pendingReaders[this.#group[input]!] === 1 &&
      this.value(input).forms[0]!.region.slot === undefined &&
      this.node(this.#group[input]!).op !== 'feed'
    );
  }

  /**
   * The storage that a node's result is to be written into, if that can happen at once: nobody but the node
   * itself still reads the old value, and a guard has been computed.
   */
  target(i: number): { slot: number; form: Form } | undefined {
    const slot = this.#targets.get(i);
    if (slot === undefined) return undefined;
    if (this.graph.guard !== undefined && !this.values[this.graph.guard]) return undefined;
    const leaf = this.graph.storages[slot]!;
    const own = this.node(i).inputs.some((input) => this.#group[input] === leaf) ? 1 : 0;
    if (this.#pendingReaders[leaf]! > own) return undefined;
    return { slot, form: this.slots[slot]!.form };
  }

  /** Lets a storage take another layout, if nothing has used it yet. */
  settle(leaf: number, dims: Dims, md: Md): void {
    const slot = this.graph.storages.indexOf(leaf);
    if (slot < 0 || !this.slots[slot]!.flexible || !this.dnnl.isBlocked(md)) return;
    const { region } = this.slots[slot]!;
    region.bytes = this.dnnl.bytes(md);
    const form: Form = { dims, md, region };
    this.slots[slot] = { region, form, flexible: false };
    // Reshapes of the storage hold the same list.
    this.value(leaf).forms.splice(0, Number.POSITIVE_INFINITY, form);
  }

  isFlexible(leaf: number): boolean {
    const slot = this.graph.storages.indexOf(leaf);
    return slot >= 0 && this.slots[slot]!.flexible;
  }

  /**
   * Adds a step in TypeScript over row-major arrays.
   * @param counts elements of each input, where they lie in a layout that has more than the node's shape
   */
  emitScript(
    i: number,
    inputs: readonly Form[],
    output: Form,
    body: (inputs: TypedArray[], output: TypedArray) => void,
    kernel: string,
    counts: readonly number[] = this.node(i).inputs.map((s) => sizeOf(this.node(s).shape)),
  ): void {
    const { op, scope, inputs: sources, dtype, shape } = this.node(i);
    const types = sources.map((s) => this.node(s).dtype);
    this.emit({
      op,
      scope,
      kernel,
      macs: macsOf(this.graph, i, op),
      touches: [...inputs.map((f) => f.region), output.region],
      writes: false,
      script: (at) => {
        const ins = inputs.map((f, n) => arrayAt(at(f.region), types[n]!, counts[n]!));
        const out = arrayAt(at(output.region), dtype, sizeOf(shape));
        return () => body(ins, out);
      },
    });
  }
}

/** Strides of row-major dimensions. */
export const rowMajor = (dims: Dims): number[] =>
  dims.map((_, i) => dims.slice(i + 1).reduce((a, b) => a * b, 1));

/** Operations whose primitives can apply an activation: see `fuse.ts`. */
const APPLIERS = new Set(['conv2d', 'linear']);

export const isAlias = (node: GraphNode): boolean => node.op === 'reshape' || node.op === 'detach';

export const same = (a: Dims, b: Dims): boolean => a.length === b.length && a.every((d, i) => d === b[i]);

/** Multiply-adds of a node, by its operation's own count. */
function macsOf(graph: Graph, i: number, op: string): number {
  const node = graph.nodes[i]!;
  if (op !== node.op) return 0;
  return (
    operationOf(op).macs?.(
      node.inputs.map((n) => graph.nodes[n]!),
      node,
      node.attrs,
    ) ?? 0
  );
}
