import type { Code } from '../../../webassembly/encoder.js';
import { V } from '../../../webassembly/instructions.js';
import { ROUNDER } from './exponential.js';
import { splitNormal } from './logarithm.js';
import { type Emit, except, store } from './pieces.js';
import { TANH_HALF } from './polynomials.js';
import { significandPower } from './significand-power.js';

/** Mask of the upper 17 bits of a significand: products with exponents of float32 are exact. */
const UPPER_17 = 0xffffff80;
/** Where |exponent·e| is at most this, m^exponent · 2^(exponent·e) is a normal number for a short exponent. */
const NORMAL_POWER = 124;

/** A float32 number without the bits that the mask leaves out. */
export const masked = (value: number, mask: number): number =>
  new Float32Array(new Uint32Array(Float32Array.of(value).buffer).map((bits) => bits & mask).buffer)[0]!;

/** Whether m^exponent, √½ ≤ m < √2, is so close to 1 or m that {@link shortPower} is within 2 units in the last place. */
export const isShort = (exponent: number): boolean => exponent > -1 && exponent < 1.85;

/**
 * x^exponent = 2^n · m^exponent · 2^r for x = m·2^e and exponent·e = n + r. With a = tanh(exponent/2 · log m) and
 * b = tanh(r/2 · log 2), both of which are short odd polynomials, m^exponent · 2^r = (1 + a)(1 + b) / ((1 − a)(1 − b)).
 *
 * @param rare the result for other x: those that are not positive, or too small or too large
 */
export function shortPower(code: Code, x: number, exponent: number, rare: () => number): number {
  const largest = Math.min(126, Math.floor(NORMAL_POWER / Math.abs(exponent)));
  // x · x^(exponent − 1) is more accurate for larger exponents: the smaller the exponent, the closer the quotient is to 1.
  const power =
    exponent < 1
      ? timesPower(code, () => code.f32(1), x, exponent)
      : timesPower(code, () => code.get(x), x, exponent - 1);
  return except(code, power, () => outside(code, x, largest), rare);
}

/** base · x^exponent, −1 < exponent < 1, for positive normal x below 2^126. */
function timesPower(code: Code, base: Emit, x: number, exponent: number): number {
  const { f, e, m } = splitNormal(code, x);
  const y = masked(exponent, UPPER_17);
  const yLow = exponent - y;
  const whole = store(code, () => code.get(e).f32(y).v(V.f32Mul));
  // The integer n is in the low bits of the sum.
  const sum = store(code, () => code.get(whole).f32(ROUNDER).v(V.f32Add));
  const r = store(code, () => {
    code.get(whole).get(sum).f32(ROUNDER).v(V.f32Sub).v(V.f32Sub);
    if (yLow !== 0) code.get(e).f32(yLow).v(V.f32Mul).v(V.f32Add);
  });
  const b = store(code, () => {
    higherTerms(code, r, TANH_HALF);
    code.get(r).f32(TANH_HALF[0]).v(V.f32Mul).v(V.f32Add);
  });
  // The first term of a = s·P(s²), s = (m − 1) / (m + 1), is p·s = half − half·s, half = p/2 · (m − 1).
  const significand = significandPower(exponent);
  const s = store(code, () => code.get(f).get(m).f32(1).v(V.f32Add).v(V.f32Div));
  const half = store(code, () =>
    code
      .get(f)
      .f32(significand[0] / 2)
      .v(V.f32Mul),
  );
  const a = store(code, () => {
    code.get(half);
    code.get(half).get(s).v(V.f32Mul);
    higherTerms(code, s, significand);
    code.v(V.f32Sub).v(V.f32Sub);
  });
  // The quotient is 1 + 2·(a + b) / (1 − c) = 1 + 2·(a + b) + 2·(a + b)·c / (1 − c), c = a + b − a·b.
  const both = store(code, () => code.get(a).get(b).v(V.f32Add));
  const c = store(code, () => code.get(both).get(a).get(b).v(V.f32Mul).v(V.f32Sub));
  const twice = store(code, () => code.get(both).get(both).v(V.f32Add));
  const beyond1 = store(code, () => {
    code.get(twice).get(c).v(V.f32Mul).f32(1).get(c).v(V.f32Sub).v(V.f32Div);
    code.get(twice).v(V.f32Add);
  });
  const scaled = store(code, () => {
    base();
    code.get(sum).i32(23).v(V.i32Shl).v(V.i32Add);
  });
  return store(code, () => code.get(scaled).get(beyond1).v(V.f32Mul).get(scaled).v(V.f32Add));
}

/** Leaves x·P(x²) without its first term, the largest, on the stack. P has degree 2. */
function higherTerms(code: Code, x: number, [, second, third]: readonly [number, number, number]): void {
  const square = store(code, () => code.get(x).get(x).v(V.f32Mul));
  code.get(square).f32(third).v(V.f32Mul).f32(second).v(V.f32Add);
  code.get(square).get(x).v(V.f32Mul).v(V.f32Mul);
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
