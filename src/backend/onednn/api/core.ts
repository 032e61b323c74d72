import { sizeOf } from '../../../graph/types.js';
import { copyOut } from '../library/memory.js';
import {
  Arg,
  type Dims,
  type DnnlType,
  type Handle,
  type Md,
  type PostOp,
  TYPE,
  Unimplemented,
} from './constants.js';
import { DnnlExecution } from './execution.js';
import { isFaulty } from './faults.js';

/*
 * The part of oneDNN's C API that versions 2 and 3 share. v2.ts and v3.ts contain what differs: the representation of
 * memory descriptors, the creation of primitive descriptors, a few constants. Handles are addresses as 64-bit integers.
 */

const QUERY_IMPL_INFO = 8;

/** Arguments for creating a primitive descriptor, in the order of version 3's parameters. */
export type PdArgs = readonly (number | Md | Dims | null)[];

/** Memory descriptors and attributes. The subclass `Dnnl` adds the primitives. */
export abstract class DnnlCore extends DnnlExecution {
  readonly #pds: Handle[] = [];

  // Memory descriptors

  protected abstract withStrides(dims: Dims, type: number, strides: Dims): Md;
  /** A copy of a descriptor owned by the library; null if it is empty. */
  protected abstract copyMd(address: Handle): Md | null;
  /** A descriptor whose layout the library may choose. */
  abstract any(dims: Dims, type?: DnnlType): Md;
  abstract dims(md: Md): number[];
  protected abstract typeCode(md: Md): number;

  /** Element type. */
  typeOf(md: Md): DnnlType {
    const code = this.typeCode(md);
    return (Object.keys(TYPE) as DnnlType[]).find((name) => TYPE[name] === code)!;
  }

  /** False for layouts private to one algorithm, such as Winograd's transformed weights. */
  abstract isBlocked(md: Md): boolean;
  /** The stride of each dimension and the inner blocks of a blocked descriptor. */
  protected abstract blocking(md: Md): { strides: number[]; blocks: { size: number; dim: number }[] };

  /** Row-major, or with the given strides. */
  plain(dims: Dims, type: DnnlType = 'float32', strides?: Dims): Md {
    const d = dimsOf(dims);
    return this.withStrides(d, TYPE[type], strides ?? rowMajor(d));
  }

  /** The layout of a blocked descriptor for elements of another type; undefined if the library has no way to describe it. */
  abstract withType(md: Md, type: DnnlType): Md | undefined;

  equal(a: Md, b: Md): boolean {
    return a === b || this.fn('int dnnl_memory_desc_equal(void *, void *)')(a.native, b.native) !== 0;
  }

  bytes(md: Md): number {
    return Number(this.fn('size_t dnnl_memory_desc_get_size(void *)')(md.native));
  }

  /** The layout as text, for profiles: `acdb` is channels last, `abcd16b` has blocks of 16 channels. */
  describe(md: Md): string {
    if (!this.isBlocked(md)) return 'private';
    const { strides, blocks } = this.blocking(md);
    const order = strides.map((stride, dim) => ({ stride, dim })).sort((a, b) => b.stride - a.stride);
    const letter = (dim: number) => 'abcdef'[dim];
    return [...order.map(({ dim }) => letter(dim)), ...blocks.map((b) => `${b.size}${letter(b.dim)}`)].join(
      '',
    );
  }

  // Attributes: the caller provides the scratch memory of every primitive, so that a plan needs one arena only

  protected abstract appendEltwise(ops: Handle, alg: number, alpha: number, beta: number): void;
  protected abstract appendSum(ops: Handle, scale: number): void;
  /** Argument indices of post-op n begin at (n + 1) · postOpBase, counting n from 0. */
  protected abstract readonly postOpBase: number;

  /** Argument index of the second input of post-op `index`, counted from 0. */
  postOpArg(index: number): number {
    return (this.postOpBase * (index + 1)) | Arg.src1;
  }

