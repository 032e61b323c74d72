import type { Code } from '../../../webassembly/encoder.js';
import { V } from '../../../webassembly/instructions.js';
import { choose, except, LN2, notNormal, store } from './pieces.js';
import { LOG_ATANH } from './polynomials.js';

const INFINITY = Number.POSITIVE_INFINITY;
/** The bits of √½. */
const SQRT_HALF = 0x3f3504f3;

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
  const { half, rest } = logParts(code, f);
  return store(code, () => {
    code.get(e).f32(LN2[1]).v(V.f32Mul).get(rest).v(V.f32Add).get(half).v(V.f32Sub).get(f).v(V.f32Add);
    code.get(e).f32(LN2[0]).v(V.f32Mul).v(V.f32Add);
  });
}

/**
 * log(1 + f) = f − half + rest for √½ ≤ 1 + f < √2, with half = f²/2. From s = f / (2 + f),
 * log(1 + f) = 2·atanh s = f − s·(f − R), R = s²·P(s²), and s·f = half − s·half.
 */
export function logParts(code: Code, f: number): { half: number; rest: number } {
  const half = store(code, () => code.get(f).get(f).v(V.f32Mul).f32(0.5).v(V.f32Mul));
  const s = store(code, () => code.get(f).get(f).f32(2).v(V.f32Add).v(V.f32Div));
  const z = store(code, () => code.get(s).get(s).v(V.f32Mul));
  const rest = store(code, () => {
    code.f32(LOG_ATANH[2]).get(z).v(V.f32Mul).f32(LOG_ATANH[1]).v(V.f32Add);
    code.get(z).v(V.f32Mul).f32(LOG_ATANH[0]).v(V.f32Add);
    code.get(z).v(V.f32Mul).get(half).v(V.f32Add).get(s).v(V.f32Mul);
  });
  return { half, rest };
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

/** For normal x > 0: m and e with x = m·2^e, √½ ≤ m < √2, and f = m − 1 (exact). */
export function splitNormal(code: Code, x: number): { f: number; e: number; m: number } {
  // After subtracting the bits of √½, the exponent field is e.
  const whole = store(code, () => code.get(x).bits(SQRT_HALF).v(V.i32Sub).i32(23).v(V.i32ShrS));
  const m = store(code, () => code.get(x).get(whole).i32(23).v(V.i32Shl).v(V.i32Sub));
  const f = store(code, () => code.get(m).f32(1).v(V.f32Sub));
  return { f, e: store(code, () => code.get(whole).v(V.convertI32)), m };
}

/** The same for finite x > 0: subnormal numbers are multiplied by 2^24 to make them normal. */
export function split(code: Code, x: number): { f: number; e: number } {
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
