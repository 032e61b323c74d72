import { hostLeaf, type Node, scalarLeaf } from '../../../../graph/node.js';
import { sizeOf } from '../../../../graph/types.js';
import * as ops from '../../../../ops/index.js';
import { UNARY } from '../../unary.js';
import { MOST_KNOWN } from '../fold.js';
import { narrowed } from '../narrow-types.js';
import type { Operator, Rule } from '../operator.js';
import { checkSize } from '../refuse.js';
import { asFloat } from './masks.js';

const unary =
  (apply: (x: Node) => Node): Rule =>
  (operator) => {
    operator.arity(1);
    return ([x]) => apply(x!);
  };

/** The value of a one-element constant that broadcasts to the shape of the other operand; undefined otherwise. */
function scalar(x: Node, other: Node): number | undefined {
  const constant = x.source?.kind === 'host' && sizeOf(x.shape) === 1 && x.shape.length <= other.shape.length;
  return constant && x.source?.kind === 'host' ? x.source.data[0] : undefined;
}

const affine = (x: Node, scale: number, shift: number): Node => ops.affine(x, { scale, shift });

/** @param left used if the first operand is a constant @param right used if the second one is */
const binary =
  (
    apply: (a: Node, b: Node) => Node,
    left: (a: number, b: Node) => Node | undefined,
    right: (a: Node, b: number) => Node | undefined,
  ): Rule =>
  (operator) => {
    operator.arity(2);
    return ([a, b]) => {
      const [first, second] = [scalar(a!, b!), scalar(b!, a!)];
      return (
        (second === undefined ? undefined : right(a!, second)) ??
        (first === undefined ? undefined : left(first, b!)) ??
        apply(a!, b!)
      );
    };
  };

const softmax =
  (apply: (x: Node, axis: number) => Node): Rule =>
  (operator) => {
    operator.arity(1);
    const axis = operator.int('axis', operator.opset < 13 ? 1 : -1);
    if (operator.opset >= 13) return ([x]) => apply(x!, operator.axes([axis], x!.shape.length)[0]!);
    // Before opset 13, softmax flattens all dimensions from the axis on.
    return ([x]) => {
      const { shape } = x!;
      const from = operator.axes([axis], shape.length)[0]!;
      const flat = ops.reshape(x!, [sizeOf(shape.slice(0, from)), sizeOf(shape.slice(from))]);
      return ops.reshape(apply(flat, 1), shape);
    };
  };

const pow: Rule = (operator) => {
  operator.arity(2);
  return ([x, exponent]) => {
    const value = scalar(exponent!, x!);
    if (value === undefined) return ops.power(asFloat(x!), asFloat(exponent!));
    return value === 2 ? ops.square(x!) : value === 0.5 ? ops.sqrt(x!) : ops.pow(x!, { exponent: value });
  };
};

/** A bound of Clip; undefined if it is missing or the largest float, which has no effect. */
const clip: Rule = (operator) => {
  operator.arity(1, operator.opset < 11 ? 1 : 3);
  const most = 3.4028234663852886e38;
  const fixed: readonly number[] | undefined =
    operator.opset < 11 ? [operator.float('min', -most), operator.float('max', most)] : undefined;
  return ([x, low, high]) => {
    const bound = (value: Node | undefined, otherwise: number) => {
      if (!value) return otherwise;
      const [number, ...more] = operator.known(value, 'its bounds');
      if (number === undefined || more.length > 0 || Number.isNaN(number))
        operator.misfit(
          'its bounds',
          'one number each',
          value.shape.length ? `[${value.shape}]` : String(number),
        );
      return number;
    };
    const [min, max] = (fixed ?? [bound(low, -most), bound(high, most)]) as [number, number];
    if (min <= -most) return max >= most ? x! : ops.minimum(x!, scalarLeaf(max));
    if (max >= most) return min === 0 ? ops.relu(x!) : ops.maximum(x!, scalarLeaf(min));
    return ops.clamp(x!, { min, max });
  };
};

