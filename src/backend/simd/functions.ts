import type { Code } from '../../webassembly/encoder.js';
import { V } from '../../webassembly/instructions.js';
import { ERF, ERF_TAIL, EXP, LOG, TANH } from './polynomials.js';

/*
 * Vectorised functions of four float32 values. Errors are at most 2 units in the last place (power: 4), and special
 * values follow IEEE 754; test/backend/simd.test.ts checks both. Each function takes the variable that contains x and
 * returns a new variable. Lanes are independent of each other.
 */

const INFINITY = Number.POSITIVE_INFINITY;
const SIGN = 0x80000000;
/** 1.5 · 2^23 and its bits: adding it to a small number rounds that to an integer. */
const ROUNDER = 12_582_912;
const ROUNDER_BITS = 0x4b400000;
/** The bits of √½. */
const SQRT_HALF = 0x3f3504f3;
/** Shuffles: the upper two of four lanes, and the lower two lanes of each of two vectors. */
export const HIGH_HALF = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];
export const LOW_HALVES = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
/** ln 2 as a sum of two constants; the first has so few bits that its products with exponents are exact. */
const LN2 = [0.693359375, -2.1219444005469057e-4] as const;

type Emit = () => void;

/** A new variable with the value that `emit` leaves on the stack. */
function store(code: Code, emit: Emit): number {
  emit();
  const local = code.vector();
  code.set(local);
  return local;
}

/**
 * Evaluates a polynomial at the value in `x` and leaves the result on the stack. Estrin's scheme combines terms in pairs,
 * so that the CPU can compute several at a time.
 */
function polynomial(code: Code, x: number, coefficients: readonly number[]): void {
  let terms: Emit[] = coefficients.map((c) => () => void code.f32(c));
  for (let power = x; ; ) {
    const pairs: Emit[] = [];
    for (let k = 0; k < terms.length; k += 2) {
      const low = terms[k]!;
      const high: Emit | undefined = terms[k + 1];
      const pair = (): void => {
        if (high !== undefined) {
          high();
          code.get(power).v(V.f32Mul);
        }
        low();
        if (high !== undefined) code.v(V.f32Add);
      };
      if (terms.length <= 2) {
        pair();
        return;
      }
      const local = store(code, pair);
      pairs.push(() => void code.get(local));
    }
    terms = pairs;
    const before = power;
    power = store(code, () => code.get(before).get(before).v(V.f32Mul));
  }
}

/** `a` where the mask is set, else `b`. */
const choose = (code: Code, a: Emit, b: Emit, mask: Emit): number =>
  store(code, () => {
    a();
    b();
    mask();
    code.v(V.bitselect);
  });

/**
 * `usual`, and in lanes where the mask is set the result of `rare`, which is computed only if any lane needs it. A
 * lane's result depends only on its own mask.
 */
function except(code: Code, usual: number, mask: Emit, rare: () => number): number {
  const wanted = store(code, mask);
  code
    .get(wanted)
    .v(V.anyTrue)
    .if(() => {
      const other = rare();
      code.get(other).get(usual).get(wanted).v(V.bitselect).set(usual);
    });
  return usual;
}

/** Leaves a mask on the stack: lanes that are not positive normal numbers. */
function notNormal(code: Code, x: number): void {
  code.get(x).bits(0x00800000).v(V.i32Less).get(x).bits(0x7f7fffff).v(V.i32Greater).v(V.or);
}

/** Leaves a mask on the stack: lanes with |x| > limit, or NaN. */
function beyond(code: Code, x: number, limit: number): void {
  const bits = new Uint32Array(Float32Array.of(limit).buffer)[0]!;
  code.get(x).bits(0x7fffffff).v(V.and).bits(bits).v(V.i32Greater);
}

/** Leaves 2^n on the stack, for a vector of integers n in [−126, 127]. */
const power2 = (code: Code, n: number): Code => code.get(n).bits(127).v(V.i32Add).i32(23).v(V.i32Shl);

