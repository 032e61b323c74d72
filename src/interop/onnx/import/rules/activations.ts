import { type Node, scalarLeaf } from '../../../../graph/node.js';
import * as ops from '../../../../ops/index.js';
import type { Operator, Rule } from '../operator.js';

const affine = (x: Node, scale: number, shift: number): Node => ops.affine(x, { scale, shift });

/** Rule of an activation with numeric attributes, given with their defaults. */
const activation =
  <K extends string>(
    defaults: Readonly<Record<K, number>>,
    apply: (x: Node, numbers: Readonly<Record<K, number>>) => Node,
  ): Rule =>
  (operator) => {
    operator.arity(1);
    const numbers = Object.fromEntries(
      Object.entries<number>(defaults).map(([name, value]) => [name, operator.float(name, value)]),
    ) as Record<K, number>;
    return ([x]) => apply(x!, numbers);
  };

/** scale · (e^min(x, 0) − 1): the negative part of the exponential activations. */
const below = (x: Node, scale: number): Node => affine(ops.exp(ops.neg(ops.relu(ops.neg(x)))), scale, -scale);

const hardSigmoid = (x: Node, alpha: number, beta: number): Node =>
  Math.fround(alpha) === Math.fround(1 / 6) && beta === 0.5
    ? ops.hardsigmoid(x)
    : ops.hardtanh(affine(x, alpha, beta), 0, 1);

const gelu: Rule = (operator) => {
  operator.arity(1);
  const tanh = operator.word('approximate', ['none', 'tanh']) === 'tanh';
  return ([x]) => ops.gelu(x!, tanh ? 'tanh' : 'none');
};

/** Slopes per channel; in opset 6 a list of slopes belongs to the second dimension. */
const prelu: Rule = (operator: Operator) => {
  operator.arity(2);
  return ([x, slope]) => {
    const channels = operator.opset < 7 && slope!.shape.length === 1 && slope!.shape[0]! > 1;
    const wide = channels
      ? ops.reshape(slope!, [slope!.shape[0]!, ...x!.shape.slice(2).map(() => 1)])
      : slope!;
    return ops.sub(ops.relu(x!), ops.mul(wide, ops.relu(ops.neg(x!))));
  };
};

export const activations: Readonly<Record<string, Rule>> = {
  LeakyRelu: activation({ alpha: 0.01 }, (x, { alpha }) => ops.leakyRelu(x, alpha)),
  PRelu: prelu,
  ThresholdedRelu: activation({ alpha: 1 }, (x, { alpha }) =>
    ops.where(ops.less(scalarLeaf(alpha), x), x, scalarLeaf(0)),
  ),
  Elu: activation({ alpha: 1 }, (x, { alpha }) => ops.elu(x, alpha)),
  Celu: activation({ alpha: 1 }, (x, { alpha }) =>
    ops.add(ops.relu(x), below(affine(x, 1 / alpha, 0), alpha)),
  ),
  Selu: activation({ alpha: 1.6732632423543772, gamma: 1.0507009873554805 }, (x, { alpha, gamma }) =>
    ops.add(affine(ops.relu(x), gamma, 0), below(x, alpha * gamma)),
  ),
  Swish: activation({ alpha: 1 }, (x, { alpha }) => ops.mul(x, ops.sigmoid(affine(x, alpha, 0)))),
  HardSigmoid: activation({ alpha: 0.2, beta: 0.5 }, (x, { alpha, beta }) => hardSigmoid(x, alpha, beta)),
  Mish: activation({}, (x) => ops.mish(x)),
  Softsign: activation({}, (x) => ops.div(x, affine(ops.abs(x), 1, 1))),
  Shrink: activation({ lambd: 0.5, bias: 0 }, (x, { lambd, bias }) => {
    const upper = ops.where(ops.less(scalarLeaf(lambd), x), affine(x, 1, -bias), scalarLeaf(0));
    return ops.where(ops.less(x, scalarLeaf(-lambd)), affine(x, 1, bias), upper);
  }),
  Gelu: gelu,
};
