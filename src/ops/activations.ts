import { type Node, scalarLeaf } from '../graph/node.js';
import { type Attrs, sameShape } from '../graph/types.js';
import { less, mul } from './binary.js';
import { type Formula, f } from './formula.js';
import { define, floatOf, type NodeMaker, need } from './operation.js';
import { where } from './select.js';
import { affine, type Unary } from './unary.js';

/**
 * An activation whose derivative is a function of its result y, so that training keeps no copy of the input and a
 * backend may fuse the activation into the operation before it.
 *
 * @param formula the result for an element x
 * @param gradFormula gradient with respect to x, given the gradient with respect to y, and y
 * @param slope derivative of `gradFormula` with respect to y; left out if the derivative is piecewise constant
 */
function activation<A extends Attrs = Record<never, never>>(
  name: string,
  formula: (x: Formula, attrs: A) => Formula,
  gradFormula: (grad: Formula, y: Formula, attrs: A) => Formula,
  slope?: (grad: Node, y: Node) => Node,
  numbers: readonly (keyof A & string)[] = [],
): Unary<A> {
  const backward: NodeMaker<A> = define<A>({
    name: `${name}Grad`,
    numbers,
    infer: ([grad, y]) => {
      need(sameShape(grad!.shape, y!.shape), 'a gradient of the result’s shape', grad!.shape);
      return { shape: y!.shape, dtype: floatOf(grad, y) };
    },
    formula: ([grad, y], attrs) => gradFormula(grad!, y!, attrs),
    gradient: (node, u) => {
      const [grad, y] = node.inputs as [Node, Node];
      return [backward([u, y], node.attrs as A), slope ? mul(u, slope(grad, y)) : null];
    },
  });
  const forward = define<A>({
    name,
    numbers,
    infer: ([x]) => ({ shape: x!.shape, dtype: floatOf(x) }),
    formula: ([x], attrs) => formula(x!, attrs),
    gradient: (node, grad) => [backward([grad, node], node.attrs as A)],
  });
  return (x, ...[attrs]) => forward([x], attrs ?? ({} as A));
}

/** 1 / (1 + e^−x). Where e^−x overflows, the result is 0. */
export const sigmoidFormula = (x: Formula): Formula => f.div(1, f.add(f.exp(f.neg(x)), 1));

/** y = max(0, x) (Krizhevsky et al. 2012, section 3.1): does not saturate for x > 0. */
export const relu: Unary<Record<never, never>> = activation(
  'relu',
  (x) => f.max(x, 0),
  (grad, y) => f.select(f.lessEqual(y, 0), 0, grad),
);
const rising: Unary<{ alpha: number }> = activation<{ alpha: number }>(
  'leakyRelu',
  (x, { alpha }) => f.select(f.less(0, x), x, f.mul(x, alpha)),
  (grad, y, { alpha }) => f.select(f.less(0, y), grad, f.mul(grad, alpha)),
  undefined,
  ['alpha'],
);
/** y = x for x > 0, else alpha · x: non-saturating on both sides. */
export function leakyRelu(x: Node, alpha = 0): Node {
  if (alpha >= 0) return rising(x, { alpha });
  // With a negative slope, the sign of y does not determine the sign of x.
  return where(less(scalarLeaf(0, x.dtype), x), x, affine(x, { scale: alpha, shift: 0 }));
}
/** y = 1 / (1 + e^−x): saturates at 0 and 1. */
export const sigmoid: Unary<Record<never, never>> = activation(
  'sigmoid',
  sigmoidFormula,
  (grad, y) => f.mul(f.mul(grad, y), f.sub(1, y)),
  (grad, y) => mul(grad, affine(y, { scale: -2, shift: 1 })),
);
/** y = tanh x: saturates at −1 and 1. */
export const tanh: Unary<Record<never, never>> = activation(
  'tanh',
  f.tanh,
  (grad, y) => f.mul(grad, f.sub(1, f.mul(y, y))),
  (grad, y) => mul(grad, affine(y, { scale: -2, shift: 0 })),
);
