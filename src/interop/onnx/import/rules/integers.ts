import { hostLeaf, type Node } from '../../../../graph/node.js';
import { showShape, sizeOf } from '../../../../graph/types.js';
import * as ops from '../../../../ops/index.js';
import { folded, MOST_KNOWN } from '../fold.js';
import type { Inputs, Kernel, Operator, Rule } from '../operator.js';
import { moves } from './moves.js';
import { reduction } from './reductions.js';
import { scatters } from './scatters.js';
import { shapes } from './shapes.js';

/*
 * Integers and booleans, with which exporters compute shapes for a free batch size, indices and masks. They are known
 * when the graph is built, so these rules compute them immediately; nothing runs on the device.
 */

function made(operator: Operator, values: readonly number[], shape: readonly number[]): Node {
  return hostLeaf(Int32Array.from(checked(operator, sizeOf(shape), values)), shape, 'int32');
}

function checked<T>(operator: Operator, count: number, value: T): T {
  if (!(count <= MOST_KNOWN))
    operator.misfit('whole numbers', `at most ${MOST_KNOWN} of them`, String(count));
  return value;
}

const values = (operator: Operator, x: Node): readonly number[] => operator.known(x, 'its input');

/** Applies a rule for floats to integers, immediately: for operators that only move elements. */
const atOnce =
  (rule: Rule): Rule =>
  (operator) => {
    const kernel = rule(operator);
    return (inputs) => {
      const y = kernel(inputs, false);
      const data = checked(operator, sizeOf(y.shape), folded(y));
      if (!data) return operator.misfit('its inputs', 'values that do not depend on the images', 'others');
      return hostLeaf(Int32Array.from(data), y.shape, 'int32');
    };
  };

const shapeOf: Rule = (operator) => {
  operator.arity(1);
  const start = operator.opset < 15 ? 0 : operator.int('start', 0);
  const end = operator.opset < 15 || !operator.has('end') ? undefined : operator.int('end', 0);
  return ([x]) => {
    const part = x!.shape.slice(start, end);
    return made(operator, part, [part.length]);
  };
};

const size: Rule = (operator) => {
  operator.arity(1);
  return ([x]) => made(operator, [fitting(operator, sizeOf(x!.shape))], []);
};

/** Bits of the integer types that wrap around, by `TensorProto.DataType`; other types must fit in 32 bits. */
const WRAPS: Readonly<Record<number, (value: number) => number>> = {
  2: (v) => v & 255,
  3: (v) => (v << 24) >> 24,
  4: (v) => v & 65535,
  5: (v) => (v << 16) >> 16,
  6: (v) => v | 0,
};

/** Converts a result to its type: wraps around, or checks that it fits. */
function fitting(operator: Operator, value: number, type = operator.inputTypes[0]?.type ?? 7): number {
  const unsigned = type === 12 || type === 13;
  if (Number.isSafeInteger(value)) {
    const wrap = WRAPS[type];
    if (wrap) return wrap(value);
    if (value >= (unsigned ? 0 : -(2 ** 31)) && value < 2 ** 31) return value;
  }
  return operator.misfit('its result', 'whole numbers of 32 bits', String(value));
}

/** Applies a function elementwise to both operands, with NumPy broadcasting. */
function together(
  operator: Operator,
  inputs: readonly Node[],
): { shape: readonly number[]; lists: number[][] } {
  const rank = Math.max(...inputs.map((x) => x.shape.length));
  const shape = Array.from({ length: rank }, (_, i) => {
    const sizes = inputs.map((x) => x.shape[i - rank + x.shape.length] ?? 1);
    const full = sizes.find((d) => d !== 1) ?? 1;
    if (sizes.some((d) => d !== 1 && d !== full))
      operator.misfit(
        'its inputs',
        'shapes that broadcast together',
        inputs.map((x) => showShape(x.shape)).join(', '),
      );
    return full;
  });
  checked(operator, sizeOf(shape), shape);
  const lists = inputs.map((x) => [...values(operator, ops.broadcastTo(x, shape))]);
  return { shape, lists };
}

const elementwise =
  (apply: (...values: number[]) => number, [least, most]: readonly [number, number], truth = false): Rule =>
  (operator) => {
    operator.arity(least, most);
    return (inputs) => {
      const { shape, lists } = together(operator, inputs as readonly Node[]);
      const result = lists[0]!.map((_, i) => {
        const value = apply(...lists.map((list) => list[i]!));
        return truth ? value : fitting(operator, value);
      });
      return made(operator, result, shape);
    };
  };

const two = [2, 2] as const;
const arithmetic = (apply: (a: number, b: number) => number): Rule => elementwise(apply, two);
const truth = (apply: (a: number, b: number) => boolean): Rule =>
  elementwise((a, b) => (apply(a!, b!) ? 1 : 0), two, true);
const many = (apply: (...values: number[]) => number): Rule => elementwise(apply, [1, 1000]);
const unary = (apply: (x: number) => number): Rule => elementwise(apply, [1, 1]);

/** The remainder has the sign of the divisor, or with `fmod` that of the dividend. */
const mod: Rule = (operator) => {
  const fmod = operator.int('fmod', 0) !== 0;
  return arithmetic((a, b) => (b === 0 ? Number.NaN : fmod ? a % b : a - b * Math.floor(a / b)))(operator);
};

const shift: Rule = (operator) => {
  const left = operator.word('direction', ['LEFT', 'RIGHT']) === 'LEFT';
  if (!operator.has('direction')) operator.refuse('attribute "direction"', 'LEFT or RIGHT', 'none');
  return arithmetic((a, b) => (b < 0 ? Number.NaN : left ? a * 2 ** b : Math.floor(a / 2 ** b)))(operator);
};