/** Where |x| is at most this, e^x is a normal number. */
const NORMAL_EXPONENT = 87;

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
function fraction(code: Code, r: number): void {
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
function timesPower2(code: Code, n: number): void {
  const half = store(code, () => code.get(n).i32(1).v(V.i32ShrS));
  const rest = store(code, () => code.get(n).get(half).v(V.i32Sub));
  power2(code, half).v(V.f32Mul);
  power2(code, rest).v(V.f32Mul);
}

/** log x. */
export function log(code: Code, x: number): number {
  const usual = logOf(code, splitNormal(code, x));
  return except(
    code,
    usual,
    () => notNormal(code, x),
    () => logOfAny(code, x),
  );
}

/** log(m·2^e) = e·ln 2 + log m, √½ ≤ m < √2, f = m − 1. */
function logOf(code: Code, { f, e }: { f: number; e: number }): number {
  const square = store(code, () => code.get(f).get(f).v(V.f32Mul));
  return store(code, () => {
    polynomial(code, f, LOG);
    code.get(f).v(V.f32Mul).get(square).v(V.f32Mul);
    code.get(e).f32(LN2[1]).v(V.f32Mul).v(V.f32Add);
    code.get(square).f32(0.5).v(V.f32Mul).v(V.f32Sub).get(f).v(V.f32Add);
    code.get(e).f32(LN2[0]).v(V.f32Mul).v(V.f32Add);
  });
}

/** log x for any x: ∞ for ∞, −∞ for 0, and NaN for NaN and negative numbers. */
function logOfAny(code: Code, x: number): number {
  const result = logOf(code, split(code, x));
  // The square root gives the same special values except for 0.
  const special = store(code, () => {
    code.get(x).v(V.f32Sqrt).get(x).f32(0).v(V.f32Equal).f32(-INFINITY).v(V.and).v(V.f32Add);
  });
  return choose(
    code,
    () => code.get(result),
    () => code.get(special),
    () => code.f32(0).get(x).v(V.f32Less).get(x).f32(INFINITY).v(V.f32Less).v(V.and),
  );
}

/** log(1 + x): the logarithm of the rounded sum, corrected for the rounding error of the sum. */
export function log1p(code: Code, x: number): number {
  const sum = store(code, () => code.get(x).f32(1).v(V.f32Add));
  const direct = log(code, sum);
  const corrected = store(code, () => {
    code.get(direct).get(x).get(sum).f32(1).v(V.f32Sub).v(V.f32Div).v(V.f32Mul);
  });
  const finite = choose(
    code,
    () => code.get(corrected),
    () => code.get(direct),
    () => code.get(sum).f32(INFINITY).v(V.f32Less).get(x).f32(-1).v(V.f32Equal).v(V.andnot),
  );
  return choose(
    code,
    () => code.get(x),
    () => code.get(finite),
    () => code.get(sum).f32(1).v(V.f32Equal),
  );
}

/** `value` (not negative) with the sign of x. */
const withSignOf = (code: Code, value: number, x: number): number =>
  store(code, () => code.get(value).get(x).bits(SIGN).v(V.and).v(V.or));

/** tanh x: a polynomial near 0, otherwise 1 − 2 / (e^2|x| + 1) with the sign of x. */
export function tanh(code: Code, x: number): number {
  const t = store(code, () => code.get(x).v(V.f32Abs));
  const square = store(code, () => code.get(x).get(x).v(V.f32Mul));
  const near = store(code, () => {
    polynomial(code, square, TANH);
    code.get(square).v(V.f32Mul).get(x).v(V.f32Mul).get(x).v(V.f32Add);
  });
  const twice = store(code, () => code.get(t).get(t).v(V.f32Add));
  const power = exp(code, twice);
  const far = store(code, () => code.f32(1).f32(2).get(power).f32(1).v(V.f32Add).v(V.f32Div).v(V.f32Sub));
  const signedFar = withSignOf(code, far, x);
  return choose(
    code,
    () => code.get(near),
    () => code.get(signedFar),
    () => code.get(t).f32(0.625).v(V.f32Less),
  );
}

/** erf x, with t = |x|: a polynomial for t < 1, otherwise 1 − e^(−t·P(t)); from t = 4 on it rounds to 1 in float32. */
export function erf(code: Code, x: number): number {
  const t = store(code, () => code.get(x).v(V.f32Abs));
  const square = store(code, () => code.get(x).get(x).v(V.f32Mul));
  const near = store(code, () => {
    polynomial(code, square, ERF);
    code.get(x).v(V.f32Mul).get(x).v(V.f32Add);
  });
  const bounded = store(code, () => code.get(t).f32(4).v(V.f32PMin));
  const exponent = store(code, () => {
    polynomial(code, bounded, ERF_TAIL);
    code.f32(1).v(V.f32Add).get(bounded).v(V.f32Mul).v(V.f32Neg);
  });
  const power = exp(code, exponent);
  const far = store(code, () => code.f32(1).get(power).v(V.f32Sub));
  const signedFar = withSignOf(code, far, x);
  return choose(
    code,
    () => code.get(near),
    () => code.get(signedFar),
    () => code.get(t).f32(1).v(V.f32Less),
  );
}

/** For normal x > 0: f = m − 1 (exact) and e with x = m·2^e, √½ ≤ m < √2. */
function splitNormal(code: Code, x: number): { f: number; e: number } {
  // After subtracting the bits of √½, the exponent field is e.
  const shifted = store(code, () => code.get(x).bits(SQRT_HALF).v(V.i32Sub));
  const e = store(code, () => code.get(shifted).i32(23).v(V.i32ShrS).v(V.convertI32));
  const f = store(code, () => {
    code.get(shifted).bits(0x007fffff).v(V.and).bits(SQRT_HALF).v(V.i32Add).f32(1).v(V.f32Sub);
  });
  return { f, e };
}

/** The same for finite x > 0: subnormal numbers are multiplied by 2^24 to make them normal. */
function split(code: Code, x: number): { f: number; e: number } {
  const tiny = store(code, () =>
    code
      .get(x)
      .f32(2 ** -126)
      .v(V.f32Less),
  );
  const scaled = choose(
    code,
    () =>
      code
        .get(x)
        .f32(2 ** 24)
        .v(V.f32Mul),
    () => code.get(x),
    () => code.get(tiny),
  );
  const { f, e } = splitNormal(code, scaled);
  return { f, e: store(code, () => code.get(e).f32(24).get(tiny).v(V.and).v(V.f32Sub)) };
}

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
const UPPER_HALF = 0xfffff000;

/** |x|^exponent for a constant exponent other than 0. Results for 0, ∞ and NaN follow IEEE 754. */
export function powerOfSize(code: Code, x: number, exponent: number): number {
  const size = store(code, () => code.get(x).v(V.f32Abs));
  if (exponent === 0.5) return store(code, () => code.get(size).v(V.f32Sqrt));
  if (exponent === -0.5) return store(code, () => code.f32(1).get(size).v(V.f32Sqrt).v(V.f32Div));
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
  const high = store(code, () => code.get(x).bits(UPPER_HALF).v(V.and));
  return { high, low: store(code, () => code.get(x).get(high).v(V.f32Sub)) };
}

/**
 * x^exponent = e^t for normal x > 0, with log x and t = exponent·log x as sums of two float32 numbers, since one has too
 * few digits. The result is valid where |t| ≤ 87.
 */
function powerByPairs(code: Code, x: number, exponent: number): { power: number; t: number } {
  const { f, e } = splitNormal(code, x);
  // log(1 + f) = f − f²/2 + f³·P(f), f² = square + squareLow
  const { high: fHigh, low: fLow } = halves(code, f);
  const square = store(code, () => code.get(fHigh).get(fHigh).v(V.f32Mul));
  const squareLow = store(code, () => code.get(f).get(fHigh).v(V.f32Add).get(fLow).v(V.f32Mul));
  const cubic = store(code, () => {
    polynomial(code, f, LOG);
    code.get(f).v(V.f32Mul).get(f).get(f).v(V.f32Mul).v(V.f32Mul);
    code.get(squareLow).f32(0.5).v(V.f32Mul).v(V.f32Sub);
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
    code.get(nearLow).v(V.f32Add).get(cubic).v(V.f32Add);
  });
  // t = exponent·(log + logLow), exponent = y + yLow
  const y = new Float32Array(
    new Uint32Array(Float32Array.of(exponent).buffer).map((b) => b & UPPER_HALF).buffer,
  )[0]!;
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
