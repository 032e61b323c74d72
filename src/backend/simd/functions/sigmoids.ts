import type { Code } from '../../../webassembly/encoder.js';
import { V } from '../../../webassembly/instructions.js';
import { exp } from './exponential.js';
import { choose, except, polynomial, store } from './pieces.js';
import { ERF, ERF_TAIL, TANH } from './polynomials.js';

const SIGN = 0x80000000;

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
  return except(
    code,
    near,
    () => code.get(t).f32(1).v(V.f32Less).v(V.not),
    () => farErf(code, x, t),
  );
}

/** erf x where t = |x| is at least 1. */
function farErf(code: Code, x: number, t: number): number {
  const bounded = store(code, () => code.get(t).f32(4).v(V.f32PMin));
  const exponent = store(code, () => {
    polynomial(code, bounded, ERF_TAIL);
    code.f32(1).v(V.f32Add).get(bounded).v(V.f32Mul).v(V.f32Neg);
  });
  const power = exp(code, exponent);
  const far = store(code, () => code.f32(1).get(power).v(V.f32Sub));
  return withSignOf(code, far, x);
}
