import type { Node } from '../graph/node.js';
import { broadcast, define, floatOf } from './operation.js';
import { sumTo } from './reduce.js';
import { neg, square } from './unary.js';

type BinaryGradient = (a: Node, b: Node, y: Node, grad: Node) => [Node, Node] | [null, null];

/** An elementwise operation on two tensors with NumPy's broadcasting. */
type Binary = (a: Node, b: Node) => Node;

function binary(name: string, gradient: BinaryGradient): Binary {
  const apply = define({
    name,
    infer: ([a, b]) => ({ shape: broadcast(a!.shape, b!.shape), dtype: floatOf(a, b) }),
    gradient: (node, grad) => {
      const [a, b] = node.inputs as [Node, Node];
      const [da, db] = gradient(a, b, node, grad);
      return [da && sumTo(da, a.shape), db && sumTo(db, b.shape)];
    },
  });
  return (a: Node, b: Node): Node => apply([a, b], {});
}

export const add: Binary = binary('add', (_a, _b, _y, grad) => [grad, grad]);
export const sub: Binary = binary('sub', (_a, _b, _y, grad) => [grad, neg(grad)]);
export const mul: Binary = binary('mul', (a, b, _y, grad) => [mul(grad, b), mul(grad, a)]);
export const div: Binary = binary('div', (a, b, _y, grad) => [
  div(grad, b),
  neg(div(mul(grad, a), square(b))),
]);
/** 1 where a equals b, else 0. No gradient. */
export const equal: Binary = binary('equal', () => [null, null]);
