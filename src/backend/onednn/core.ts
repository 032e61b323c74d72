import koffi from 'koffi';
import { DeviceError } from '../../errors.js';
import {
  type Dims,
  type DnnlType,
  type Handle,
  type Md,
  type PostOp,
  TYPE,
  Unimplemented,
} from './constants.js';
import { type Lib, loadOneDnn } from './library.js';
import { copyOut } from './memory.js';

/*
 * oneDNN 2.x through its C API. What knows the library's structs stands here and in dnnl.ts.
 * Memory and operation descriptors are structs that the library fills; Paperweight treats them as bytes.
 * Handles are addresses, read as 64-bit integers.
 */

const MD_BYTES = 696;
/** More than the largest operation descriptor of any 2.x version (convolution: 5,976 bytes). */
const OP_DESC_BYTES = 16384;
const DATA_TYPE_OFFSET = 104;
const FORMAT_KIND_OFFSET = 312;
const FORMAT_BLOCKED = 2;
const MAX_DIMS = 12;
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

type Fn = (...args: unknown[]) => number;

/** The library itself: memory descriptors, attributes, execution. Primitives are made by its subclass. */
export class DnnlCore {
  readonly version: string;
  readonly path: string;
  readonly engine: Handle;
  readonly stream: Handle;
  readonly #lib: Lib;
  readonly #functions = new Map<string, Fn>();
  readonly #execute: Fn;
  readonly #pds: Handle[] = [];

  constructor() {
    const { lib, path } = loadOneDnn();
    this.#lib = lib;
    this.path = path;
    this.version = this.#readVersion();
    this.engine = this.#out('dnnl_engine_create(void *, int, size_t)', 1, 0);
    this.stream = this.#out('dnnl_stream_create(void *, uintptr_t, uint)', this.engine, 1);
    this.#execute = this.#fn('dnnl_primitive_execute(uintptr_t, uintptr_t, int, void *)');
  }

  #readVersion(): string {
    const struct = koffi.struct({
      major: 'int',
      minor: 'int',
      patch: 'int',
      hash: 'void *',
      cpu: 'uint',
      gpu: 'uint',
    });
    const v = koffi.decode(this.#lib.func('void *dnnl_version()')(), struct);
    const version = `${v.major}.${v.minor}.${v.patch}`;
    if (v.major !== 2)
      throw new DeviceError({
        what: `oneDNN at ${this.path} cannot be used`,
        expected: 'version 2.x',
        got: version,
        next: 'install version 2 beside it (Debian, Ubuntu: libdnnl2), or name its file in PAPERWEIGHT_ONEDNN',
      });
    return version;
  }