const many =
  (apply: (a: Node, b: Node) => Node): Rule =>
  (operator: Operator) => {
    operator.arity(1, 1000);
    return (inputs) => (inputs as readonly Node[]).reduce((total, x) => apply(total, x));
  };

const mean: Rule = (operator) => {
  const kernel = many(ops.add)(operator);
  return (inputs, training) => ops.scaleBy(kernel(inputs, training), 1 / inputs.length);
};

/** Rounds to the nearest integer, ties to even. */
const round = (x: Node): Node => {
  const down = ops.floor(x);
  const rest = ops.sub(x, down);
  const odd = ops.sub(down, affine(ops.floor(affine(down, 0.5, 0)), 2, 0));
  const up = ops.add(ops.less(scalarLeaf(0.5), rest), ops.mul(ops.equal(rest, scalarLeaf(0.5)), odd));
  return ops.add(down, up);
};

/** Floating-point types are computed as float32; casts to 16-bit types round the values. */
const cast: Rule = (operator) => {
  operator.arity(1, operator.type === 'CastLike' ? 2 : 1);
  const to = operator.int('to', operator.inputTypes[1]?.type ?? 1);
  operator.ignore('saturate', 'round_mode');
  const rounds = to !== operator.inputTypes[0]?.type;
  return ([x]) => {
    if (x!.dtype === 'int32' && operator.inputKinds[0] === 'integer')
      return hostLeaf(Float32Array.from(operator.known(x!, 'its input')), x!.shape, 'float32');
    return rounds ? narrowed(asFloat(x!), to) : asFloat(x!);
  };
};

const constantOfShape: Rule = (operator) => {
  operator.arity(1);
  const value = operator.tensor('value')?.data[0] ?? 0;
  return ([shape]) => {
    const sizes = operator.known(shape!, 'its shape');
    if (sizes.length > 16 || sizes.some((d) => d < 0))
      operator.misfit('its shape', 'at most 16 sizes of at least 0', sizes.slice(0, 20).join(', '));
    checkSize(sizes);
    return ops.broadcastTo(scalarLeaf(value), sizes);
  };
};

const range: Rule = (operator) => {
  operator.arity(3);
  return (inputs) => {
    const [start, limit, step] = (inputs as readonly Node[]).map((x) => operator.known(x, 'its ends')[0]!);
    const count = Math.max(0, Math.ceil((limit! - start!) / step!));
    if (!(count >= 1 && count <= MOST_KNOWN))
      operator.misfit('its ends', `from 1 to ${MOST_KNOWN} numbers`, String(count));
    return hostLeaf(
      Float32Array.from({ length: count }, (_, i) => start! + i * step!),
      [count],
      'float32',
    );
  };
};

const none = () => undefined;

export const elementwise: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(UNARY.map(({ type, apply }) => [type, unary(apply)])),
  Clip: clip,
  Softmax: softmax(ops.softmax),
  LogSoftmax: softmax(ops.logSoftmax),
  Add: binary(
    ops.add,
    (a, b) => affine(b, 1, a),
    (a, b) => affine(a, 1, b),
  ),
  Sub: binary(
    ops.sub,
    (a, b) => affine(b, -1, a),
    (a, b) => affine(a, 1, -b),
  ),
  Mul: binary(
    ops.mul,
    (a, b) => affine(b, a, 0),
    (a, b) => affine(a, b, 0),
  ),
  Div: binary(ops.div, none, none),
  Sum: many(ops.add),
  Max: many(ops.maximum),
  Min: many(ops.minimum),
  Mean: mean,
  Pow: pow,
  Ceil: unary((x) => ops.neg(ops.floor(ops.neg(x)))),
  Round: unary(round),
  Sin: unary(ops.sin),
  Cos: unary(ops.cos),
  Reciprocal: unary((x) => ops.div(scalarLeaf(1), x)),
  Cast: cast,
  CastLike: cast,
  ConstantOfShape: constantOfShape,
  Range: range,
};
