import type { Code } from '../../webassembly/encoder.js';
import { V } from '../../webassembly/instructions.js';

/*
 * bfloat16 is the upper half of a float32. Vector kernels compute in float32; their inputs may be stored as bfloat16, and
 * their results may be rounded to it.
 */

/** Pushes four numbers from the address on the stack, or one in all lanes. */
export const loadBfloat16 = (code: Code, width: 4 | 1, offset = 0): Code =>
  code
    .memory(width === 4 ? V.load16x4U : V.load16Splat, offset)
    .i32(16)
    .v(V.i32Shl);

/**
 * Pushes the numbers of a vector rounded to bfloat16: in each lane the upper half, with its sign. Halves round to even, and
 * NaN stays NaN. Constants come from comparisons and shifts, since V8 would make each of them anew in each turn of a loop.
 */
function rounded(code: Code, value: number): Code {
  const [number, isNumber] = [code.vector(), code.vector()];
  // Arithmetic makes a signaling NaN quiet, so that its upper half is a NaN too.
  code.get(value).f32(0).v(V.f32Sub).set(number);
  code.get(number).get(number).v(V.f32Equal).set(isNumber);
  // Half of the lowest bit that is kept, less one, and that bit; nothing for NaN.
  code.get(number).get(isNumber).i32(17).v(V.i32ShrU).v(V.i32Add);
  code.get(number).i32(15).v(V.i32Shl).i32(31).v(V.i32ShrU).get(isNumber).v(V.and).v(V.i32Add);
  return code.i32(16).v(V.i32ShrS);
}

/** Stores eight numbers, or the first number of one vector, at an address. */
export function saveBfloat16(code: Code, address: number, values: readonly number[]): void {
  code.get(address);
  const [low, high] = values as [number, number | undefined];
  rounded(code, low);
  if (high === undefined) code.memory(V.store16Lane, 0, 0);
  else rounded(code, high).v(V.narrowI32).memory(V.store);
}
