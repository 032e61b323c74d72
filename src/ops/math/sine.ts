import type { Node } from '../../graph/node.js';
import { add, mul, sub } from '../binary.js';
import { custom } from '../custom.js';
import { affine, floor, neg, square } from '../unary.js';

/* Sine and cosine, composed of other operations, so that they run on every device. */

/** π in parts, of which a multiple of the first two is exact for up to 2^16 half turns in float32. */
const PI = [3.140625, 2029 / 2 ** 21, 1.5099579909783765e-7] as const;

/** 1 / 3!, −1 / 5!, …: the factors of the series, up to r^21. */
const FACTORS = Array.from({ length: 10 }, (_, i) => {
  let factor = i % 2 === 0 ? -1 : 1;
  for (let n = 2; n <= 2 * i + 3; n++) factor /= n;
  return factor;
});

/** sin(r) for |r| ≤ π / 2. */
function series(r: Node): Node {
  const r2 = square(r);
  const [last, ...others] = FACTORS.toReversed() as [number, ...number[]];
  let sum = affine(r2, { scale: last, shift: others[0]! });
  for (const factor of others.slice(1)) sum = affine(mul(sum, r2), { scale: 1, shift: factor });
  return add(r, mul(mul(r, r2), sum));
}

/** (−1)^k sin(x − (k + shift) · π), where k + shift is the number of half turns that is nearest to x / π. */
function ofNearest(x: Node, shift: 0 | 0.5): Node {
  const turns = floor(affine(x, { scale: 1 / Math.PI, shift: 0.5 - shift }));
  const half = affine(turns, { scale: 1, shift });
  const rest = PI.reduce((left, part) => sub(left, affine(half, { scale: part, shift: 0 })), x);
  // 1 for even numbers of half turns, −1 for odd ones.
  const even = affine(
    sub(turns, affine(floor(affine(turns, { scale: 0.5, shift: 0 })), { scale: 2, shift: 0 })),
    {
      scale: -2,
      shift: 1,
    },
  );
  return mul(even, series(rest));
}

/** sin(x) of radians. In float32 the error stays near that of rounding for |x| up to 10^5. */
export const sin = (x: Node): Node => custom('sin', ofNearest(x, 0), [x], (_, grad) => [mul(grad, cos(x))]);

/** cos(x) of radians, as exact as {@link sin}. */
export const cos = (x: Node): Node =>
  custom('cos', neg(ofNearest(x, 0.5)), [x], (_, grad) => [neg(mul(grad, sin(x)))]);
