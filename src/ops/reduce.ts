import type { Node } from '../graph/node.js';
import { type Shape, sameShape, sizeOf } from '../graph/types.js';
import { div, equal, mul } from './binary.js';
import { areIntegers, integerReduce } from './math/integers.js';
import { define, floatOf, type NodeMaker, naming, need, normalizeAxes, normalizeAxis } from './operation.js';
import { broadcastTo, reshape } from './shape.js';
import { scaleBy } from './unary.js';

interface ReduceAttrs {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}
type Reduction = ReduceAttrs & Record<string, number[] | boolean>;

const reducedShape = (shape: Shape, axes: readonly number[], keepDims: boolean): Shape =>
  keepDims ? shape.map((d, i) => (axes.includes(i) ? 1 : d)) : shape.filter((_, i) => !axes.includes(i));

type Reduce = (x: Node, axes?: readonly number[], keepDims?: boolean) => Node;

type ReduceGradient = (x: Node, y: Node, grad: Node, axes: readonly number[]) => Node;

/** @param least number of elements that a result needs */
function reduction(name: 'sum' | 'max', least: number, gradient: ReduceGradient): Reduce {
  const apply = define<Reduction>({
    name,
    infer: ([x], { axes, keepDims }) => {
      need(
        axes.every((axis) => x!.shape[axis]! >= least),
        () => `at least ${least} element for each result`,
        x!.shape,
      );
      return { shape: reducedShape(x!.shape, axes, keepDims), dtype: floatOf(x) };
    },
    gradient: (node, grad) => {
      const x = node.inputs[0]!;
      const axes = node.attrs.axes as number[];
      const kept = reducedShape(x.shape, axes, true);
      const spread = (t: Node) => broadcastTo(reshape(t, kept), x.shape);
      return [gradient(x, spread(node), spread(grad), axes)];
    },
  });
  return (x, axes, keepDims = false) => {
    if (areIntegers(x)) return integerReduce(name, x, axes, keepDims);
    const all = axes ?? x.shape.map((_, i) => i);
    const normal = normalizeAxes(name, x, all).sort((a, b) => a - b);
    return apply([x], { axes: normal, keepDims });
  };
}

/** Sum over the given axes (all by default). */
export const sum: Reduce = reduction('sum', 0, (_x, _y, grad) => grad);
/** Maximum over the given axes (all by default); several equal maxima share the gradient, as in PyTorch. */
export const max: Reduce = reduction('max', 1, (x, y, grad, axes) => {
  const largest = equal(x, y);
  return mul(grad, div(largest, sum(largest, axes, true)));
});

/** Mean over the given axes (all by default), each of at least one element. */
export function mean(x: Node, axes?: readonly number[], keepDims = false): Node {
  const over = axes ? normalizeAxes('mean', x, axes) : x.shape.map((_, i) => i);
  const count = sizeOf(over.map((axis) => x.shape[axis]!));
  naming('mean', [x], () => {
    floatOf(x);
    need(count > 0, 'at least one element for each result', x.shape);
  });
  return scaleBy(sum(x, over, keepDims), 1 / count);
}

const sumOfSquaresOp: NodeMaker<Record<never, never>> = define<Record<never, never>>({
  name: 'sumOfSquares',
  infer: ([x]) => ({ shape: [], dtype: floatOf(x) }),
  gradient: (node, grad) => [mul(scaleBy(node.inputs[0]!, 2), grad)],
});
/** Σ x² over all elements, accumulated in float64: a scalar. */
export const sumOfSquares = (x: Node): Node => sumOfSquaresOp([x], {});

/** Sums a broadcast value back to its shape before broadcasting. */
export function sumTo(x: Node, shape: Shape): Node {
  if (sameShape(x.shape, shape)) return x;
  const extra = x.shape.length - shape.length;
  const axes = x.shape
    .map((_, i) => i)
    .filter((i) => i < extra || (shape[i - extra] === 1 && x.shape[i] !== 1));
  return axes.length === 0 ? x : reshape(sum(x, axes), shape);
}

const argmaxOp: NodeMaker<{ axis: number }> = define<{ axis: number }>({
  name: 'argmax',
  infer: ([x], { axis }) => {
    floatOf(x);
    need(x!.shape[axis]! > 0, 'at least one element for each result', x!.shape);
    return { shape: x!.shape.filter((_, i) => i !== axis), dtype: 'int32' };
  },
});
/** Index of the largest value along an axis, the first of several. No gradient. */
export const argmax = (x: Node, axis = -1): Node => argmaxOp([x], { axis: normalizeAxis('argmax', x, axis) });
