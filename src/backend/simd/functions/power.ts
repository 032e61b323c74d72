import type { Code } from '../../../webassembly/encoder.js';
import { V } from '../../../webassembly/instructions.js';
import { fraction, NORMAL_EXPONENT, ROUNDER, timesPower2 } from './exponential.js';
import { logParts, split, splitNormal } from './logarithm.js';
import { beyond, choose, except, LN2, notNormal, store } from './pieces.js';
import { isShort, masked, shortPower } from './short-power.js';

const INFINITY = Number.POSITIVE_INFINITY;
/** Shuffles: the upper two of four lanes, and the lower two lanes of each of two vectors. */
export const HIGH_HALF = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];
export const LOW_HALVES = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];

/** e^t = fraction · 2^n with t = y·log x, for two lanes in float64. @returns new variables with the fraction and n */
function powerHalf(code: Code, f: number, e: number, exponent: number): { fraction: number; n: number } {
  const wide = (local: number) => store(code, () => code.get(local).v(V.promoteLow));
  const [wideF, wideE] = [wide(f), wide(e)];
  // log(1 + f) = 2·(s + s³/3 + s⁵/5 + …), s = f / (2 + f), |s| < 0.172
  const s = store(code, () => code.get(wideF).get(wideF).f64(2).v(V.f64Add).v(V.f64Div));
  const square = store(code, () => code.get(s).get(s).v(V.f64Mul));
  const t = store(code, () => {
    code.f64(2 / 13);
    for (const k of [11, 9, 7, 5, 3, 1])
      code
        .get(square)
        .v(V.f64Mul)
        .f64(2 / k)
        .v(V.f64Add);
    code.get(s).v(V.f64Mul).get(wideE).f64(Math.LN2).v(V.f64Mul).v(V.f64Add);
    code.f64(exponent).v(V.f64Mul);
    // Beyond these bounds the result is 0 or ∞; the limits keep n in the range of the exponent.
    code.f64(-110).v(V.f64Max).f64(95).v(V.f64Min);
  });
  const n = store(code, () => code.get(t).f64(Math.LOG2E).v(V.f64Mul).v(V.f64Nearest));
  const r = store(code, () => code.get(t).get(n).f64(Math.LN2).v(V.f64Mul).v(V.f64Sub));
  const fraction = store(code, () => {
    let factorial = 40320;
    code.f64(1 / factorial);
    for (let k = 7; k >= 0; k--) {
      factorial /= k + 1;
      code
        .get(r)
        .v(V.f64Mul)
        .f64(1 / factorial)
        .v(V.f64Add);
    }
    code.v(V.demote);
  });
  return { fraction, n: store(code, () => code.get(n).v(V.truncF64)) };
}

/** Largest exponent for which y·log x has enough digits as a sum of two float32 numbers. */
const PAIR_EXPONENT = 16;

/** Mask of the upper 12 bits of a significand: products of two such numbers are exact. */
const UPPER_12 = 0xfffff000;

/**
 * x^exponent for a constant exponent. Small integer powers are products, some half-integer ones products with a root;
 * short ones are quotients of polynomials, others use the logarithm.
 */
export function power(code: Code, x: number, exponent: number): number {
  if (exponent === 0) return store(code, () => code.f32(1));
  if (exponent === 1) return x;
  if (exponent === -1) return store(code, () => code.f32(1).get(x).v(V.f32Div));
  if (exponent === 2 || exponent === 3 || exponent === 4) {
    const square = store(code, () => code.get(x).get(x).v(V.f32Mul));
    if (exponent === 2) return square;
    return store(code, () =>
      code
        .get(square)
        .get(exponent === 3 ? x : square)
        .v(V.f32Mul),
    );
  }
  const signed = (size: number): number => withSign(code, size, x, exponent);
  if (ROOTS.includes(exponent)) return signed(rootPower(code, sizeOf(code, x), exponent));
  if (isShort(exponent))
    return shortPower(code, x, exponent, () => signed(powerOfAny(code, sizeOf(code, x), exponent)));
  return signed(powerOfSize(code, x, exponent));
}

/** x^exponent from |x|^exponent. */
function withSign(code: Code, size: number, x: number, exponent: number): number {
  if (exponent % 2 === 0) return size;
  if (Number.isInteger(exponent))
    return store(code, () => code.get(size).get(x).bits(0x80000000).v(V.and).v(V.or));
  // NaN for negative x, except that −0 and −∞ have the power of their absolute value.
  return choose(
    code,
    () => code.f32(Number.NaN),
    () => code.get(size),
    () => code.get(x).f32(0).v(V.f32Less).f32(-INFINITY).get(x).v(V.f32Less).v(V.and),
  );
}

const sizeOf = (code: Code, x: number): number => store(code, () => code.get(x).v(V.f32Abs));

/** Exponents for which a product with a root, or 1 divided by it, is within 2 units in the last place. */
const ROOTS: readonly number[] = [-0.5, 0.5, 1.5, 2.5];

/** size^exponent for one of {@link ROOTS}. */
function rootPower(code: Code, size: number, exponent: number): number {
  const root = store(code, () => code.get(size).v(V.f32Sqrt));
  if (exponent === 0.5) return root;
  if (exponent === -0.5) return store(code, () => code.f32(1).get(root).v(V.f32Div));
  return store(code, () => {
    code.get(size);
    if (exponent === 2.5) code.get(size).v(V.f32Mul);
    code.get(root).v(V.f32Mul);
  });
}

