import type { Node } from '../../graph/node.js';
import { type Shape, sizeOf } from '../../graph/types.js';
import { inferSize, naming, need, normalizeAxes, normalizeAxis } from '../operation.js';
import { broadcastTo, permute, reshape } from '../shape.js';

/* The same elements under another shape, in another order, or repeated. */

/** Removes axes of size 1: the given ones, where their size is 1, or all. */
export function squeeze(x: Node, axes?: readonly number[]): Node {
  const over = axes && normalizeAxes('squeeze', x, axes);
  return reshape(
    x,
    x.shape.filter((d, i) => d !== 1 || (over !== undefined && !over.includes(i))),
  );
}

/** Adds an axis of size 1 in front of axis `axis` of the result. */
export function unsqueeze(x: Node, axis: number): Node {
  const at = normalizeAxis('unsqueeze', x, axis, x.shape.length + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/** Exchanges two axes. */
export function transpose(x: Node, first: number, second: number): Node {
  const [a, b] = [normalizeAxis('transpose', x, first), normalizeAxis('transpose', x, second)];
  if (a === b) return x;
  return permute(
    x,
    x.shape.map((_, i) => (i === a ? b : i === b ? a : i)),
  );
}

/** Repeats along axes of size 1, to a shape in which −1 keeps a size; new axes may come in front. */
export function expand(x: Node, shape: Shape): Node {
  const lead = shape.length - x.shape.length;
  return naming('expand', [x], () => {
    need(
      lead >= 0 && shape.every((d, i) => Number.isInteger(d) && (d >= 0 || (d === -1 && i >= lead))),
      () => `at least ${x.shape.length} sizes, −1 for one that stays`,
      shape,
    );
    return broadcastTo(
      x,
      shape.map((d, i) => (d === -1 ? x.shape[i - lead]! : d)),
    );
  });
}

/** Concatenates copies of a tensor: `times` gives their number for each axis; further axes may come in front. */
export function repeat(x: Node, times: readonly number[]): Node {
  const lead = times.length - x.shape.length;
  naming('repeat', [x], () =>
    need(
      lead >= 0 && times.every((n) => Number.isInteger(n) && n >= 0),
      () => `at least ${x.shape.length} numbers of copies`,
      times,
    ),
  );
  const shape = [...times.slice(0, Math.max(0, lead)).map(() => 1), ...x.shape];
  if (times.every((n) => n === 1)) return reshape(x, shape);
  const apart = reshape(
    x,
    shape.flatMap((d) => [1, d]),
  );
  const copies = broadcastTo(
    apart,
    shape.flatMap((d, i) => [times[i]!, d]),
  );
  return reshape(
    copies,
    shape.map((d, i) => d * times[i]!),
  );
}

/** Splits an axis into several; one of the sizes may be −1. */
export function unflatten(x: Node, axis: number, sizes: readonly number[]): Node {
  const at = normalizeAxis('unflatten', x, axis);
  const full = inferSize('unflatten', x, sizes, x.shape[at]!);
  naming('unflatten', [x], () =>
    need(
      full.length > 0 && full.every((d) => Number.isInteger(d) && d >= 0) && sizeOf(full) === x.shape[at],
      () => `sizes that make ${x.shape[at]} together`,
      sizes,
    ),
  );
  return reshape(x, [...x.shape.slice(0, at), ...full, ...x.shape.slice(at + 1)]);
}
