import type { Node } from '../../../../graph/node.js';
import { sameShape, showShape, sizeOf } from '../../../../graph/types.js';
import * as ops from '../../../../ops/index.js';
import type { Rule } from '../operator.js';
import { picks } from '../windows.js';
import { ends, newShape, squeezed, unsqueezed } from './shape-values.js';

/* Operators that reshape or slice, for values of any kind. */

const flatten: Rule = (operator) => {
  operator.arity(1);
  const axis = operator.int('axis', 1);
  return ([x]) => {
    const { shape } = x!;
    // The axis may be one past the last.
    const at = axis < 0 ? axis + shape.length : axis;
    if (at < 0 || at > shape.length) operator.misfit('its axis', `up to ${shape.length}`, String(axis));
    return ops.reshape(x!, [sizeOf(shape.slice(0, at)), sizeOf(shape.slice(at))]);
  };
};

const transpose: Rule = (operator) => {
  operator.arity(1);
  const perm = operator.ints('perm');
  return ([x]) => {
    const rank = x!.shape.length;
    const axes = operator.axes(perm ?? x!.shape.map((_, i) => rank - 1 - i), rank);
    if (axes.length !== rank) operator.misfit('its axes', `${rank} of them`, String(axes.length));
    return ops.permute(x!, axes);
  };
};

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
    return ops.concat(parts, axis);
  };
};

const slice: Rule = (operator) => {
  const rangesOf = ends(operator);
  return (inputs) =>
    rangesOf(inputs).reduce((x, { axis, start, length, step }) => {
      if (length < 1 && x.dtype !== 'int32') operator.misfit('its ends', 'at least one element', 'none');
      if (step === 1) return ops.narrow(x, axis, start, length);
      return picks(x, axis, length, (i) => start + step * i);
    }, inputs[0]!);
};

const reshape =
  (find: typeof newShape): Rule =>
  (operator) => {
    const shape = find(operator);
    return (inputs) => ops.reshape(inputs[0]!, shape(inputs));
  };

const expand: Rule = (operator) => {
  operator.arity(2);
  return ([x, shape]) => {
    const wanted = operator.known(shape!, 'its shape');
    if (wanted.length > 16 || wanted.some((d) => d < 0))
      operator.misfit('its shape', 'at most 16 sizes of at least 0', wanted.slice(0, 20).join(', '));
    const rank = Math.max(wanted.length, x!.shape.length);
    // Expand broadcasts in both directions: either shape may have ones.
    const full = Array.from({ length: rank }, (_, i) => {
      const own = x!.shape[i - rank + x!.shape.length] ?? 1;
      const asked = wanted[i - rank + wanted.length] ?? 1;
      return asked === 1 ? own : asked;
    });
    return ops.broadcastTo(x!, full);
  };
};

export const shapes: Readonly<Record<string, Rule>> = {
  Flatten: flatten,
  Reshape: reshape(newShape),
  Squeeze: reshape(squeezed),
  Unsqueeze: reshape(unsqueezed),
  Transpose: transpose,
  Concat: concat,
  Slice: slice,
  Expand: expand,
  Identity: (operator) => {
    operator.arity(1);
    return ([x]) => x!;
  },
};