/** |x|^exponent for a constant exponent other than 0. Results for 0, ∞ and NaN follow IEEE 754. */
function powerOfSize(code: Code, x: number, exponent: number): number {
  const size = sizeOf(code, x);
  if (Math.abs(exponent) > PAIR_EXPONENT) return powerOfAny(code, size, exponent);
  const { power, t } = powerByPairs(code, size, exponent);
  return except(
    code,
    power,
    () => {
      notNormal(code, size);
      beyond(code, t, NORMAL_EXPONENT);
      code.v(V.or);
    },
    () => powerOfAny(code, size, exponent),
  );
}

/** The upper 12 bits of the significand, and the rest: products of two such parts are exact. */
function halves(code: Code, x: number): { high: number; low: number } {
  const high = store(code, () => code.get(x).bits(UPPER_12).v(V.and));
  return { high, low: store(code, () => code.get(x).get(high).v(V.f32Sub)) };
}

/**
 * x^exponent = e^t for normal x > 0, with log x and t = exponent·log x as sums of two float32 numbers, since one has too
 * few digits. The result is valid where |t| ≤ 87.
 */
function powerByPairs(code: Code, x: number, exponent: number): { power: number; t: number } {
  const { f, e } = splitNormal(code, x);
  // log(1 + f) = f − f²/2 + rest, f² = square + squareLow
  const { high: fHigh, low: fLow } = halves(code, f);
  const square = store(code, () => code.get(fHigh).get(fHigh).v(V.f32Mul));
  const squareLow = store(code, () => code.get(f).get(fHigh).v(V.f32Add).get(fLow).v(V.f32Mul));
  const { rest } = logParts(code, f);
  const small = store(code, () => {
    code.get(rest).get(squareLow).f32(0.5).v(V.f32Mul).v(V.f32Sub);
    code.get(e).f32(LN2[1]).v(V.f32Mul).v(V.f32Add);
  });
  // Sums whose first term is the larger one: the rounding error is computed exactly.
  const half = store(code, () => code.get(square).f32(-0.5).v(V.f32Mul));
  const near = store(code, () => code.get(f).get(half).v(V.f32Add));
  const nearLow = store(code, () => code.get(half).get(near).get(f).v(V.f32Sub).v(V.f32Sub));
  const whole = store(code, () => code.get(e).f32(LN2[0]).v(V.f32Mul));
  const log = store(code, () => code.get(whole).get(near).v(V.f32Add));
  const logLow = store(code, () => {
    code.get(near).get(log).get(whole).v(V.f32Sub).v(V.f32Sub);
    code.get(nearLow).v(V.f32Add).get(small).v(V.f32Add);
  });
  // t = exponent·(log + logLow), exponent = y + yLow
  const y = masked(exponent, UPPER_12);
  const yLow = exponent - y;
  const { high, low } = halves(code, log);
  const t = store(code, () => code.get(high).f32(y).v(V.f32Mul));
  const tLow = store(code, () => {
    code.get(low).f32(y).v(V.f32Mul);
    if (yLow !== 0) code.get(log).f32(yLow).v(V.f32Mul).v(V.f32Add);
    code.get(logLow).f32(exponent).v(V.f32Mul).v(V.f32Add);
  });
  // e^t as in exp
  const sum = store(code, () =>
    code.get(t).get(tLow).v(V.f32Add).f32(Math.LOG2E).v(V.f32Mul).f32(ROUNDER).v(V.f32Add),
  );
  const n = store(code, () => code.get(sum).f32(ROUNDER).v(V.f32Sub));
  const r = store(code, () => {
    code.get(t).get(n).f32(LN2[0]).v(V.f32Mul).v(V.f32Sub).get(tLow).v(V.f32Add);
    code.get(n).f32(LN2[1]).v(V.f32Mul).v(V.f32Sub);
  });
  const power = store(code, () => {
    fraction(code, r);
    code.get(sum).i32(23).v(V.i32Shl).v(V.i32Add);
  });
  return { power, t };
}

/** The same for any size ≥ 0, ∞ and NaN, in float64. */
function powerOfAny(code: Code, size: number, exponent: number): number {
  const { f, e } = split(code, size);
  const upper = (local: number) => store(code, () => code.get(local).get(local).shuffle(HIGH_HALF));
  const low = powerHalf(code, f, e, exponent);
  const high = powerHalf(code, upper(f), upper(e), exponent);
  const joined = (a: number, b: number) => store(code, () => code.get(a).get(b).shuffle(LOW_HALVES));
  const parts = joined(low.fraction, high.fraction);
  const n = joined(low.n, high.n);
  const result = store(code, () => {
    code.get(parts);
    timesPower2(code, n);
  });
  const atZero = choose(
    code,
    () => code.f32(exponent > 0 ? 0 : INFINITY),
    () => code.get(result),
    () => code.get(size).f32(0).v(V.f32Equal),
  );
  const atInfinity = choose(
    code,
    () => code.f32(exponent > 0 ? INFINITY : 0),
    () => code.get(atZero),
    () => code.get(size).f32(INFINITY).v(V.f32Equal),
  );
  return choose(
    code,
    () => code.get(atInfinity),
    () => code.get(size),
    () => code.get(size).get(size).v(V.f32Equal),
  );
}
