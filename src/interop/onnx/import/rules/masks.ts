import { type Node, scalarLeaf } from '../../../../graph/node.js';
import * as ops from '../../../../ops/index.js';
import type { Rule } from '../operator.js';
import { picks } from '../windows.js';
import { moves } from './moves.js';
import { topK } from './order.js';
import { scatters } from './scatters.js';
import { shapes } from './shapes.js';

/*
 * Booleans and indices computed on the device. Booleans are floats 0 and 1, indices are int32. Only exact operations
 * are supported, no arithmetic.
 */

/** Converts values of any kind to floats, to compare or count them. */
export const asFloat = (x: Node): Node => (x.dtype === 'int32' ? ops.cast(x, 'float32') : x);
/** 1 where a value is not 0, else 0. */
const asTruth = (x: Node): Node => not(ops.equal(asFloat(x), scalarLeaf(0)));
/** The largest float32. */
const LARGEST = 2 ** 128 - 2 ** 104;
const not = (x: Node): Node => ops.affine(x, { scale: -1, shift: 1 });

const compare =
  (apply: (a: Node, b: Node) => Node): Rule =>
  (operator) => {
    operator.arity(2);
    const { inputKinds } = operator;
    if (inputKinds.includes('integer') && inputKinds.includes('float'))
      operator.refuse('its inputs', 'numbers of one type', 'whole and floating-point ones');
    return ([a, b]) => (ops.areIntegers(a!, b!) ? apply(a!, b!) : apply(asFloat(a!), asFloat(b!)));
  };

const logic =
  (apply: (a: Node, b: Node) => Node): Rule =>
  (operator) => {
    operator.arity(2);
    return ([a, b]) => apply(asTruth(a!), asTruth(b!));
  };

const lessOrEqual = (a: Node, b: Node): Node => ops.add(ops.less(a, b), ops.equal(a, b));

const position =
  (sign: number): Rule =>
  (operator) => {
    operator.arity(1);
    const given = operator.int('axis', 0);
    const keepDims = operator.int('keepdims', 1) !== 0;
    const last = operator.opset >= 12 && operator.int('select_last_index', 0) !== 0;
    return ([x]) => {
      const axis = operator.axes([given], x!.shape.length)[0]!;
      const size = x!.shape[axis]!;
      const scores = sign < 0 ? ops.neg(x!) : x!;
      const backwards = last ? picks(scores, axis, size, (i) => size - 1 - i) : scores;
      const first = ops.argmax(backwards, axis);
      const found = last
        ? ops.cast(ops.affine(ops.cast(first, 'float32'), { scale: -1, shift: size - 1 }), 'int32')
        : first;
      return keepDims
        ? ops.reshape(
            found,
            x!.shape.map((d, i) => (i === axis ? 1 : d)),
          )
        : found;
    };
  };

const isInfinite: Rule = (operator) => {
  operator.arity(1);
  const [up, down] = [operator.int('detect_positive', 1) !== 0, operator.int('detect_negative', 1) !== 0];
  return ([x]) => {
    const above = ops.less(scalarLeaf(up ? LARGEST : Number.POSITIVE_INFINITY), x!);
    const below = ops.less(x!, scalarLeaf(down ? -LARGEST : Number.NEGATIVE_INFINITY));
    return ops.maximum(above, below);
  };
};

/** Cast that truncates fractions; only to types of at least 32 bits, since narrower ones would wrap around. */
const cast: Rule = (operator) => {
  operator.arity(1, operator.type === 'CastLike' ? 2 : 1);
  const to = operator.int('to', operator.inputTypes[1]?.type ?? 7);
  operator.ignore('saturate', 'round_mode');
  if (![6, 7, 9].includes(to))
    operator.refuse(
      'the type that it casts to',
      'bool, int32, int64 or floating-point numbers',
      `type ${to} of ONNX`,
      'export the model without quantisation',
    );
  return ([x]) => (to === 9 ? asTruth(x!) : x!.dtype === 'int32' ? x! : ops.cast(x!, 'int32'));
};

export const masks: Readonly<Record<string, Rule>> = {
  ...shapes,
  ...moves,
  ...scatters,
  Equal: compare(ops.equal),
  Less: compare(ops.less),
  LessOrEqual: compare(lessOrEqual),
  Greater: compare((a, b) => ops.less(b, a)),
  GreaterOrEqual: compare((a, b) => lessOrEqual(b, a)),
  And: logic(ops.mul),
  Or: logic(ops.maximum),
  Xor: logic((a, b) => not(ops.equal(a, b))),
  Not: (operator) => {
    operator.arity(1);
    return ([x]) => not(asTruth(x!));
  },
  IsNaN: (operator) => {
    operator.arity(1);
    return ([x]) => not(ops.equal(x!, x!));
  },
  IsInf: isInfinite,
  ArgMax: position(1),
  ArgMin: position(-1),
  TopK: topK,
  Cast: cast,
  CastLike: cast,
};
