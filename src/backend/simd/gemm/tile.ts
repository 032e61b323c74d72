import { Code, encodeModule, V } from '../encoder.js';
import { accepts } from '../webassembly.js';
import type { Tile } from './micro.js';

let chosen: Tile | undefined;

/** Whether the engine has relaxed SIMD, in which a multiplication and an addition are one instruction. */
function hasFusedMultiplyAdd(): boolean {
  const code = new Code(0);
  const x = code.vector();
  code.get(x).get(x).get(x).v(V.f32RelaxedMadd).set(x);
  return accepts(encodeModule(code, 1));
}

/** Whether the engine knows memories with 64-bit addresses, as V8 does from 13.3 on. */
const hasWideAddresses = (): boolean =>
  accepts(Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 5, 3, 1, 4, 1));

/**
 * The tile for this engine. Sums, operands and products must fit into the 16 vector registers of x86, and older versions
 * of V8 move sums of 6 × 8 to memory and back, which takes twice as long (measured: Node 20, 22 and 24). With another
 * number of rows each number is still the same sum in the same order.
 */
export const tileOfMachine = (): Tile =>
  (chosen ??= hasFusedMultiplyAdd()
    ? { rows: hasWideAddresses() ? 6 : 4, columns: 8, fused: true }
    : { rows: 4, columns: 8, fused: false });
