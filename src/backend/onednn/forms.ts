import { bytesOf, type DType, sizeOf } from '../../graph/types.js';
import { PlanBuilder } from '../plan/builder.js';
import { macsOf } from '../plan/describe.js';
import type { Region } from '../plan/region.js';
import type { NewStep } from '../plan/step.js';
import { dimsOf, rowMajor } from './api/core.js';
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
import type { Form, Place, Value, Work } from './ir.js';
import type { Threads } from './library/threads.js';
import { isSmall } from './small.js';

/** Memory layout of a storage, and whether a plan may still change it. */
export interface SlotLayout {
  readonly dims: Dims;
  readonly md: Md;
  readonly flexible: boolean;
  /** Whether vector kernels can access it; false if left out. */
  readonly inside?: boolean;
}

/** Knows the forms of each value, and inserts reorders between them. */
export class FormBuilder extends PlanBuilder<Value, Work> {
  /** Reordered copies of storages that this plan does not write: made once, not in each run. */
  readonly packed: Region[] = [];
  readonly slots: { region: Region; form: Form; flexible: boolean; inside: boolean }[];
  reorders = 0;
  readonly #written: ReadonlySet<number>;
  /** Primitives for one thread. */
  readonly #alone = new Set<Handle>();

  constructor(
    readonly dnnl: Dnnl,
    readonly threads: Threads,
    layouts: readonly SlotLayout[],
    ...[graph, ...options]: ConstructorParameters<typeof PlanBuilder<Value, Work>>
  ) {
    super(graph, ...options);
    this.#written = new Set(graph.updates.map((u) => u.slot));
    this.slots = graph.storages.map((_, slot) => {
      const { dims, md, flexible, inside = false } = layouts[slot]!;
      const region: Region = { bytes: dnnl.bytes(md), slot, first: 0, last: 0, offset: 0 };
      return { region, form: { dims, md, region }, flexible, inside };
    });
  }

  #packed(slot: number, md: Md): Region {
    const region = { bytes: this.dnnl.bytes(md), packs: slot, first: 0, last: 0, offset: 0 };
    this.packed.push(region);
    return region;
  }

  /** Whether vector kernels can access a region, in a plan whose memory they can access. */
  isReachable({ slot, packs }: Region): boolean {
    return packs === undefined && (slot === undefined || this.slots[slot]!.inside);
  }

  newForm(dims: Dims, md: Md, region?: Region): Form {
    return { dims, md, region: region ?? this.region(this.dnnl.bytes(md)) };
  }

  define(i: number, form: Form): void {
    this.values[i] = { forms: [form] };
  }

  override emit(step: NewStep<Work>): void {
    // The step depends on the layouts of the storages that it uses, so they may not change any more.
    for (const { slot } of step.touches) if (slot !== undefined) this.slots[slot]!.flexible = false;
    super.emit(step);
  }

  /** Adds a primitive as a step, with scratch memory if it needs any. */
  emitPrimitive(
    i: number,
    pd: Handle,
    args: readonly (readonly [number, Place])[],
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
      macs: op === this.node(i).op ? macsOf(this.graph, i) : 0,
      ...(packs === undefined ? {} : { packs }),
      primitive: { pd, args: all, alone: this.#alone.has(pd) },
      touches: all.map(([, form]) => form.region),
      writes: all.some(([arg, { region }]) => arg === Arg.dst && region.slot !== undefined),
    });
  }

  /** A copy from one layout to another. For a small one, as for weights, waking another thread takes longer than it saves. */
  reorder(from: Md, to: Md): Handle {
    const make = (): Handle => this.dnnl.reorder(from, to);
    const { all } = this.threads;
    if (all === 1 || !isSmall(sizeOf(this.dnnl.dims(from)), all)) return make();
    const pd = this.threads.with(1, make);
    this.#alone.add(pd);
    return pd;
  }

  /** The value with dimensions `dims` in layout `md`; adds a reorder if this form does not exist yet. */
  form(i: number, dims: Dims, md: Md): Form {
    const { forms } = this.value(i);
    const found = forms.find((f) => same(f.dims, dims) && this.dnnl.equal(f.md, md));
    if (found) return found;
    const from = this.#withDims(i, dims);
    // Row-major values with other dimensions are the same elements in the same places.
    if (this.dnnl.equal(from.md, md)) return from;
    const { slot } = from.region;
    const packs = slot === undefined || this.#written.has(slot) ? undefined : slot;
    const made = this.newForm(dims, md, packs === undefined ? undefined : this.#packed(packs, md));
    this.#reorder(i, from, made);
    forms.push(made);
    return made;
  }

  /** The value in row-major layout, with the node's shape. */
  plainForm(i: number): Form {
    const { shape, dtype } = this.node(i);
    if (dtype === 'float64') return this.value(i).forms[0]!;
    return this.form(i, dimsOf(shape), this.plainMd(shape, dtype));
  }

  /**
   * A form with the node's own dimensions, for primitives that depend on them, in the existing layout if there is one.
   * Row-major if the value exists with other dimensions only, as after a reshape.
   */
  shapedForm(i: number): Form {
    const { shape } = this.node(i);
    const { forms } = this.value(i);
    return forms.find((f) => same(f.dims, shape) && this.#asMade(f, forms)) ?? this.plainForm(i);
  }

  /** False for a copy rounded to another type, and for layouts private to an algorithm. */
  #asMade(form: Form, [first]: readonly Form[]): boolean {
    return this.dnnl.isBlocked(form.md) && this.dnnl.typeOf(form.md) === this.dnnl.typeOf(first!.md);
  }

  /** The value in float32, in the layout in which it was computed, or row-major if the library cannot describe that. */
  float32Form(i: number): Form {
    const first = this.value(i).forms[0]!;
    if (this.dnnl.typeOf(first.md) !== 'bfloat16') return first;
    const md = this.float32Md(first.md);
    return md ? this.form(i, first.dims, md) : this.plainForm(i);
  }

  /** A blocked layout for float32 elements; undefined for other layouts, and if the library cannot describe it. */
  float32Md(md: Md): Md | undefined {
    if (!this.dnnl.isBlocked(md)) return undefined;
    return this.dnnl.typeOf(md) === 'float32' ? md : this.dnnl.withType(md, 'float32');
  }

  plainMd(shape: Dims, dtype: DType): Md {
    return this.dnnl.plain(shape, dtype as DnnlType);
  }

  /** A new row-major form. oneDNN 2 has no float64 type: float64 values are described as bytes. */
  newPlainForm(i: number): Form {
    const { shape, dtype } = this.node(i);
    const dims = dtype === 'float64' ? [sizeOf(shape) * bytesOf(dtype)] : dimsOf(shape);
    return this.newForm(dims, this.dnnl.plain(dims, dtype === 'float64' ? 'uint8' : dtype));
  }

  /** Any form with these dimensions: an existing one, or a row-major one with its dimensions replaced. */
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
      // Layouts private to an algorithm can only be reordered from row-major.
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

  /** The source form, or, if the library mishandles its padding, a slice of a row-major copy. */
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
      this.reorder(whole, room),
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
      return this.reorder(from, to);
    } catch (error) {
      if (error instanceof Unimplemented && !this.dnnl.equal(from, this.dnnl.plain(this.dnnl.dims(from))))
        return undefined;
      throw error;
    }
  }
}

export const same = (a: Dims, b: Dims): boolean => a.length === b.length && a.every((d, i) => d === b[i]);
