import { DeviceError } from '../../errors/errors.js';
import { type Spec, showShape, sizeOf, type TypedArray } from '../../graph/types.js';
import { dimsOf, rowMajor } from './api/core.js';
import { Arg, type Dnnl, type Md } from './api/dnnl.js';
import { named } from './failure.js';
import type { SlotLayout } from './forms.js';
import { allocate, arrayAt, type Block } from './library/memory.js';

interface Stored {
  readonly spec: Spec;
  block: Block;
  dims: readonly number[];
  md: Md;
  /** Whether vector kernels can access the memory. */
  inside: boolean;
  /** Whether a training plan has chosen the layout; other plans then adapt to it. */
  settled: boolean;
  /** Unique number of the content. */
  version: number;
}

/** Layout that a plan expects of a storage. */
export interface Layout {
  readonly dims: readonly number[];
  readonly md: Md;
  /** Whether vector kernels of the plan access it. */
  readonly inside: boolean;
}

/** The storages of an engine, each in the layout that a training plan has chosen. */
export class Storages {
  readonly #dnnl: Dnnl;
  readonly #allocateInside: (bytes: number) => Block | undefined;
  readonly #storages = new Map<number, Stored>();
  /** Counter of writes to all storages, so that versions are unique. */
  #changes = 0;
  #staged: { readonly id: number; readonly block: Block } | undefined;

  /** @param allocateInside memory that vector kernels can access, as long as there is any */
  constructor(dnnl: Dnnl, allocateInside: (bytes: number) => Block | undefined = () => undefined) {
    this.#dnnl = dnnl;
    this.#allocateInside = allocateInside;
  }

  #allocate(bytes: number): Pick<Stored, 'block' | 'inside'> {
    const block = this.#allocateInside(bytes);
    return { block: block ?? allocate(bytes), inside: block !== undefined };
  }

  #stored(id: number): Stored {
    const stored = this.#storages.get(id);
    if (!stored)
      throw new DeviceError({ what: `The onednn device holds no storage ${id}`, next: 'write it first' });
    return stored;
  }

  layoutOf(id: number): SlotLayout {
    const { dims, md, settled, inside } = this.#stored(id);
    return { dims, md, flexible: !settled, inside };
  }

  /** Unique number of the content. */
  versionOf(id: number): number {
    return this.#stored(id).version;
  }

  addressOf(id: number): number {
    return this.#stored(id).block.address;
  }

  /**
   * Reorders storages whose layout may still change, before a plan runs.
   * @param ids the plan's storages, by slot
   * @param layouts the layouts that the plan expects, and whether its vector kernels access the storage
   * @param written the slots that it writes
   * @returns whether all storages have these layouts and are where the plan expects them
   */
  prepare(ids: readonly number[], layouts: readonly Layout[], written: ReadonlySet<number>): boolean {
    this.#unstage();
    for (const [slot, id] of ids.entries()) {
      const stored = this.#stored(id);
      const wanted = layouts[slot]!;
      if (!this.#dnnl.equal(stored.md, wanted.md)) {
        if (stored.settled) return false;
        this.#move(stored, wanted);
      }
      if (wanted.inside && !stored.inside) return false;
      if (written.has(slot)) {
        stored.settled = true;
        stored.version = ++this.#changes;
      }
    }
    return true;
  }

  #move(stored: Stored, { dims, md }: Layout): void {
    const data = this.#rowMajor(stored);
    stored.block.free();
    // A storage that is out of reach stays so: plans that reach it need not be rebuilt again and again.
    const bytes = this.#dnnl.bytes(md);
    Object.assign(stored, {
      ...(stored.inside ? this.#allocate(bytes) : { block: allocate(bytes) }),
      dims,
      md,
    });
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
    const { block, inside } = before ?? this.#allocate(data.byteLength);
    arrayAt(block.address, spec.dtype, data.length).set(data as never);
    this.#storages.set(id, {
      spec: { shape: spec.shape, dtype: spec.dtype },
      block,
      inside,
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

  close(): void {
    this.#unstage();
    for (const { block } of this.#storages.values()) block.free();
    this.#storages.clear();
  }
}
