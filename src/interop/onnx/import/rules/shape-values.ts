import { sizeOf } from '../../../../graph/types.js';
import type { Inputs, Operator } from '../operator.js';

/* Shapes and ranges, for tensors on the device and for constant integers. */

/** Result shape of Reshape: 0 keeps a dimension unless `allowzero`, −1 is inferred. */
export function newShape(operator: Operator): (inputs: Inputs) => number[] {
  operator.arity(2);
  const allowZero = operator.opset >= 14 && operator.int('allowzero', 0) !== 0;
  return ([x, shape]) => {
    const from = x!.shape;
    const wanted = operator
      .known(shape!, 'its shape')
      .map((size, i) => (size === 0 && !allowZero ? (from[i] ?? 0) : size));
    const rest = wanted.filter((size) => size !== -1);
    const known = sizeOf(rest);
    const free = wanted.length - rest.length;
    const left = sizeOf(from) / known;
    if (free > 1 || rest.some((size) => size < 0) || (free === 1 ? !Number.isInteger(left) : left !== 1))
      operator.misfit(
        'its shape',
        `${sizeOf(from)} elements as [${from.join(', ')}]`,
        `[${wanted.slice(0, 16).join(', ')}]`,
      );
    return wanted.map((size) => (size === -1 ? left : size));
  };
}

export function squeezed(operator: Operator): (inputs: Inputs) => number[] {
  operator.arity(1, operator.opset < 13 ? 1 : 2);
  const axesOf = operator.list('axes', 13, 1);
  return (inputs) => {
    const { shape } = inputs[0]!;
    const given = axesOf(inputs);
    const axes = given && operator.axes(given, shape.length);
    const bad = axes?.find((axis) => shape[axis] !== 1);
    if (bad !== undefined) operator.misfit(`axis ${bad}`, 'a size of 1', String(shape[bad]));
    return shape.filter((size, i) => (axes ? !axes.includes(i) : size !== 1));
  };
}

export function unsqueezed(operator: Operator): (inputs: Inputs) => number[] {
  operator.arity(operator.opset < 13 ? 1 : 2);
  const axesOf = operator.list('axes', 13, 1);
  return (inputs) => {
    const { shape } = inputs[0]!;
    const given = axesOf(inputs) ?? operator.misfit('its axes', 'a list', 'none');
    if (given.length > 8) operator.misfit('its axes', 'at most 8', String(given.length));
    const rank = shape.length + given.length;
    const axes = new Set(operator.axes(given, rank));
    let next = 0;
    return Array.from({ length: rank }, (_, i) => (axes.has(i) ? 1 : shape[next++]!));
  };
}

/** The part of an axis that Slice selects: `length` elements, `step` apart. */
export interface Range {
  readonly axis: number;
  readonly start: number;
  readonly length: number;
  readonly step: number;
}

export function ends(operator: Operator): (inputs: Inputs) => Range[] {
  operator.arity(operator.opset < 10 ? 1 : 3, operator.opset < 10 ? 1 : 5);
  const starts = operator.list('starts', 10, 1);
  const stops = operator.list('ends', 10, 2);
  const axesOf = operator.list('axes', 10, 3);
  const stepsOf = operator.opset < 10 ? () => undefined : operator.list('steps', 10, 4);
  return (inputs) => {
    const { shape } = inputs[0]!;
    const from = starts(inputs) ?? [];
    const to = stops(inputs) ?? [];
    const axes = operator.axes(axesOf(inputs) ?? from.map((_, i) => i), shape.length);
    const steps = stepsOf(inputs) ?? axes.map(() => 1);
    if ([from, to, steps].some((list) => list.length !== axes.length) || steps.includes(0))
      operator.misfit(
        'its ends',
        `${axes.length} starts, ends and steps`,
        `${from.length}, ${to.length}, ${steps.length}`,
      );
    return axes.map((axis, i) => {
      const size = shape[axis]!;
      const step = steps[i]!;
      const clamp = (v: number) => {
        const counted = v < 0 ? v + size : v;
        return step > 0 ? Math.max(0, Math.min(size, counted)) : Math.max(-1, Math.min(size - 1, counted));
      };
      const start = clamp(from[i]!);
      return { axis, start, length: Math.max(0, Math.ceil((clamp(to[i]!) - start) / step)), step };
    });
  };
}
