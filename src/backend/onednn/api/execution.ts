import type { Lib, OneDnnLibrary } from '../library/library.js';
import { type Handle, type Md, NativeError, Unimplemented } from './constants.js';

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

/** Calls of the library, and the execution of primitives. */
export class DnnlExecution {
  readonly version: string;
  readonly path: string;
  readonly engine: Handle;
  readonly stream: Handle;
  readonly #lib: Lib;
  readonly #functions = new Map<string, Fn>();
  readonly #execute: Fn;

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
      try {
        fn = this.#lib.func(prototype) as Fn;
      } catch {
        throw new NativeError(
          `a library without the function ${/\w+(?=\()/.exec(prototype)?.[0] ?? prototype}`,
        );
      }
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
