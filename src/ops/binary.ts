import { type Node, scalarLeaf } from '../graph/node.js';
import { type Formula, f } from './formula.js';
import { areIntegers, type IntegerKind, integer } from './math/integers.js';
import { broadcast, define, floatOf } from './operation.js';
import { sumTo } from './reduce.js';
import { where } from './select.js';
import { log, neg, square } from './unary.js';

type BinaryGradient = (a: Node, b: Node, y: Node, grad: Node) => [Node, Node] | [null, null];

/** An elementwise operation on two tensors with NumPy's broadcasting. */
type Binary = (a: Node, b: Node) => Node;

function binary(
  name: string,
  formula: (a: Formula, b: Formula) => Formula,
  gradient: BinaryGradient,
  integers?: IntegerKind,
): Binary {
  const apply = define({
    name,
    infer: ([a, b]) => ({ shape: broadcast(a!.shape, b!.shape), dtype: floatOf(a, b) }),
    formula: ([a, b]) => formula(a!, b!),
    gradient: (node, grad) => {
      const [a, b] = node.inputs as [Node, Node];
      const [da, db] = gradient(a, b, node, grad);
      return [da && sumTo(da, a.shape), db && sumTo(db, b.shape)];
    },
  });
  return (a: Node, b: Node): Node =>
    integers && areIntegers(a, b) ? integer(integers, a, b) : apply([a, b], {});
}

export const add: Binary = binary('add', f.add, (_a, _b, _y, grad) => [grad, grad], 'add');
export const sub: Binary = binary('sub', f.sub, (_a, _b, _y, grad) => [grad, neg(grad)], 'sub');
export const mul: Binary = binary('mul', f.mul, (a, b, _y, grad) => [mul(grad, b), mul(grad, a)], 'mul');
export const div: Binary = binary('div', f.div, (a, b, _y, grad) => [
  div(grad, b),
  neg(div(mul(grad, a), square(b))),
]);
/** 1 where a equals b, else 0. No gradient. */
export const equal: Binary = binary('equal', f.equal, () => [null, null], 'equal');
/** 1 where a is less than b, else 0; 0 if either is NaN. No gradient. */
export const less: Binary = binary('less', f.less, () => [null, null], 'less');

/** The gradient of a maximum or minimum flows to the chosen input, or half to each if they are equal. */
const taken: BinaryGradient = (a, b, y, grad) => {
  const [first, second] = [equal(a, y), equal(b, y)];
  const both = add(first, second);
  return [mul(grad, div(first, both)), mul(grad, div(second, both))];
};
/** The larger of a and b; NaN if either is NaN. */
export const maximum: Binary = binary('maximum', f.max, taken, 'maximum');
/** The smaller of a and b; NaN if either is NaN. */
export const minimum: Binary = binary('minimum', f.min, taken, 'minimum');

/** y = a^b, with a tensor of exponents. At a = 0 the gradient with respect to b is 0, as in PyTorch. */
export const power: Binary = binary('power', f.pow, (a, b, y, grad) => {
  const lowered = mul(b, power(a, sub(b, scalarLeaf(1, b.dtype))));
  return [
    mul(grad, where(equal(b, scalarLeaf(0, b.dtype)), scalarLeaf(0, b.dtype), lowered)),
    mul(grad, where(equal(a, scalarLeaf(0, a.dtype)), scalarLeaf(0, a.dtype), mul(y, log(a)))),
  ];
});
