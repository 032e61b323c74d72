import { instantiate, type LoadKernel, type Memory, type Run } from '../../../webassembly/runtime.js';
import { MODE } from '../../simd/recurrent/mode.js';

/*
 * Native kernels: loops over the positions of a recurrent layer that call a primitive of the library and a WebAssembly
 * kernel in turn. They run on the pool's threads, each on its own examples, so that threads do not wait for each other
 * at every position.
 */

/** First byte of a native kernel's module; the WebAssembly kernel follows. A WebAssembly module begins with 0. */
const NATIVE = { forward: 1, backward: 2 } as const;

/**
 * Words of 64 bits for each product of a piece: primitive, stream, number of arguments, address of the arguments, and the
 * distance to the arguments of the next position, which is 0 if all positions have the same.
 */
export const PRODUCT_WORDS = 5;

/**
 * Calls a primitive: its handle, the stream, the number of arguments, and their address. Returns a status. Addresses are
 * numbers, which are passed in half the time that a BigInt takes.
 */
export type Execute = (primitive: number, stream: number, count: number, args: number) => number;

/** A module for {@link loadWith}. @param code the WebAssembly kernel, whose last arguments are position and mode */
export function nativeModule(kind: keyof typeof NATIVE, code: Uint8Array): Uint8Array<ArrayBuffer> {
  const module = new Uint8Array(1 + code.length);
  module[0] = NATIVE[kind];
  module.set(code, 1);
  return module;
}

/** Loads kernels of both kinds. @param open called when the first native kernel is loaded */
export function loadWith(open: () => Execute): LoadKernel {
  let execute: Execute | undefined;
  return (module, memory) => {
    if (module[0] !== NATIVE.forward && module[0] !== NATIVE.backward) return instantiate(module, memory);
    execute ??= open();
    return loop(module[0] === NATIVE.forward, instantiate(module.subarray(1), memory), memory, execute);
  };
}

/**
 * The kernel `(table, products, functions, first, last, …, from, to, thread)`; the other arguments are those of the
 * WebAssembly kernel. Forward: it prepares the products of `first`; then, for each position, the products with the input,
 * if they are part of it, and with the state before, and the position, with `functions` (0 or 1) primitives in between.
 * Backward: for each position from the last, the position, then the product with its gradients.
 */
function loop(forward: boolean, kernel: Run, memory: Memory, execute: Execute): Run {
  return (table, products, functions, first, last, ...rest) => {
    const [from, to, thread] = rest.splice(-3) as [number, number, number];
    for (let piece = from; piece < to; piece++) {
      const all = products! + functions!;
      const calls = Array.from({ length: all }, (_, k) => {
        const at = table! + 8 * PRODUCT_WORDS * (piece * all + k);
        const words = Array.from(new BigUint64Array(memory.buffer, at, PRODUCT_WORDS), Number);
        const [primitive, stream, count, args, step] = words as [number, number, number, number, number];
        return { primitive, stream, count, args, step };
      });
      const between = calls.splice(products!);
      const run = (list: typeof calls, t: number): void => {
        for (const { primitive, stream, count, args, step } of list) {
          const status = execute(primitive, stream, count, args + t * step);
          if (status !== 0) throw new Error(`dnnl_primitive_execute: status ${status}`);
        }
      };
      const position = (t: number, mode: number): void => kernel(...rest, t, mode, piece, piece + 1, thread);
      if (forward) {
        // The position before another one has prepared it already.
        if (first === 0) position(-1, MODE.prepare);
        for (let t = first!; t < last!; t++) {
          run(calls, t);
          if (between.length > 0) {
            position(t, MODE.begin);
            run(between, t);
          }
          position(t, MODE.finish);
        }
      } else
        for (let t = last! - 1; t >= first!; t--) {
          position(t, 0);
          run(calls, t);
        }
    }
  };
}
