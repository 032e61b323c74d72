import type { Code } from '../../../webassembly/encoder.js';

const lanes = (...numbers: readonly number[]): number[] =>
  numbers.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]);
const LOW = lanes(0, 4, 1, 5);
const HIGH = lanes(2, 6, 3, 7);
const FIRST_HALVES = lanes(0, 1, 4, 5);
const SECOND_HALVES = lanes(2, 3, 6, 7);

const shuffled = (code: Code, a: number, b: number, bytes: readonly number[]): number => {
  const local = code.vector();
  code.get(a).get(b).shuffle(bytes).set(local);
  return local;
};

/** Interleaves two vectors: (a0, b0, a1, b1) and (a2, b2, a3, b3). */
export const interleave = (code: Code, a: number, b: number): [low: number, high: number] => [
  shuffled(code, a, b, LOW),
  shuffled(code, a, b, HIGH),
];

/** Transposes four vectors of four float32: rows become columns. */
export function transpose(code: Code, [a, b, c, d]: readonly [number, number, number, number]): number[] {
  const [abLow, abHigh] = interleave(code, a, b);
  const [cdLow, cdHigh] = interleave(code, c, d);
  return [
    shuffled(code, abLow, cdLow, FIRST_HALVES),
    shuffled(code, abLow, cdLow, SECOND_HALVES),
    shuffled(code, abHigh, cdHigh, FIRST_HALVES),
    shuffled(code, abHigh, cdHigh, SECOND_HALVES),
  ];
}
