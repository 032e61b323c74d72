import type { Code } from '../../../webassembly/encoder.js';
import { V } from '../../../webassembly/instructions.js';

/*
 * Vectorised functions of four float32 values. Errors are at most 2 units in the last place (log1p: 3), and special
 * values follow IEEE 754; test/backend/simd/functions.test.ts checks both. Each function takes the variable that contains x and
 * returns a new variable. Lanes are independent of each other.
 */

/** ln 2 as a sum of two constants; the first has so few bits that its products with exponents are exact. */
export const LN2 = [0.693359375, -2.1219444005469057e-4] as const;

export type Emit = () => void;

/** A new variable with the value that `emit` leaves on the stack. */
export function store(code: Code, emit: Emit): number {
  emit();
  const local = code.vector();
  code.set(local);
  return local;
}

/**
 * Evaluates a polynomial at the value in `x` and leaves the result on the stack. Estrin's scheme combines terms in pairs,
 * so that the CPU can compute several at a time.
 */
export function polynomial(code: Code, x: number, coefficients: readonly number[]): void {
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
export const choose = (code: Code, a: Emit, b: Emit, mask: Emit): number =>
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
export function except(code: Code, usual: number, mask: Emit, rare: () => number): number {
  const wanted = store(code, mask);
  code
    .get(wanted)
    .v(V.anyTrue)
    .if(() =>
      code.rarely(() => {
        const other = rare();
        code.get(other).get(usual).get(wanted).v(V.bitselect).set(usual);
      }),
    );
  return usual;
}

/** Leaves a mask on the stack: lanes that are not positive normal numbers. */
export function notNormal(code: Code, x: number): void {
  // Less the bits of the smallest one, they are the smallest unsigned numbers; less 2^31, the smallest signed ones.
  code.get(x).bits(0x7f800000).v(V.i32Add).bits(0xfeffffff).v(V.i32Greater);
}

/** Leaves a mask on the stack: lanes with |x| > limit, or NaN. */
export function beyond(code: Code, x: number, limit: number): void {
  const bits = new Uint32Array(Float32Array.of(limit).buffer)[0]!;
  code.get(x).bits(0x7fffffff).v(V.and).bits(bits).v(V.i32Greater);
}
