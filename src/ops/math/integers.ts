import { hostLeaf, type Node } from '../../graph/node.js';
import type { Spec } from '../../graph/types.js';
import {
  broadcast,
  define,
  type NodeMaker,
  naming,
  need,
  normalizeAxes,
  normalizeAxis,
} from '../operation.js';

/*
 * Arithmetic of int32 tensors, modulo 2^32 and without a gradient. The functions of the same names on floating-point
 * values pass integers on to these.
 */

/** What is computed of two integers. Comparisons give 1 or 0 as float32, as those of other values. */
export type IntegerKind = 'add' | 'sub' | 'mul' | 'maximum' | 'minimum' | IntegerComparison;
export type IntegerComparison = 'equal' | 'less';

export const isIntegerComparison = (kind: unknown): kind is IntegerComparison =>
  kind === 'equal' || kind === 'less';
/** What is computed of all integers along axes. */
export type IntegerFold = 'sum' | 'max' | 'min';

/** Whether all inputs are integers. */
export const areIntegers = (...inputs: readonly Spec[]): boolean =>
  inputs.every(({ dtype }) => dtype === 'int32');

function needIntegers(...inputs: readonly Spec[]): void {
  for (const { dtype } of inputs) need(dtype === 'int32', 'inputs of type int32', dtype);
}

const integerOp: NodeMaker<{ kind: IntegerKind }> = define<{ kind: IntegerKind }>({
  name: 'integer',
  infer: ([a, b], { kind }) => {
    needIntegers(a!, b!);
    const dtype = isIntegerComparison(kind) ? 'float32' : 'int32';
    return { shape: broadcast(a!.shape, b!.shape), dtype };
  },
});

/** The sum, difference, product, maximum, minimum or comparison of two integers, which broadcast. */
export const integer = (kind: IntegerKind, a: Node, b: Node): Node =>
  naming(kind, [a, b], () => integerOp([a, b], { kind }));

const whole = (value: number): Node => hostLeaf(Int32Array.of(value), [], 'int32');

/**
 * scale · x + shift of integers.
 * @param name the operation that errors name
 */
export function integerAffine(name: string, x: Node, scale: number, shift: number): Node {
  naming(name, [x], () => {
    for (const value of [scale, shift])
      need(
        (value | 0) === value,
        'an integer, for an int32 tensor',
        () => String(value),
        'convert the tensor with toFloat() first',
      );
  });
  const scaled = scale === 1 ? x : integer('mul', x, whole(scale));
  return shift === 0 ? scaled : integer('add', scaled, whole(shift));
}

type Reduction = { readonly kind: IntegerFold; readonly axes: readonly number[]; readonly keepDims: boolean };
const reduceOp: NodeMaker<Reduction> = define<Reduction>({
  name: 'integerReduce',
  infer: ([x], { kind, axes, keepDims }) => {
    needIntegers(x!);
    const { shape } = x!;
    need(
      kind === 'sum' || axes.every((axis) => shape[axis]! > 0),
      'at least 1 element for each result',
      shape,
    );
    const kept = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    return { shape: keepDims ? kept : kept.filter((_, axis) => !axes.includes(axis)), dtype: 'int32' };
  },
});

/** The sum, maximum or minimum of integers over axes (all by default). */
export function integerReduce(
  kind: IntegerFold,
  x: Node,
  axes: readonly number[] = x.shape.map((_, axis) => axis),
  keepDims = false,
): Node {
  const normal = normalizeAxes(kind, x, axes).sort((a, b) => a - b);
  return reduceOp([x], { kind, axes: normal, keepDims });
}

type Along = { readonly axis: number; readonly reverse: boolean };
const cumsumOp: NodeMaker<Along> = define<Along>({
  name: 'integerCumsum',
  infer: ([x]) => {
    needIntegers(x!);
    return { shape: x!.shape, dtype: 'int32' };
  },
});
/** Sums of integers up to and including each position of an axis, or from each position on. */
export const integerCumsum = (x: Node, axis: number, reverse = false): Node =>
  cumsumOp([x], { axis: normalizeAxis('cumsum', x, axis), reverse });
