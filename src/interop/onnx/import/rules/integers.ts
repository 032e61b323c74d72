import { hostLeaf, type Node } from '../../../../graph/node.js';
import { sizeOf } from '../../../../graph/types.js';
import type { Operator, Rule } from '../operator.js';
import { ends, newShape, squeezed, unsqueezed } from './shape-values.js';

/*
 * Whole numbers and truth values: how exporters compute shapes for a batch of any size. They are known while the
 * graph is built, so that these rules compute at once and leave nothing for the device.
 */

/** No shape has as many dimensions; a file cannot ask for more. */
const MAX_ELEMENTS = 4096;

function made(operator: Operator, values: readonly number[], shape: readonly number[]): Node {
  return hostLeaf(Int32Array.from(checked(operator, sizeOf(shape), values)), shape, 'int32');
}

function checked<T>(operator: Operator, count: number, value: T): T {
  if (!(count <= MAX_ELEMENTS))
    operator.misfit('whole numbers', `at most ${MAX_ELEMENTS} of them`, String(count));
  return value;
}

const values = (operator: Operator, x: Node): readonly number[] => operator.known(x, 'its input');

/** Elements of `x` by a rule for positions: `from` turns those of the result into those of the input. */
function picked(
  operator: Operator,
  x: Node,
  shape: readonly number[],
  from: (at: number[]) => readonly number[],
): Node {
  const data = values(operator, x);
  const at = shape.map(() => 0);
  const result = Array.from({ length: checked(operator, sizeOf(shape), sizeOf(shape)) }, () => {
    const place = from(at).reduce((flat, index, axis) => flat * x.shape[axis]! + index, 0);
    for (let axis = shape.length - 1; axis >= 0 && ++at[axis]! === shape[axis]; axis--) at[axis] = 0;
    return data[place]!;
  });
  return made(operator, result, shape);
}

const shapeOf: Rule = (operator) => {
  operator.arity(1);
  const start = operator.opset < 15 ? 0 : operator.int('start', 0);
  const end = operator.opset < 15 || !operator.has('end') ? undefined : operator.int('end', 0);
  return ([x]) => {
    const part = x!.shape.slice(start, end);
    return made(operator, part, [part.length]);
  };
};

const gather: Rule = (operator) => {
  operator.arity(2);
  const given = operator.int('axis', 0);
  return ([x, indices]) => {
    const [axis] = operator.axes([given], x!.shape.length) as [number];
    const size = x!.shape[axis]!;
    const chosen = operator.known(indices!, 'its indices').map((i) => (i < 0 ? i + size : i));
    if (!chosen.every((i) => i >= 0 && i < size))
      operator.misfit('its indices', `below ${size}`, chosen.join(', '));
    const rank = indices!.shape.length;
    const shape = [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)];
    return picked(operator, x!, shape, (at) => {
      const index = at.slice(axis, axis + rank).reduce((flat, i, d) => flat * indices!.shape[d]! + i, 0);
      return [...at.slice(0, axis), chosen[index]!, ...at.slice(axis + rank)];
    });
  };
};

const concat: Rule = (operator) => {
  operator.arity(1, 1000);
  operator.only('axis', 0);
  return (inputs) => {
    const parts = (inputs as readonly Node[]).map((part) => {
      if (part.shape.length !== 1) operator.misfit('its inputs', 'lists', `${part.shape.length} dimensions`);
      return values(operator, part);
    });
    const all = parts.flat();
    return made(operator, all, [all.length]);
  };
};

const slice: Rule = (operator) => {
  const rangesOf = ends(operator);
  return (inputs) =>
    rangesOf(inputs).reduce((x, { axis, start, length, step }) => {
      const shape = x.shape.map((size, i) => (i === axis ? length : size));
      return picked(operator, x, shape, (at) =>
        at.map((index, i) => (i === axis ? start + step * index : index)),
      );
    }, inputs[0]!);
};

const transpose: Rule = (operator) => {
  operator.arity(1);
  const perm = operator.ints('perm');
  return ([x]) => {
    const rank = x!.shape.length;
    const axes = operator.axes(perm ?? x!.shape.map((_, i) => rank - 1 - i), rank);
    if (axes.length !== rank) operator.misfit('its axes', `${rank} of them`, String(axes.length));
    return picked(
      operator,
      x!,
      axes.map((axis) => x!.shape[axis]!),
      (at) => axes.map((_, axis) => at[axes.indexOf(axis)]!),
    );
  };
};

const arithmetic =
  (apply: (a: number, b: number) => number): Rule =>
  (operator) => {
    operator.arity(2);
    return ([a, b]) => {
      const [left, right] = [values(operator, a!), values(operator, b!)];
      // Lists of one length, or one number beside a list: more is never needed for shapes.
      if (left.length !== right.length && left.length !== 1 && right.length !== 1)
        operator.misfit('its inputs', 'lists of one length', `${left.length} and ${right.length} numbers`);
      const shape = (left.length >= right.length ? a! : b!).shape;
      const result = Array.from({ length: sizeOf(shape) }, (_, i) =>
        apply(left[left.length === 1 ? 0 : i]!, right[right.length === 1 ? 0 : i]!),
      );
      if (!result.every((value) => Math.abs(value) < 2 ** 31))
        operator.misfit('its result', 'numbers of 32 bits', result.join(', '));
      return made(operator, result, shape);
    };
  };

const constantOfShape: Rule = (operator) => {
  operator.arity(1);
  const value = operator.tensor('value')?.data[0] ?? 0;
  return ([shape]) => {
    const sizes = operator.known(shape!, 'its shape');
    const count = checked(operator, sizeOf(sizes), sizeOf(sizes));
    if (sizes.some((size) => size < 0)) operator.misfit('its shape', 'sizes of at least 0', sizes.join(', '));
    return made(
      operator,
      Array.from({ length: count }, () => value),
      sizes,
    );
  };
};

const reshape =
  (find: typeof newShape): Rule =>
  (operator) => {
    const shape = find(operator);
    return (inputs) => made(operator, values(operator, inputs[0]!), shape(inputs));
  };

const same: Rule = (operator) => {
  operator.arity(1);
  operator.ignore('to', 'saturate', 'round_mode');
  if (operator.inputKinds[0] !== 'integer')
    operator.refuse('its input', 'whole numbers', 'floating-point numbers');
  return ([x]) => x!;
};

export const integers: Readonly<Record<string, Rule>> = {
  Shape: shapeOf,
  Gather: gather,
  Concat: concat,
  Slice: slice,
  Transpose: transpose,
  Reshape: reshape(newShape),
  Squeeze: reshape(squeezed),
  Unsqueeze: reshape(unsqueezed),
  Add: arithmetic((a, b) => a + b),
  Sub: arithmetic((a, b) => a - b),
  Mul: arithmetic((a, b) => a * b),
  Div: arithmetic((a, b) => (b === 0 ? Number.NaN : Math.trunc(a / b))),
  Equal: arithmetic((a, b) => (a === b ? 1 : 0)),
  ConstantOfShape: constantOfShape,
  Cast: same,
  Identity: same,
};
