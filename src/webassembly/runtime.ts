/** The part of the WebAssembly API that is used here; Node's type definitions do not include it. */
export interface Memory {
  /**
   * When shared memory grows, it gets a new, longer buffer and the old one stays valid; other memory detaches the old
   * one.
   */
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  grow(pages: number): number;
}
/** A memory of one thread. */
export interface OwnMemory extends Memory {
  readonly buffer: ArrayBuffer;
}
/** A memory that several threads use. */
export interface SharedMemory extends Memory {
  readonly buffer: SharedArrayBuffer;
}
declare const WebAssembly: {
  readonly validate: (bytes: Uint8Array) => boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: object,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
  readonly Memory: new (options: { initial: number; maximum: number; shared: boolean }) => Memory;
};

/** A compiled kernel: takes the addresses, then the range of the outermost dimension, then the thread's number. */
export type Run = (...args: number[]) => void;

/** Bytes per page. */
export const PAGE_BYTES = 65_536;
/** The largest size of a memory, in pages: 4 GiB. */
export const MAX_PAGES = 65_536;

/** A memory that may grow; undefined if the system cannot reserve it. */
export function makeMemory(options: {
  initial: number;
  maximum: number;
  shared: boolean;
}): Memory | undefined {
  try {
    return new WebAssembly.Memory(options);
  } catch {
    return undefined;
  }
}

/** Compiles a module. @throws the system's error, such as that of a page whose policy forbids it */
export const compile = (module: Uint8Array): object => new WebAssembly.Module(module);

/** Compiles a module and returns what it exports. */
export const exportsOf = (module: Uint8Array, imports: object = {}): Readonly<Record<string, unknown>> =>
  new WebAssembly.Instance(compile(module), imports).exports;

/** Makes a kernel from its module. */
export type LoadKernel = (module: Uint8Array, memory: Memory) => Run;

/** Compiles a kernel's module, bound to a memory. */
export const instantiate: LoadKernel = (module, memory) => exportsOf(module, { m: { memory } }).run as Run;

/** Whether this JavaScript engine accepts a module. */
export const accepts = (module: Uint8Array): boolean =>
  typeof WebAssembly === 'object' && WebAssembly.validate(module);
