import type { Lib, OneDnnLibrary } from '../library/library.js';
import { copyOut } from '../library/memory.js';
import {
  Arg,
  type Dims,
  type DnnlType,
  type Handle,
  type Md,
  NativeError,
  type PostOp,
  TYPE,
  Unimplemented,
} from './constants.js';
import { isFaulty } from './faults.js';

/*
 * The part of oneDNN's C API that versions 2 and 3 share. v2.ts and v3.ts contain what differs: the representation of
 * memory descriptors, the creation of primitive descriptors, a few constants. Handles are addresses as 64-bit integers.
 */

const QUERY_IMPL_INFO = 8;

const STATUS = [
  'success',
  'out of memory',
  'invalid arguments',
  'unimplemented',
  'iterator ends',
  'runtime error',
  'not required',
];

const failed = (name: string, status: number): NativeError => {
  const message = `${name}: ${STATUS[status] ?? `status ${status}`}`;
  return STATUS[status] === 'unimplemented' ? new Unimplemented(message) : new NativeError(message);
};

type Fn = (...args: unknown[]) => number | bigint;
/** Arguments for creating a primitive descriptor, in the order of version 3's parameters. */
export type PdArgs = readonly (number | Md | Dims | null)[];

/** Memory descriptors, attributes and execution. The subclass `Dnnl` adds the primitives. */
export abstract class DnnlCore {
  readonly version: string;
  readonly path: string;
  readonly engine: Handle;
  readonly stream: Handle;
  readonly #lib: Lib;
  readonly #functions = new Map<string, Fn>();
  readonly #execute: Fn;
  readonly #pds: Handle[] = [];

  constructor({ lib, path, version }: OneDnnLibrary) {
    this.#lib = lib;
    this.path = path;
    this.version = version;
    this.engine = this.out('dnnl_engine_create(void *, int, size_t)', 1, 0);
    this.stream = this.out('dnnl_stream_create(void *, uintptr_t, uint)', this.engine, 1);
    this.#execute = this.fn('int dnnl_primitive_execute(uintptr_t, uintptr_t, int, void *)');
  }

  /** A function of the library by its C prototype. */
  protected fn(prototype: string): Fn {
    let fn = this.#functions.get(prototype);
    if (!fn) {
      fn = this.#lib.func(prototype) as Fn;
      this.#functions.set(prototype, fn);
    }
    return fn;
  }

  /** Calls a function that returns a status, given its prototype without the return type. Throws if it fails. */
  protected call(prototype: string, ...args: unknown[]): void {
    const status = Number(this.fn(`int ${prototype}`)(...args));
    if (status !== 0) throw failed(prototype.split('(')[0]!, status);
  }

  /** Calls a function whose first parameter is a pointer to the resulting handle. */
  protected out(prototype: string, ...args: unknown[]): Handle {
    const out = new BigUint64Array(1);
    this.call(prototype, out, ...args);
    return out[0]!;
  }

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
    return this.withStrides(
      d,
      TYPE[type],
      strides ?? d.map((_, i) => d.slice(i + 1).reduce((a, b) => a * b, 1)),
    );
  }

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

  // Execution

  primitive(pd: Handle): Handle {
    return this.out('dnnl_primitive_create(void *, uintptr_t)', pd);
  }

  destroyPrimitive(primitive: Handle): void {
    this.call('dnnl_primitive_destroy(uintptr_t)', primitive);
  }

  memory(md: Md, address: number): Handle {
    return this.out(
      'dnnl_memory_create(void *, void *, uintptr_t, uintptr_t)',
      md.native,
      this.engine,
      BigInt(address),
    );
  }

  setAddress(memory: Handle, address: number): void {
    this.call('dnnl_memory_set_data_handle(uintptr_t, uintptr_t)', memory, BigInt(address));
  }

  destroyMemory(memory: Handle): void {
    this.call('dnnl_memory_destroy(uintptr_t)', memory);
  }

  /** The argument list of a primitive as a C array of (index, memory). */
  args(list: readonly (readonly [arg: number, memory: Handle])[]): Uint8Array {
    const bytes = new Uint8Array(list.length * 16);
    const v = new DataView(bytes.buffer);
    list.forEach(([arg, memory], i) => {
      v.setInt32(i * 16, arg, true);
      v.setBigUint64(i * 16 + 8, memory, true);
    });
    return bytes;
  }

  execute(primitive: Handle, args: Uint8Array): void {
    const status = Number(this.#execute(primitive, this.stream, args.byteLength / 16, args));
    if (status !== 0) throw failed('dnnl_primitive_execute', status);
  }

  /** Row-major C = op(A) · op(B), with C [m, n], at native addresses. */
  sgemm(
    transposeA: boolean,
    transposeB: boolean,
    m: number,
    n: number,
    k: number,
    a: number,
    b: number,
    c: number,
  ): void {
    const t = (transposed: boolean) => (transposed ? 84 : 78);
    this.call(
      'dnnl_sgemm(char, char, int64_t, int64_t, int64_t, float, uintptr_t, int64_t, uintptr_t, int64_t, float, uintptr_t, int64_t)',
      t(transposeA),
      t(transposeB),
      m,
      n,
      k,
      1,
      a,
      transposeA ? m : k,
      b,
      transposeB ? k : n,
      0,
      c,
      n,
    );
  }

  close(): void {
    this.call('dnnl_stream_destroy(uintptr_t)', this.stream);
    this.call('dnnl_engine_destroy(uintptr_t)', this.engine);
  }
}

/** Maximum number of dimensions in oneDNN. */
const MAX_DIMS = 12;

/** Dimensions of a row-major value for the library: a scalar or a value with too many dimensions becomes a vector. */
export const dimsOf = (shape: Dims): Dims =>
  shape.length === 0 ? [1] : shape.length > MAX_DIMS ? [shape.reduce((a, b) => a * b, 1)] : shape;

export const longs = (values: Dims): BigInt64Array => BigInt64Array.from(values, BigInt);
