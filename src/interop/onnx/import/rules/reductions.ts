import type { Node } from '../../../../graph/node.js';
import { sizeOf } from '../../../../graph/types.js';
import * as ops from '../../../../ops/index.js';
import type { Rule } from '../operator.js';

type Reduce = (x: Node, axes: readonly number[], keepDims: boolean) => Node;

/** @param since opset from which the axes are an input */
export const reduction =
  (apply: Reduce, since: number): Rule =>
  (operator) => {
    operator.arity(1, operator.opset < since ? 1 : 2);
    const keepDims = operator.int('keepdims', 1) !== 0;
    const nothing = operator.opset >= since && operator.int('noop_with_empty_axes', 0) !== 0;
    const axesOf = operator.list('axes', since, 1);
    return (inputs) => {
      const x = inputs[0]!;
      const axes = axesOf(inputs) ?? [];
      const all = nothing ? [] : x.shape.map((_, i) => i);
      const chosen = axes.length === 0 ? all : operator.axes(axes, x.shape.length);
      if (sizeOf(x.shape) === 0) operator.misfit('its input', 'at least one element', 'none');
      return apply(x, chosen, keepDims);
    };
  };

const logSumExp: Reduce = (x, axes, keepDims) => {
  if (axes.length === 0) return x;
  const top = ops.max(x, axes, true);
  const sum = ops.add(ops.log(ops.sum(ops.exp(ops.sub(x, top)), axes, true)), top);
  return keepDims
    ? sum
    : ops.reshape(
        sum,
        sum.shape.filter((_, i) => !axes.includes(i)),
      );
};

/** Multiplies halves with each other: no operation multiplies along an axis, and gradients of all factors are right. */
export const product: Reduce = (x, axes, keepDims) => {
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const shape = kept.map((i) => x.shape[i]!);
  const axis = shape.length;
  let left = sizeOf(axes.map((i) => x.shape[i]!));
  let y = ops.reshape(ops.permute(x, [...kept, ...axes]), [...shape, left]);
  while (left > 1) {
    const half = Math.floor(left / 2);
    const pairs = ops.mul(ops.narrow(y, axis, 0, half), ops.narrow(y, axis, half, half));
    y = left % 2 === 0 ? pairs : ops.concat([pairs, ops.narrow(y, axis, left - 1, 1)], axis);
    left -= half;
  }
  return ops.reshape(y, keepDims ? x.shape.map((d, i) => (axes.includes(i) ? 1 : d)) : shape);
};

export const reductions: Readonly<Record<string, Rule>> = {
  ReduceMean: reduction(ops.mean, 18),
  ReduceSum: reduction(ops.sum, 13),
  ReduceMax: reduction(ops.max, 18),
  ReduceMin: reduction((x, axes, keep) => ops.neg(ops.max(ops.neg(x), axes, keep)), 18),
  ReduceProd: reduction(product, 18),
  ReduceL1: reduction((x, axes, keep) => ops.sum(ops.abs(x), axes, keep), 18),
  ReduceL2: reduction((x, axes, keep) => ops.sqrt(ops.sum(ops.square(x), axes, keep)), 18),
  ReduceSumSquare: reduction((x, axes, keep) => ops.sum(ops.square(x), axes, keep), 18),
  ReduceLogSum: reduction((x, axes, keep) => ops.log(ops.sum(x, axes, keep)), 18),
  ReduceLogSumExp: reduction(logSumExp, 18),
};
