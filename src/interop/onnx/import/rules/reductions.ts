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

export const reductions: Readonly<Record<string, Rule>> = {
  ReduceMean: reduction(ops.mean, 18),
  ReduceSum: reduction(ops.sum, 13),
  ReduceMax: reduction(ops.max, 18),
  ReduceMin: reduction(ops.min, 18),
  ReduceProd: reduction(ops.prod, 18),
  ReduceL1: reduction((x, axes, keep) => ops.sum(ops.abs(x), axes, keep), 18),
  ReduceL2: reduction((x, axes, keep) => ops.sqrt(ops.sum(ops.square(x), axes, keep)), 18),
  ReduceSumSquare: reduction((x, axes, keep) => ops.sum(ops.square(x), axes, keep), 18),
  ReduceLogSum: reduction((x, axes, keep) => ops.log(ops.sum(x, axes, keep)), 18),
  ReduceLogSumExp: reduction(ops.logsumexp, 18),
};
