/** The part of WebAssembly's interface that is used here; Node's own types leave it out. */
export interface Memory {
  readonly buffer: SharedArrayBuffer;
}
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: object,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
  readonly Memory: new (options: { initial: number; maximum: number; shared: true }) => Memory;
};

/** A function of a kernel's module: addresses, then the range of its outermost dimension. */
export type Run = (...args: number[]) => void;

/** Bytes of a page. */
export const PAGE_BYTES = 65_536;

/** Shared memory of a fixed size; undefined if the system has none to give. */
export function shareMemory(pages: number): Memory | undefined {
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch {
    return undefined;
  }
}

/** The function of a kernel's module, over a memory. */
export const instantiate = (module: Uint8Array, memory: Memory): Run =>
  new WebAssembly.Instance(new WebAssembly.Module(module), { m: { memory } }).exports.run as Run;
