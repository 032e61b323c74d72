import { type Node, scalarLeaf } from '../../graph/node.js';
import { sizeOf } from '../../graph/types.js';
import { narrow } from '../arrange/slice.js';
import { add, equal, less, mul, sub } from '../binary.js';
import { naming, need, normalizeAxes } from '../operation.js';
import { max, mean, sum } from '../reduce.js';
import { where } from '../select.js';
import { permute, reshape } from '../shape.js';
import { abs, affine, detach, exp, log, neg, pow, scaleBy, sqrt, square } from '../unary.js';
import { areIntegers, integerReduce } from './integers.js';

/* Reductions that are composed of other operations. */

const normalized = (name: string, x: Node, axes?: readonly number[]): number[] =>
  axes ? normalizeAxes(name, x, axes) : x.shape.map((_, i) => i);

/** Minimum over the given axes (all by default); several equal minima share the gradient. */
export const min = (x: Node, axes?: readonly number[], keepDims = false): Node =>
  areIntegers(x) ? integerReduce('min', x, axes, keepDims) : neg(max(neg(x), axes, keepDims));

/**
 * Variance over the given axes (all by default): the sum of the squared distances from the mean, divided by the number
 * of elements less `correction`.
 */
export function variance(x: Node, axes?: readonly number[], correction = 1, keepDims = false): Node {
  const over = normalized('variance', x, axes);
  const count = sizeOf(over.map((axis) => x.shape[axis]!));
  naming('variance', [x], () =>
    need(
      count > correction,
      () => `more than ${correction} elements for each variance`,
      () => String(count),
      'pass a smaller correction, or more values',
    ),
  );
  const centred = sub(x, mean(x, over, true));
  return scaleBy(sum(square(centred), over, keepDims), 1 / (count - correction));
}

/** √x whose gradient at 0 is 0, as that of PyTorch's `std` and `norm`. */
function root(x: Node): Node {
  const none = equal(x, scalarLeaf(0, x.dtype));
  return where(none, scalarLeaf(0, x.dtype), sqrt(where(none, scalarLeaf(1, x.dtype), x)));
}

/** Standard deviation: the square root of {@link variance}. Its gradient is 0 where it is 0. */
export const std = (x: Node, axes?: readonly number[], correction = 1, keepDims = false): Node =>
  root(variance(x, axes, correction, keepDims));

/**
 * The vector norm (Σ |x|^p)^(1/p) over the given axes (all by default); p = 0 counts non-zero elements, ∞ and −∞ give
 * the largest and smallest |x|.
 */
export function norm(x: Node, p = 2, axes?: readonly number[], keepDims = false): Node {
  naming('norm', [x], () => need(!Number.isNaN(p), 'a number p', () => String(p)));
  if (p === 2) return root(sum(square(x), axes, keepDims));
  const size = abs(x);
  if (p === 1) return sum(size, axes, keepDims);
  if (p === Number.POSITIVE_INFINITY) return max(size, axes, keepDims);
  if (p === Number.NEGATIVE_INFINITY) return min(size, axes, keepDims);
  if (p === 0) return sum(affine(equal(x, scalarLeaf(0, x.dtype)), { scale: -1, shift: 1 }), axes, keepDims);
  const total = sum(pow(size, { exponent: p }), axes, keepDims);
  const none = equal(total, scalarLeaf(0, x.dtype));
  return where(
    none,
    scalarLeaf(0, x.dtype),
    pow(where(none, scalarLeaf(1, x.dtype), total), { exponent: 1 / p }),
  );
}

/**
 * Product over the given axes (all by default). The two halves are multiplied with each other until one position is
 * left, so that the gradient is right where elements are 0.
 */
export function prod(x: Node, axes?: readonly number[], keepDims = false): Node {
  const over = normalized('prod', x, axes);
  const kept = x.shape.map((_, i) => i).filter((i) => !over.includes(i));
  const outside = kept.map((i) => x.shape[i]!);
  const count = sizeOf(over.map((i) => x.shape[i]!));
  const shape = keepDims ? x.shape.map((d, i) => (over.includes(i) ? 1 : d)) : outside;
  if (count === 0) return affine(sum(x, over, keepDims), { scale: 0, shift: 1 });
  const order = [...kept, ...over];
  const sorted = order.every((axis, i) => axis === i) ? x : permute(x, order);
  let rows = reshape(sorted, [sizeOf(outside), count]);
  let rest: Node | undefined;
  while (rows.shape[1]! > 1) {
    const width = rows.shape[1]!;
    const middle = Math.floor(width / 2);
    if (width % 2 === 1) {
      const last = narrow(rows, 1, width - 1, 1);
      rest = rest ? mul(rest, last) : last;
    }
    rows = mul(narrow(rows, 1, 0, middle), narrow(rows, 1, middle, middle));
  }
  return reshape(rest ? mul(rows, rest) : rows, shape);
}

/** log Σ e^x over the given axes, without overflow. */
export function logsumexp(x: Node, axes?: readonly number[], keepDims = false): Node {
  const over = normalized('logsumexp', x, axes);
  const top = detach(max(x, over, true));
  // An infinite maximum is not subtracted, since ∞ − ∞ is NaN.
  const finite = less(abs(top), scalarLeaf(Number.POSITIVE_INFINITY, x.dtype));
  const shift = where(finite, top, scalarLeaf(0, x.dtype));
  const total = add(log(sum(exp(sub(x, shift)), over, true)), shift);
  return keepDims
    ? total
    : reshape(
        total,
        x.shape.filter((_, i) => !over.includes(i)),
      );
}
