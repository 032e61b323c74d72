import type { Code } from '../../../webassembly/encoder.js';
import { V } from '../../../webassembly/instructions.js';
import { beyond, except, LN2, polynomial, store } from './pieces.js';
import { EXP } from './polynomials.js';

/** 1.5 · 2^23 and its bits: adding it to a small number rounds that to an integer. */
export const ROUNDER = 12_582_912;
const ROUNDER_BITS = 0x4b400000;

/** Leaves 2^n on the stack, for a vector of integers n in [−126, 127]. */
const power2 = (code: Code, n: number): Code => code.get(n).bits(127).v(V.i32Add).i32(23).v(V.i32Shl);

/** Where |x| is at most this, e^x is a normal number. */
export const NORMAL_EXPONENT = 87;

/** e^x. */
export function exp(code: Code, x: number): number {
  const { sum, r } = reduce(code, x);
  const usual = store(code, () => {
    fraction(code, r);
    // The integer n is in the low bits of the sum, and those of ROUNDER are shifted out.
    code.get(sum).i32(23).v(V.i32Shl).v(V.i32Add);
  });
  return except(
    code,
    usual,
    () => beyond(code, x, NORMAL_EXPONENT),
    () => expOfAny(code, x),
  );
}

/** n and r with x = n·ln 2 + r; n in the low bits of `sum`. */
function reduce(code: Code, x: number): { sum: number; r: number } {
  // Adding ROUNDER rounds to an integer, which is then in the low bits of the sum.
  const sum = store(code, () => code.get(x).f32(Math.LOG2E).v(V.f32Mul).f32(ROUNDER).v(V.f32Add));
  const n = store(code, () => code.get(sum).f32(ROUNDER).v(V.f32Sub));
  const r = store(code, () => {
    code.get(x).get(n).f32(LN2[0]).v(V.f32Mul).v(V.f32Sub);
    code.get(n).f32(LN2[1]).v(V.f32Mul).v(V.f32Sub);
  });
  return { sum, r };
}

/** Leaves e^r on the stack, |r| ≤ ln 2 / 2. */
export function fraction(code: Code, r: number): void {
  polynomial(code, r, EXP);
  code.get(r).v(V.f32Mul).get(r).v(V.f32Mul).get(r).v(V.f32Add).f32(1).v(V.f32Add);
}

/** e^x for any x. 2^n is multiplied in two factors, so that subnormal results are rounded only once. */
function expOfAny(code: Code, x: number): number {
  const y = store(code, () => code.get(x).f32(-104).v(V.f32PMax).f32(89).v(V.f32PMin));
  const { sum, r } = reduce(code, y);
  const whole = store(code, () => code.get(sum).bits(ROUNDER_BITS).v(V.i32Sub));
  return store(code, () => {
    fraction(code, r);
    timesPower2(code, whole);
  });
}

/** Multiplies the value on the stack by 2^n in two factors, for a vector of integers n in [−252, 254]. */
export function timesPower2(code: Code, n: number): void {
  const half = store(code, () => code.get(n).i32(1).v(V.i32ShrS));
  const rest = store(code, () => code.get(n).get(half).v(V.i32Sub));
  power2(code, half).v(V.f32Mul);
  power2(code, rest).v(V.f32Mul);
}