  /** A function of the library by its C prototype (without the result, a status). */
  #fn(prototype: string): Fn {
    let fn = this.#functions.get(prototype);
    if (!fn) {
      fn = this.#lib.func(`int ${prototype}`) as Fn;
      this.#functions.set(prototype, fn);
    }
    return fn;
  }

  #call(prototype: string, ...args: unknown[]): void {
    const status = this.#fn(prototype)(...args);
    if (status === 3) throw new Unimplemented(prototype);
    if (status !== 0) throw new Error(`oneDNN: ${prototype.split('(')[0]}: ${STATUS[status] ?? status}`);
  }

  /** Calls a function whose first parameter receives a handle. */
  #out(prototype: string, ...args: unknown[]): Handle {
    const out = new BigUint64Array(1);
    this.#call(prototype, out, ...args);
    return out[0]!;
  }

  // Memory descriptors

  #md(fill: (md: Uint8Array) => void): Md {
    const md = new Uint8Array(MD_BYTES);
    fill(md);
    return md;
  }

  /** Row-major, or with the given strides. */
  plain(dims: Dims, type: DnnlType = 'float32', strides?: Dims): Md {
    const d = dims.length === 0 ? [1] : dims;
    const s = strides ?? d.map((_, i) => d.slice(i + 1).reduce((a, b) => a * b, 1));
    return this.#md((md) =>
      this.#call(
        'dnnl_memory_desc_init_by_strides(void *, int, void *, int, void *)',
        md,
        d.length,
        longs(d),
        TYPE[type],
        longs(s),
      ),
    );
  }

  /** Layout left to the library. */
  any(dims: Dims, type: DnnlType = 'float32'): Md {
    return this.#md((md) =>
      this.#call(
        'dnnl_memory_desc_init_by_tag(void *, int, void *, int, int)',
        md,
        dims.length,
        longs(dims),
        TYPE[type],
        1,
      ),
    );
  }

  equal(a: Md, b: Md): boolean {
    return a === b || this.#fn('dnnl_memory_desc_equal(void *, void *)')(a, b) !== 0;
  }

  bytes(md: Md): number {
    return Number((this.#lib.func('size_t dnnl_memory_desc_get_size(void *)') as Fn)(md));
  }

  dims(md: Md): number[] {
    const v = new DataView(md.buffer, md.byteOffset);
    return Array.from({ length: v.getInt32(0, true) }, (_, i) => Number(v.getBigInt64(8 + 8 * i, true)));
  }

  /** Type of its elements. */
  typeOf(md: Md): DnnlType {
    const code = new DataView(md.buffer, md.byteOffset).getInt32(DATA_TYPE_OFFSET, true);
    return (Object.keys(TYPE) as DnnlType[]).find((name) => TYPE[name] === code)!;
  }

  /** False for layouts private to one algorithm, such as Winograd's transformed weights. */
  isBlocked(md: Md): boolean {
    return new DataView(md.buffer, md.byteOffset).getInt32(FORMAT_KIND_OFFSET, true) === FORMAT_BLOCKED;
  }

  /** Dimensions and strides as text, for profiles. */
  describe(md: Md): string {
    const v = new DataView(md.buffer, md.byteOffset);
    const n = v.getInt32(0, true);
    if (!this.isBlocked(md)) return 'private';
    const blocks = v.getInt32(320 + MAX_DIMS * 8, true);
    const inner = Array.from({ length: blocks }, (_, i) => {
      const size = Number(v.getBigInt64(320 + MAX_DIMS * 8 + 8 + i * 8, true));
      const dim = Number(v.getBigInt64(320 + MAX_DIMS * 8 + 8 + MAX_DIMS * 8 + i * 8, true));
      return `${size}${'abcdef'[dim]}`;
    });
    const strides = Array.from({ length: n }, (_, i) => ({ i, s: Number(v.getBigInt64(320 + i * 8, true)) }));
    strides.sort((a, b) => b.s - a.s);
    return strides.map(({ i }) => 'abcdef'[i]).join('') + inner.join('');
  }

  // Attributes: every primitive takes its scratch memory from the caller, so that one arena serves a plan

  #withAttr<T>(postOps: readonly PostOp[], body: (attr: Handle) => T): T {
    const attr = this.#out('dnnl_primitive_attr_create(void *)');
    this.#call('dnnl_primitive_attr_set_scratchpad_mode(uintptr_t, int)', attr, 1);
    if (postOps.length > 0) {
      const ops = this.#out('dnnl_post_ops_create(void *)');
      for (const op of postOps) {
        if (op.kind === 'eltwise')
          this.#call(
            'dnnl_post_ops_append_eltwise(uintptr_t, float, int, float, float)',
            ops,
            1,
            op.alg,
            op.alpha,
            op.beta,
          );
        else if (op.kind === 'sum') this.#call('dnnl_post_ops_append_sum(uintptr_t, float)', ops, op.scale);
        else this.#call('dnnl_post_ops_append_binary(uintptr_t, int, void *)', ops, op.alg, op.md);
      }
      this.#call('dnnl_primitive_attr_set_post_ops(uintptr_t, uintptr_t)', attr, ops);
      this.#call('dnnl_post_ops_destroy(uintptr_t)', ops);
    }
    try {
      return body(attr);
    } finally {
      this.#call('dnnl_primitive_attr_destroy(uintptr_t)', attr);
    }
  }

  /**
   * A primitive descriptor from an operation descriptor that `dnnl_<kind>_desc_init` fills. In the parameters,
   * `md` is a memory descriptor and `dims` a list of dimensions.
   */
  protected pd(
    kind: string,
    parameters: string,
    args: readonly (number | Md | Dims | null)[],
    { hint = 0n, postOps = [] }: { hint?: Handle; postOps?: readonly PostOp[] } = {},
  ): Handle {
    const desc = new Uint8Array(OP_DESC_BYTES);
    const native = args.map((arg) => (Array.isArray(arg) ? longs(arg) : arg));
    this.#call(
      `dnnl_${kind}_desc_init(void *, ${parameters.replace(/md|dims/g, 'void *')})`,
      desc,
      ...native,
    );
    return this.#withAttr(postOps, (attr) =>
      this.#keep(
        'dnnl_primitive_desc_create(void *, void *, uintptr_t, uintptr_t, uintptr_t)',
        desc,
        attr,
        this.engine,
        hint,
      ),
    );
  }

  reorder(from: Md, to: Md): Handle {
    return this.#withAttr([], (attr) =>
      this.#keep(
        'dnnl_reorder_primitive_desc_create(void *, void *, uintptr_t, void *, uintptr_t, uintptr_t)',
        from,
        this.engine,
        to,
        this.engine,
        attr,
      ),
    );
  }

  #keep(prototype: string, ...args: unknown[]): Handle {
    const pd = this.#out(prototype, ...args);
    this.#pds.push(pd);
    return pd;
  }

  /** A copy of one of a primitive's memory descriptors; null where it has none. */
  query(pd: Handle, what: number, index = 0): Md | null {
    const fn = this.#fn2('uintptr_t dnnl_primitive_desc_query_md(uintptr_t, int, int)');
    const address = Number(fn(pd, what, index));
    if (address === 0) return null;
    const md = this.#md((into) => copyOut(into, address));
    return new DataView(md.buffer).getInt32(0, true) === 0 ? null : md;
  }

  /** The library's name for the implementation that it chose, such as `jit:avx512_core`. */
  implementation(pd: Handle): string {
    const out = new BigUint64Array(1);
    this.#call('dnnl_primitive_desc_query(uintptr_t, int, int, void *)', pd, QUERY_IMPL_INFO, 0, out);
    const bytes = new Uint8Array(64);
    copyOut(bytes, Number(out[0]));
    return Buffer.from(bytes.subarray(0, bytes.indexOf(0))).toString('latin1');
  }

  #fn2(prototype: string): Fn {
    let fn = this.#functions.get(prototype);
    if (!fn) {
      fn = this.#lib.func(prototype) as Fn;
      this.#functions.set(prototype, fn);
    }
    return fn;
  }

  /** Frees all primitive descriptors made so far. Primitives that were made from them keep what they need. */
  destroyPds(): void {
    for (const pd of this.#pds.splice(0)) this.#call('dnnl_primitive_desc_destroy(uintptr_t)', pd);
  }

  // Execution

  primitive(pd: Handle): Handle {
    return this.#out('dnnl_primitive_create(void *, uintptr_t)', pd);
  }

  destroyPrimitive(primitive: Handle): void {
    this.#call('dnnl_primitive_destroy(uintptr_t)', primitive);
  }

  memory(md: Md, address: number): Handle {
    return this.#out(
      'dnnl_memory_create(void *, void *, uintptr_t, uintptr_t)',
      md,
      this.engine,
      BigInt(address),
    );
  }

  setAddress(memory: Handle, address: number): void {
    this.#call('dnnl_memory_set_data_handle(uintptr_t, uintptr_t)', memory, BigInt(address));
  }

  destroyMemory(memory: Handle): void {
    this.#call('dnnl_memory_destroy(uintptr_t)', memory);
  }

  /** The argument list of a primitive, laid out once. */
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
    const status = this.#execute(primitive, this.stream, args.byteLength / 16, args);
    if (status !== 0) throw new Error(`oneDNN: execution failed: ${STATUS[status] ?? status}`);
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
    this.#call(
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
    this.#call('dnnl_stream_destroy(uintptr_t)', this.stream);
    this.#call('dnnl_engine_destroy(uintptr_t)', this.engine);
  }
}

const longs = (values: Dims): BigInt64Array => BigInt64Array.from(values, BigInt);
