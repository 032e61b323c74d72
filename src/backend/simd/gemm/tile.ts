import { Code } from '../../../webassembly/encoder.js';
import { V } from '../../../webassembly/instructions.js';
import { accepts } from '../../../webassembly/runtime.js';
import { moduleOf } from '../kernel-module.js';
import type { Tile } from './micro.js';

let chosen: Tile | undefined;

/** Whether the engine has relaxed SIMD, in which a multiplication and an addition are one instruction. */
function hasFusedMultiplyAdd(): boolean {
  const code = new Code(0);
  const x = code.vector();
  code.get(x).get(x).get(x).v(V.f32RelaxedMadd).set(x);
  return accepts(moduleOf(code, 1));
}

/** Whether the engine is V8 13.4 or at least as recent: detected by a function that was added then. */
const isRecent = (): boolean => 'isError' in Error;

/**
 * The tile for this engine. Sums, operands and products must fit into the 16 vector registers of x86, and older versions
 * of V8 move sums of 6 × 8 to memory and back, which takes twice as long (GFLOP/s with 4 and 6 rows: Node 22 47.6 and
 * 24.6, Node 24 49.0 and 52.1; without fused instructions Node 20 39.8 and 24.9). With another number of rows each number
 * is still the same sum in the same order.
 */
export const tileOfMachine = (): Tile =>
  (chosen ??= hasFusedMultiplyAdd()
    ? { rows: isRecent() ? 6 : 4, columns: 8, fused: true }
    : { rows: 4, columns: 8, fused: false });