const clip: Rule = (operator) => {
  operator.arity(1, 3);
  return ([x, low, high]) => {
    const bound = (node: Node | undefined, otherwise: number) =>
      node ? operator.known(node, 'its bounds')[0]! : otherwise;
    const [min, max] = [bound(low, -Infinity), bound(high, Infinity)];
    return made(
      operator,
      values(operator, x!).map((v) => Math.min(max, Math.max(min, v))),
      x!.shape,
    );
  };
};

const range: Rule = (operator) => {
  operator.arity(3);
  return (inputs) => {
    const [start, limit, step] = (inputs as readonly Node[]).map((x) => values(operator, x)[0]!);
    const count = Math.max(0, Math.ceil((limit! - start!) / step!));
    return made(
      operator,
      Array.from({ length: checked(operator, count, count) }, (_, i) => start! + i * step!),
      [count],
    );
  };
};

const constantOfShape: Rule = (operator) => {
  operator.arity(1);
  const value = operator.tensor('value')?.data[0] ?? 0;
  return ([shape]) => {
    const sizes = operator.known(shape!, 'its shape');
    const count = checked(operator, sizeOf(sizes), sizeOf(sizes));
    if (sizes.some((d) => d < 0)) operator.misfit('its shape', 'sizes of at least 0', sizes.join(', '));
    return made(operator, new Array(count).fill(value), sizes);
  };
};

/** NonZero: indices of the elements that are not 0, shape [rank, count]. */
const nonZero: Rule = (operator) => {
  operator.arity(1);
  return ([x]) => {
    const found = values(operator, x!).flatMap((v, i) => (v === 0 ? [] : [i]));
    const { shape } = x!;
    const places = shape.map((d, axis) => {
      const inner = sizeOf(shape.slice(axis + 1));
      return found.map((i) => Math.floor(i / inner) % d);
    });
    return made(operator, places.flat(), [shape.length, found.length]);
  };
};

/** Cast between integer types. */
const cast: Rule = (operator) => {
  operator.arity(1, operator.type === 'CastLike' ? 2 : 1);
  const to = operator.int('to', operator.inputTypes[1]?.type ?? 7);
  operator.ignore('saturate', 'round_mode');
  return ([x]) =>
    made(
      operator,
      values(operator, x!).map((v) => (to === 9 ? Number(v !== 0) : fitting(operator, v, to))),
      x!.shape,
    );
};

/** Reductions in float64, in which sums of integers are exact. */
const reduced = (
  apply: (x: Node, axes: readonly number[], keepDims: boolean) => Node,
  since: number,
): Rule => {
  const rule = reduction((x, axes, keepDims) => apply(ops.cast(x, 'float64'), axes, keepDims), since);
  return (operator) => {
    const kernel: Kernel = rule(operator);
    return (inputs: Inputs) => {
      const y = kernel(inputs, false);
      const list = operator.known(y.dtype === 'int32' ? ops.cast(y, 'float64') : y, 'its input');
      return made(
        operator,
        list.map((v) => fitting(operator, v)),
        y.shape,
      );
    };
  };
};

const moved = Object.fromEntries(
  Object.entries({ ...shapes, ...moves, ...scatters }).map(([type, rule]) => [type, atOnce(rule)]),
);

export const integers: Readonly<Record<string, Rule>> = {
  ...moved,
  Shape: shapeOf,
  Size: size,
  Add: arithmetic((a, b) => a + b),
  Sub: arithmetic((a, b) => a - b),
  Mul: arithmetic((a, b) => a * b),
  Div: arithmetic((a, b) => (b === 0 ? Number.NaN : Math.trunc(a / b))),
  Mod: mod,
  Pow: arithmetic((a, b) => (b < 0 ? Number.NaN : a ** b)),
  Sum: many((...list) => list.reduce((a, b) => a + b, 0)),
  Max: many(Math.max),
  Min: many(Math.min),
  Neg: unary((x) => -x),
  Abs: unary(Math.abs),
  Sign: unary(Math.sign),
  BitShift: shift,
  BitwiseAnd: arithmetic((a, b) => a & b),
  BitwiseOr: arithmetic((a, b) => a | b),
  BitwiseXor: arithmetic((a, b) => a ^ b),
  BitwiseNot: unary((x) => ~x),
  Equal: truth((a, b) => a === b),
  Less: truth((a, b) => a < b),
  LessOrEqual: truth((a, b) => a <= b),
  Greater: truth((a, b) => a > b),
  GreaterOrEqual: truth((a, b) => a >= b),
  And: truth((a, b) => a !== 0 && b !== 0),
  Or: truth((a, b) => a !== 0 || b !== 0),
  Xor: truth((a, b) => (a !== 0) !== (b !== 0)),
  Not: elementwise((x) => (x === 0 ? 1 : 0), [1, 1], true),
  Clip: clip,
  Range: range,
  ConstantOfShape: constantOfShape,
  NonZero: nonZero,
  ReduceSum: reduced(ops.sum, 13),
  ReduceMax: reduced(ops.max, 18),
  ReduceMin: reduced((x, axes, keep) => ops.neg(ops.max(ops.neg(x), axes, keep)), 18),
  ReduceProd: reduced(ops.prod, 18),
  ReduceL1: reduced((x, axes, keep) => ops.sum(ops.abs(x), axes, keep), 18),
  ReduceSumSquare: reduced((x, axes, keep) => ops.sum(ops.square(x), axes, keep), 18),
  Cast: cast,
  CastLike: cast,
};
