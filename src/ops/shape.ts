import type { Node } from '../graph/node.js';
import { type Shape, sameShape, showShape, sizeOf } from '../graph/types.js';
import { broadcast, define, inferSize, type NodeMaker, naming, need, normalizeAxis } from './operation.js';
import { sumTo } from './reduce.js';

const reshapeOp: NodeMaker<{ shape: readonly number[] }> = define<{ shape: readonly number[] }>({
  name: 'reshape',
  infer: ([x], { shape }) => {
    need(
      sizeOf(shape) === sizeOf(x!.shape) && shape.every((d) => Number.isInteger(d) && d >= 0),
      () => `a shape of ${sizeOf(x!.shape)} elements`,
      shape,
    );
    return { shape, dtype: x!.dtype };
  },
  gradient: (node, grad) => [reshape(grad, node.inputs[0]!.shape)],
});

/** The same elements, in row-major order, with another shape. One dimension may be -1: it is inferred. */
export function reshape(x: Node, shape: Shape): Node {
  const full = inferSize('reshape', x, shape, sizeOf(x.shape));
  if (sameShape(full, x.shape)) return x;
  const node = reshapeOp([x], { shape: full });
  node.from = 0;
  return node;
}

/** The same value as another node, whose gradient is its own. */
export const alias = (x: Node): Node => reshapeOp([x], { shape: x.shape });

/** Joins the dimensions from `startDim` to `endDim` into one. */
export function flatten(x: Node, startDim = 0, endDim = -1): Node {
  const rank = Math.max(1, x.shape.length);
  const start = normalizeAxis('flatten', x, startDim, rank);
  const end = normalizeAxis('flatten', x, endDim, rank) + 1;
  naming('flatten', [x], () =>
    need(
      start < end,
      () => `an end from ${start} on`,
      () => String(endDim),
    ),
  );
  return reshape(x, [...x.shape.slice(0, start), sizeOf(x.shape.slice(start, end)), ...x.shape.slice(end)]);
}

const permuteOp: NodeMaker<{ axes: readonly number[] }> = define<{ axes: readonly number[] }>({
  name: 'permute',
  infer: ([x], { axes }) => {
    const sorted = [...axes].sort((a, b) => a - b);
    need(
      sorted.length === x!.shape.length && sorted.every((a, i) => a === i),
      () => `each of the ${x!.shape.length} axes once`,
      axes,
    );
    return { shape: axes.map((a) => x!.shape[a]!), dtype: x!.dtype };
  },
  gradient: (node, grad) => {
    const axes = node.attrs.axes as number[];
    return [
      permute(
        grad,
        axes.map((_, i) => axes.indexOf(i)),
      ),
    ];
  },
});
/** Reorders the dimensions; negative axes count from the end. */
export const permute = (x: Node, axes: readonly number[]): Node =>
  permuteOp([x], { axes: axes.map((axis) => (axis < 0 ? axis + x.shape.length : axis)) });

const broadcastOp: NodeMaker<{ shape: readonly number[] }> = define<{ shape: readonly number[] }>({
  name: 'broadcastTo',
  infer: ([x], { shape }) => {
    need(
      sameShape(broadcast(x!.shape, shape), shape),
      () => `a shape that broadcasts to ${showShape(shape)}`,
      x!.shape,
    );
    return { shape, dtype: x!.dtype };
  },
  formula: ([x]) => x!,
  gradient: (node, grad) => [sumTo(grad, node.inputs[0]!.shape)],
});
/** Repeats along dimensions of size 1, as NumPy does. */
export const broadcastTo = (x: Node, shape: Shape): Node =>
  sameShape(x.shape, shape) ? x : broadcastOp([x], { shape });
