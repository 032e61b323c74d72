import type { Node } from '../../../../graph/node.js';
import { sizeOf } from '../../../../graph/types.js';
import * as ops from '../../../../ops/index.js';
import type { Operator, Rule } from '../operator.js';

const unary =
  (apply: (x: Node) => Node): Rule =>
  (operator) => {
    operator.arity(1);
    return ([x]) => apply(x!);
  };

/** A constant of one element that broadcasts to the other operand without changing its shape. */
function scalar(x: Node, other: Node): number | undefined {
  const constant = x.source?.kind === 'host' && sizeOf(x.shape) === 1 && x.shape.length <= other.shape.length;
  return constant && x.source?.kind === 'host' ? x.source.data[0] : undefined;
}

const affine = (x: Node, scale: number, shift: number): Node => ops.affine(x, { scale, shift });

/** @param left with the first operand constant @param right with the second one constant */
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
    // Before opset 13 it took all dimensions from the axis on as one.
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
    const values = operator.known(exponent!, 'its exponent');
    if (values.length !== 1) operator.misfit('its exponent', 'one number', `${values.length}`);
    const value = values[0]!;
    return value === 2 ? ops.square(x!) : value === 0.5 ? ops.sqrt(x!) : ops.pow(x!, { exponent: value });
  };
};

/** Only what a rectifier is: our operations have no upper bound. */
const clip: Rule = (operator) => {
  operator.arity(1, operator.opset < 11 ? 1 : 3);
  const most = 3.4028234663852886e38;
  const fixed: readonly number[] | undefined =
    operator.opset < 11 ? [operator.float('min', -most), operator.float('max', most)] : undefined;
  return ([x, low, high]) => {
    const bound = (value: Node | undefined, otherwise: number) =>
      value ? operator.known(value, 'its bounds')[0]! : otherwise;
    const [min, max] = fixed ?? [bound(low, -most), bound(high, most)];
    if (min !== 0 || max! < most) operator.misfit('its bounds', '0 and no upper bound', `${min} and ${max}`);
    return ops.relu(x!);
  };
};

const prelu: Rule = (operator) => {
  operator.arity(2);
  return ([x, slope]) => ops.sub(ops.relu(x!), ops.mul(slope!, ops.relu(ops.neg(x!))));
};

const sum: Rule = (operator: Operator) => {
  operator.arity(1, 1000);
  return (inputs) => (inputs as readonly Node[]).reduce((total, x) => ops.add(total, x));
};

const none = () => undefined;

export const elementwise: Readonly<Record<string, Rule>> = {
  Relu: unary(ops.relu),
  LeakyRelu: (operator) => {
    operator.arity(1);
    const alpha = operator.float('alpha', 0.01);
    return ([x]) => ops.leakyRelu(x!, alpha);
  },
  PRelu: prelu,
  Clip: clip,
  Sigmoid: unary(ops.sigmoid),
  Tanh: unary(ops.tanh),
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
  Sum: sum,
  Pow: pow,
  Neg: unary(ops.neg),
  Exp: unary(ops.exp),
  Log: unary(ops.log),
  Sqrt: unary(ops.sqrt),
  Abs: unary(ops.abs),
  Identity: unary((x) => x),
};
