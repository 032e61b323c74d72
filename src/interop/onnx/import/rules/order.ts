import * as ops from '../../../../ops/index.js';
import { MOST_KNOWN } from '../fold.js';
import type { Rule } from '../operator.js';
import { checkSize } from '../refuse.js';

/* Operators that order, add up and combine elements along axes. */

/** TopK: the values are its first result, their positions the second. */
export const topK: Rule = (operator) => {
  const { opset } = operator;
  operator.arity(opset < 10 ? 1 : 2);
  const given = operator.int('axis', -1);
  const fixed = opset < 10 ? operator.int('k', 1) : undefined;
  const largest = opset < 11 || operator.int('largest', 1) !== 0;
  // If no order is requested, any order is allowed, also the sorted one.
  if (opset >= 11) operator.ignore('sorted');
  return ([x, count]) => {
    const [axis] = operator.axes([given], x!.shape.length) as [number];
    const k = fixed ?? operator.known(count!, 'its k')[0] ?? 0;
    if (!(Number.isInteger(k) && k >= 1 && k <= x!.shape[axis]!))
      operator.misfit('its k', `from 1 to ${x!.shape[axis]}`, String(k));
    const { values, indices } = ops.topk(x!, k, axis, largest);
    return operator.output === 0 ? values : indices;
  };
};

const cumSum: Rule = (operator) => {
  operator.arity(2);
  const exclusive = operator.int('exclusive', 0) !== 0;
  const reverse = operator.int('reverse', 0) !== 0;
  return ([x, given]) => {
    const [axis] = operator.axes(operator.known(given!, 'its axis'), x!.shape.length);
    if (axis === undefined) operator.misfit('its axis', 'one axis', 'none');
    const sums = ops.cumsum(x!, axis!, reverse);
    // Without the element itself, each sum is that of the position before it.
    return exclusive ? ops.narrow(sums, axis!, reverse ? 1 : -1, x!.shape[axis!]!) : sums;
  };
};

const oneHot: Rule = (operator) => {
  operator.arity(3);
  const given = operator.int('axis', -1);
  return ([index, depth, values]) => {
    const classes = operator.known(depth!, 'its depth')[0] ?? 0;
    const [off, on] = operator.known(values!, 'its values');
    if (!(Number.isInteger(classes) && classes >= 1 && classes <= MOST_KNOWN))
      operator.misfit('its depth', `from 1 to ${MOST_KNOWN}`, String(classes));
    if (index!.dtype !== 'int32' || off === undefined || on === undefined)
      operator.misfit('its inputs', 'positions, a depth and two values', index!.dtype);
    checkSize([...index!.shape, classes]);
    const last = index!.shape.length;
    const [axis] = operator.axes([given], last + 1) as [number];
    const order = Array.from({ length: last }, (_, i) => i).toSpliced(axis, 0, last);
    const rows = ops.affine(ops.oneHot(index!, classes), { scale: on! - off!, shift: off! });
    return axis === last ? rows : ops.permute(rows, order);
  };
};

const einsum: Rule = (operator) => {
  operator.arity(1, 26);
  const equation = operator.text('equation');
  return (inputs) =>
    ops.einsum(
      equation,
      inputs.map((x) => x!),
    );
};

export const orders: Readonly<Record<string, Rule>> = {
  TopK: topK,
  CumSum: cumSum,
  OneHot: oneHot,
  Einsum: einsum,
};
