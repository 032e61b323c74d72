import { V } from '../../../webassembly/instructions.js';
import { add, type Int, type Routine, type Variable } from '../../../webassembly/terms.js';

/*
 * Winograd's minimal filtering F(m × m, r × r) (Lavin and Gray 2015, arXiv:1509.09308, section 4.1): a tile of m × m
 * results is Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A for the n × n numbers d that it reads, n = m + r − 1, with n² products instead of
 * m² r². For 3 × 3 and for 5 × 5 kernels n is 6, so that all of them share Bᵀ. The rows of the three matrices are values
 * of polynomials at five points and at infinity: at 0, ±5/8 and ±3/2, where rounding errors are smaller than at 0, ±1
 * and ±2.
 */

/** Side of the tile that is read. */
export const SIDE = 6;
/** Places of a transformed tile: as many matrix products. */
export const PLACES = SIDE ** 2;

/** Bytes of a vector. */
export const VECTOR = 16;

/** How many results of a row one tile has, and the side of the kernel. */
export type Scheme =
  | { readonly results: 4; readonly kernel: 3 }
  | { readonly results: 2; readonly kernel: 5 };

/** The points are 0, A, −A, B, −B and infinity. */
const A = 5 / 8;
const B = 3 / 2;
const [A2, B2] = [A * A, B * B];
/** Products of a point's distances from the other points. */
const [N0, NA, NB] = [A2 * B2, 2 * A2 * (A2 - B2), 2 * B2 * (B2 - A2)];

/** Variables with a line of numbers: a row or a column of a tile. */
export type Line = readonly number[];
export type Transform = (line: Line) => Line;

/** Loads a line of vectors, at distances of `step` bytes. */
export const loadLine = (routine: Routine, from: Int, step: number): Line =>
  Array.from({ length: SIDE }, (_, i) => routine.load(from, i * step));

/**
 * Transforms the columns of a block of all places into memory for one block, where its lines follow each other.
 *
 * @param block.at the block's first place; stepped over the first row of places
 */
export function transformColumns(
  routine: Routine,
  transform: Transform,
  block: { readonly at: Variable; readonly placeBytes: Int; readonly placeRow: Int; readonly lines: Int },
): void {
  const { at, placeBytes, placeRow, lines } = block;
  routine.for(lines, add(lines, VECTOR * SIDE), VECTOR, (column) => {
    const place = routine.let(at);
    const values = Array.from({ length: SIDE }, () => {
      const value = routine.load(place);
      routine.step(place, placeRow);
      return value;
    });
    transform(values).forEach((value, row) => {
      routine.save(column, value, VECTOR * SIDE * row);
    });
    routine.step(at, placeBytes);
  });
}

/** Emits sums, differences and products with constants of vectors, into new variables. */
function arithmetic({ code }: Routine) {
  const keep = (): number => {
    const result = code.vector();
    code.set(result);
    return result;
  };
  const plus = (a: number, b: number): number => {
    code.get(a).get(b).v(V.f32Add);
    return keep();
  };
  const minus = (a: number, b: number): number => {
    code.get(a).get(b).v(V.f32Sub);
    return keep();
  };
  const times = (factor: number, a: number): number => {
    if (factor === 1) return a;
    code.get(a).f32(factor).v(V.f32Mul);
    return keep();
  };
  return { plus, minus, times };
}

/** Bᵀ · d. */
export function inputTransform(routine: Routine): Transform {
  const { plus, minus, times } = arithmetic(routine);
  return ([d0, d1, d2, d3, d4, d5]) => {
    const [a2, b2] = [times(A2, d2!), times(B2, d2!)];
    const [evenA, evenB] = [minus(d4!, b2), minus(d4!, a2)];
    const oddA = times(A, minus(d3!, times(B2, d1!)));
    const oddB = times(B, minus(d3!, times(A2, d1!)));
    return [
      plus(times(N0, d0!), minus(evenA, a2)),
      plus(evenA, oddA),
      minus(evenA, oddA),
      plus(evenB, oddB),
      minus(evenB, oddB),
      plus(times(N0, d1!), minus(d5!, times(A2 + B2, d3!))),
    ];
  };
}

/** The values of the polynomial with coefficients `line` at a point and at its opposite, divided by `scale`. */
function atPoint(routine: Routine, line: Line, point: number, scale = 1): Line {
  const { plus, minus, times } = arithmetic(routine);
  const part = (parity: number): number =>
    line
      .flatMap((one, power) => (power % 2 === parity ? [times(point ** power / scale, one)] : []))
      .reduce((a, b) => plus(a, b));
  const [even, odd] = [part(0), part(1)];
  return [plus(even, odd), minus(even, odd)];
}

/** G · g. */
export function weightTransform(routine: Routine): Transform {
  const { times } = arithmetic(routine);
  return (line) => [
    times(1 / N0, line[0]!),
    ...atPoint(routine, line, A, NA),
    ...atPoint(routine, line, B, NB),
    line.at(-1)!,
  ];
}

/** Aᵀ · m. */
export function resultTransform(routine: Routine, { results }: Scheme): Transform {
  const { plus, minus, times } = arithmetic(routine);
  return ([y0, y1, y2, y3, y4, y5]) => {
    const sums = [plus(y1!, y2!), plus(y3!, y4!)] as const;
    const differences = [minus(y1!, y2!), minus(y3!, y4!)] as const;
    return Array.from({ length: results }, (_, power) => {
      const [a, b] = power % 2 === 0 ? sums : differences;
      const inner = plus(times(A ** power, a), times(B ** power, b));
      const first = power === 0 ? plus(y0!, inner) : inner;
      return power === results - 1 ? plus(first, y5!) : first;
    });
  };
}

/** A · e. */
export const gradientTransform =
  (routine: Routine): Transform =>
  (line) => [line[0]!, ...atPoint(routine, line, A), ...atPoint(routine, line, B), line.at(-1)!];

/** Gᵀ · s. */
export function kernelTransform(routine: Routine, { kernel }: Scheme): Transform {
  const { plus, minus, times } = arithmetic(routine);
  return ([s0, s1, s2, s3, s4, s5]) => {
    const sums = [plus(s1!, s2!), plus(s3!, s4!)] as const;
    const differences = [minus(s1!, s2!), minus(s3!, s4!)] as const;
    return Array.from({ length: kernel }, (_, power) => {
      const [a, b] = power % 2 === 0 ? sums : differences;
      const inner = plus(times(A ** power / NA, a), times(B ** power / NB, b));
      const first = power === 0 ? plus(times(1 / N0, s0!), inner) : inner;
      return power === kernel - 1 ? plus(first, s5!) : first;
    });
  };
}
