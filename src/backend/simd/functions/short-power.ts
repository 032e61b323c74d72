import type { Code } from '../../../webassembly/encoder.js';
import { V } from '../../../webassembly/instructions.js';
import { ROUNDER } from './exponential.js';
import { splitNormal } from './logarithm.js';
import { except, polynomial, store } from './pieces.js';
import { EXP2 } from './polynomials.js';
import { significandPower } from './significand-power.js';

/** Mask of the upper 17 bits of a significand: products with exponents of float32 are exact. */
const UPPER_17 = 0xffffff80;
/** Where |exponent·e| is at most this, m^exponent · 2^(exponent·e) is a normal number for a short exponent. */
const NORMAL_POWER = 124;

/** A float32 number without the bits that the mask leaves out. */
export const masked = (value: number, mask: number): number =>
  new Float32Array(new Uint32Array(Float32Array.of(value).buffer).map((bits) => bits & mask).buffer)[0]!;

/** Whether m^exponent, √½ ≤ m < √2, is so close to 1 that a polynomial in float32 gives it within 2 units in the last place. */
export const isShort = (exponent: number): boolean =>
  exponent > -1 && exponent < 2 && Math.abs(exponent) !== 0.5;

/**
 * x^exponent = m^exponent · 2^(exponent·e) for x = m·2^e. The two factors do not depend on each other, so the CPU computes
 * them side by side: a polynomial of f = m − 1 that is fitted to the exponent, and 2^(n + r).
 *
 * @param rare the result for other x: those that are not positive, or too small or too large
 */
export function shortPower(code: Code, x: number, exponent: number, rare: () => number): number {
  const largest = Math.min(126, Math.floor(NORMAL_POWER / Math.abs(exponent)));
  const mask = (): void => outside(code, x, largest);
  if (exponent < 1) return except(code, normalPower(code, x, exponent), mask, rare);
  // x · x^(exponent − 1) is more accurate: the smaller the exponent, the closer the polynomial's value is to 1.
  const rest = normalPower(code, x, exponent - 1);
  const power = store(code, () => code.get(rest).get(x).v(V.f32Mul));
  return except(code, power, mask, rare);
}

/** x^exponent, −1 < exponent < 1, for positive normal x below 2^126. */
function normalPower(code: Code, x: number, exponent: number): number {
  const { f, e } = splitNormal(code, x);
  const y = masked(exponent, UPPER_17);
  const yLow = exponent - y;
  const whole = store(code, () => code.get(e).f32(y).v(V.f32Mul));
  const sum = store(code, () => code.get(whole).f32(ROUNDER).v(V.f32Add));
  const r = store(code, () => {
    code.get(whole).get(sum).f32(ROUNDER).v(V.f32Sub).v(V.f32Sub);
    if (yLow !== 0) code.get(e).f32(yLow).v(V.f32Mul).v(V.f32Add);
  });
  // 2^r = 1 + v = scale + low
  const v = store(code, () => {
    polynomial(code, r, EXP2);
    code.get(r).v(V.f32Mul);
  });
  const scale = store(code, () => code.get(v).f32(1).v(V.f32Add));
  const low = store(code, () => code.get(v).get(scale).f32(1).v(V.f32Sub).v(V.f32Sub));
  // m^exponent = 1 + u; the first term of u is added last, because it is the largest.
  const [first, ...others] = significandPower(exponent);
  const u = store(code, () => {
    polynomial(code, f, others);
    code.get(f).get(f).v(V.f32Mul).v(V.f32Mul);
    code.get(f).f32(first!).v(V.f32Mul).v(V.f32Add);
  });
  return store(code, () => {
    code.get(u).get(scale).v(V.f32Mul).get(low).v(V.f32Add).get(scale).v(V.f32Add);
    code.get(sum).i32(23).v(V.i32Shl).v(V.i32Add);
  });
}

/** Leaves a mask on the stack: lanes with x < 2^−size or x ≥ 2^size, negative numbers and NaN. */
function outside(code: Code, x: number, size: number): void {
  const [first, end] = [(127 - size) << 23, (127 + size) << 23];
  // An unsigned comparison of x − first with end − first, as signed numbers that are 2^31 lower.
  code
    .get(x)
    .bits(0x80000000 - first)
    .v(V.i32Add);
  code.bits((0x80000000 + end - first - 1) % 2 ** 32).v(V.i32Greater);
}
