import { hostLeaf, type Node } from '../../../../graph/node.js';
import { sameShape, showShape, sizeOf } from '../../../../graph/types.js';
import * as ops from '../../../../ops/index.js';
import type { Operator, Rule } from '../operator.js';
import { cut } from '../windows.js';
import { ends, newShape, squeezed, unsqueezed } from './shape-values.js';

const flatten: Rule = (operator) => {
  operator.arity(1);
  const axis = operator.int('axis', 1);
  return ([x]) => {
    const { shape } = x!;
    // The axis may also be behind the last one.
    const at = axis < 0 ? axis + shape.length : axis;
    if (at < 0 || at > shape.length) operator.misfit('its axis', `up to ${shape.length}`, String(axis));
    return ops.reshape(x!, [sizeOf(shape.slice(0, at)), sizeOf(shape.slice(at))]);
  };
};

const transpose: Rule = (operator) => {
  operator.arity(1);
  const perm = operator.ints('perm');
  return ([x]) => ops.permute(x!, perm ?? x!.shape.map((_, i) => x!.shape.length - 1 - i));
};

/** Each input among zeros in its place, and their sum: our operations have no concatenation. */
const concat: Rule = (operator) => {
  operator.arity(1, 1000);
  if (!operator.has('axis')) operator.refuse('attribute "axis"', 'a dimension', 'none');
  const given = operator.int('axis', 0);
  return (inputs) => {
    const parts = inputs as readonly Node[];
    const rank = parts[0]!.shape.length;
    const [axis] = operator.axes([given], rank) as [number];
    const others = (shape: readonly number[]) => shape.filter((_, i) => i !== axis);
    for (const { shape } of parts)
      if (shape.length !== rank || !sameShape(others(shape), others(parts[0]!.shape)))
        operator.misfit(
          'its inputs',
          `shapes equal but for axis ${axis}`,
          parts.map((p) => showShape(p.shape)).join(', '),
        );
    const total = parts.reduce((sum, { shape }) => sum + shape[axis]!, 0);
    let start = 0;
    return parts
      .map((part) => {
        const placed = cut(part, axis, -start, total);
        start += part.shape[axis]!;
        return placed;
      })
      .reduce((all, part) => ops.add(all, part));
  };
};

const slice: Rule = (operator) => {
  const rangesOf = ends(operator);
  return (inputs) =>
    rangesOf(inputs).reduce((x, { axis, start, length, step }) => {
      if (step !== 1) operator.misfit('its steps', 'steps of 1', String(step));
      if (length < 1) operator.misfit('its ends', 'at least one element', 'none');
      return cut(x, axis, start, length);
    }, inputs[0]!);
};

/** Zeros before and behind; a negative number takes away. */
const pad: Rule = (operator) => {
  operator.arity(operator.opset < 11 ? 1 : 2, operator.opset < 11 ? 1 : operator.opset < 18 ? 3 : 4);
  operator.word('mode', ['constant']);
  if (operator.opset < 11 && operator.float('value', 0) !== 0)
    operator.refuse('attribute "value"', 'zeros', 'another value');
  const padsOf = operator.list('pads', 11, 1);
  return (inputs) => {
    const x = inputs[0]!;
    const value = inputs[2] && operator.known(inputs[2], 'its value')[0];
    if (value) operator.misfit('its value', 'zeros', String(value));
    const rank = x.shape.length;
    const axes = inputs[3]
      ? operator.axes(operator.known(inputs[3], 'axes'), rank)
      : x.shape.map((_, i) => i);
    const pads = padsOf(inputs) ?? [];
    if (pads.length !== 2 * axes.length)
      operator.misfit('its pads', `${2 * axes.length} numbers`, String(pads.length));
    return axes.reduce((y, axis, i) => {
      const length = y.shape[axis]! + pads[i]! + pads[i + axes.length]!;
      if (!(length >= 1)) operator.misfit('its pads', 'at least one element left', `${length}`);
      return cut(y, axis, -pads[i]!, length);
    }, x);
  };
};

const reduction =
  (apply: (x: Node, axes: readonly number[], keepDims: boolean) => Node, since: number): Rule =>
  (operator) => {
    operator.arity(1, operator.opset < since ? 1 : 2);
    const keepDims = operator.int('keepdims', 1) !== 0;
    const nothing = operator.opset >= since && operator.int('noop_with_empty_axes', 0) !== 0;
    const axesOf = operator.list('axes', since, 1);
    return (inputs) => {
      const x = inputs[0]!;
      const axes = axesOf(inputs) ?? [];
      if (axes.length === 0 && nothing) return x;
      const all = x.shape.map((_, i) => i);
      return apply(x, axes.length === 0 ? all : operator.axes(axes, x.shape.length), keepDims);
    };
  };

const reshape =
  (shapeOf: (operator: Operator) => (inputs: readonly (Node | undefined)[]) => number[]): Rule =>
  (operator) => {
    const find = shapeOf(operator);
    return (inputs) => ops.reshape(inputs[0]!, find(inputs));
  };

const expand: Rule = (operator) => {
  operator.arity(2);
  return ([x, shape]) => {
    const wanted = operator.known(shape!, 'its shape');
    const rank = Math.max(wanted.length, x!.shape.length);
    // Either side may have the ones: the result is as large as both together.
    const full = Array.from({ length: rank }, (_, i) => {
      const own = x!.shape[i - rank + x!.shape.length] ?? 1;
      const asked = wanted[i - rank + wanted.length] ?? 1;
      return asked === 1 ? own : asked;
    });
    return ops.broadcastTo(x!, full);
  };
};

/** All floating-point types are float32 here; whole numbers that are known become such. */
const cast: Rule = (operator) => {
  operator.arity(1);
  operator.ignore('to', 'saturate', 'round_mode');
  return ([x]) =>
    x!.dtype === 'int32'
      ? hostLeaf(Float32Array.from(operator.known(x!, 'its input')), x!.shape, 'float32')
      : x!;
};

export const shapes: Readonly<Record<string, Rule>> = {
  Flatten: flatten,
  Reshape: reshape(newShape),
  Squeeze: reshape(squeezed),
  Unsqueeze: reshape(unsqueezed),
  Transpose: transpose,
  Concat: concat,
  Slice: slice,
  Pad: pad,
  Expand: expand,
  Cast: cast,
  ReduceMean: reduction(ops.mean, 18),
  ReduceSum: reduction(ops.sum, 13),
  ReduceMax: reduction(ops.max, 18),
};
