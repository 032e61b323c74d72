/** The part of the WebAssembly API that is used here; Node's type definitions do not include it. */
export interface Memory {
  readonly buffer: SharedArrayBuffer;
}
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: object,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
  readonly validate: (bytes: Uint8Array) => boolean;
  readonly Memory: new (options: { initial: number; maximum: number; shared: true }) => Memory;
};

/** A compiled kernel: takes the addresses, then the range of the outermost dimension, then the thread's number. */
export type Run = (...args: number[]) => void;

/** Bytes per page. */
export const PAGE_BYTES = 65_536;

/** A shared memory of fixed size; undefined if the system cannot reserve it. */
export function shareMemory(pages: number): Memory | undefined {
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch {
    return undefined;
  }
}

/** Compiles a kernel's module, bound to a memory. */
export const instantiate = (module: Uint8Array, memory: Memory): Run =>
  new WebAssembly.Instance(new WebAssembly.Module(module), { m: { memory } }).exports.run as Run;

/** Whether the engine accepts a module. */
export const accepts = (module: Uint8Array): boolean => WebAssembly.validate(module);