  #withAttr<T>(postOps: readonly PostOp[], body: (attr: Handle) => T): T {
    const attr = this.out('dnnl_primitive_attr_create(void *)');
    try {
      this.call('dnnl_primitive_attr_set_scratchpad_mode(uintptr_t, int)', attr, 1);
      if (postOps.length > 0) this.#setPostOps(attr, postOps);
      return body(attr);
    } finally {
      this.call('dnnl_primitive_attr_destroy(uintptr_t)', attr);
    }
  }

  #setPostOps(attr: Handle, postOps: readonly PostOp[]): void {
    const ops = this.out('dnnl_post_ops_create(void *)');
    for (const op of postOps) {
      if (op.kind === 'eltwise') this.appendEltwise(ops, op.alg, op.alpha, op.beta);
      else if (op.kind === 'sum') this.appendSum(ops, op.scale);
      else this.call('dnnl_post_ops_append_binary(uintptr_t, int, void *)', ops, op.alg, op.md.native);
    }
    this.call('dnnl_primitive_attr_set_post_ops(uintptr_t, uintptr_t)', attr, ops);
    this.call('dnnl_post_ops_destroy(uintptr_t)', ops);
  }

  // Primitive descriptors

  /**
   * Creates a primitive descriptor with the library's first implementation for which `avoid` returns false; undefined if
   * there is none. The other parameters are those of `pd`.
   */
  protected abstract createPd(
    kind: string,
    parameters: string,
    args: PdArgs,
    attr: Handle,
    hint: Handle,
    avoid: (pd: Handle) => boolean,
  ): Handle | undefined;

  /**
   * Creates a primitive descriptor. `parameters` lists the types of the parameters that version 3's
   * `dnnl_<kind>_primitive_desc_create` has between the engine and the hint: `md` is a memory descriptor and `dims` a list
   * of dimensions.
   */
  protected pd(
    kind: string,
    parameters: string,
    args: PdArgs,
    {
      hint = 0n,
      postOps = [],
      shunned,
    }: { hint?: Handle; postOps?: readonly PostOp[]; shunned?: string | undefined } = {},
  ): Handle {
    const faulty = (made: Handle): boolean =>
      isFaulty(this.version, kind, this.implementation(made), args, (md) => this.dims(md));
    const isShunned = (made: Handle): boolean =>
      shunned !== undefined && this.implementation(made).startsWith(shunned);
    const create = (attr: Handle): Handle => {
      const make = (avoid: (made: Handle) => boolean) =>
        this.createPd(kind, parameters, args, attr, hint, avoid);
      const made = make((pd) => faulty(pd) || isShunned(pd)) ?? (shunned ? make(faulty) : undefined);
      if (made === undefined) throw new Unimplemented(`${kind} without its faulty implementations`);
      return made;
    };
    return this.#keep(this.#withAttr(postOps, create));
  }

  reorder(from: Md, to: Md): Handle {
    const create =
      'dnnl_reorder_primitive_desc_create(void *, void *, uintptr_t, void *, uintptr_t, uintptr_t)';
    return this.#keep(
      this.#withAttr([], (attr) => this.out(create, from.native, this.engine, to.native, this.engine, attr)),
    );
  }

  /**
   * For layouts with padding that the library reorders incorrectly: a descriptor of the same memory that includes the
   * padding as elements. The row-major result contains the wanted values as a slice.
   */
  unpadded(_from: Md, _to: Md): Md | undefined {
    return undefined;
  }

  #keep(pd: Handle): Handle {
    this.#pds.push(pd);
    return pd;
  }

  /** A copy of one of a primitive's memory descriptors; null if the primitive does not have it. */
  query(pd: Handle, what: number, index = 0): Md | null {
    const fn = this.fn('uintptr_t dnnl_primitive_desc_query_md(uintptr_t, int, int)');
    const address = BigInt(fn(pd, what, index));
    return address === 0n ? null : this.copyMd(address);
  }

  /** Name of the implementation that the library chose, such as `jit:avx512_core`. */
  implementation(pd: Handle): string {
    const out = new BigUint64Array(1);
    this.call('dnnl_primitive_desc_query(uintptr_t, int, int, void *)', pd, QUERY_IMPL_INFO, 0, out);
    const bytes = new Uint8Array(64);
    copyOut(bytes, Number(out[0]));
    return Buffer.from(bytes.subarray(0, bytes.indexOf(0))).toString('latin1');
  }

  /** Frees all primitive descriptors made so far. Primitives created from them stay valid. */
  destroyPds(): void {
    for (const pd of this.#pds.splice(0)) this.destroyPd(pd);
  }

  protected destroyPd(pd: Handle): void {
    this.call('dnnl_primitive_desc_destroy(uintptr_t)', pd);
  }
}

/** Maximum number of dimensions in oneDNN. */
const MAX_DIMS = 12;

/** Dimensions of a row-major value for the library: a scalar or a value with too many dimensions becomes a vector. */
export const dimsOf = (shape: Dims): Dims =>
  shape.length === 0 ? [1] : shape.length > MAX_DIMS ? [sizeOf(shape)] : shape;

/** Strides of row-major dimensions. */
export const rowMajor = (dims: Dims): number[] => dims.map((_, i) => sizeOf(dims.slice(i + 1)));

export const longs = (values: Dims): BigInt64Array => BigInt64Array.from(values, BigInt);
