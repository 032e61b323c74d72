import type { Node } from '../graph/node.js';
import { sameShape } from '../graph/types.js';
import { mul } from './binary.js';
import { type Builder, define, floatOf, need } from './operation.js';
import { affine } from './unary.js';

type Alpha = { readonly alpha: number };

/**
 * An activation whose derivative can be read off its result y, so that training keeps no copy of the input
 * and a backend may fuse the activation into the operation before it. `alpha` is LeakyReLU's slope, else 0.
 *
 * @param slope derivative, with regard to y, of the gradient that is handed on; none where it is piecewise constant
 */
function activation(name: string, slope?: (grad: Node, y: Node) => Node) {
  const backward: Builder<Alpha> = define<Alpha>({
    name: `${name}Grad`,
    infer: ([grad, y]) => {
      need(sameShape(grad!.shape, y!.shape), 'a gradient of the result’s shape', grad!.shape.join());
      return { shape: y!.shape, dtype: floatOf(grad, y) };
    },
    gradient: (node, u) => {
      const [grad, y] = node.inputs as [Node, Node];
      return [backward([u, y], node.attrs as Alpha), slope ? mul(u, slope(grad, y)) : null];
    },
  });
  const forward = define<Alpha>({
    name,
    infer: ([x]) => ({ shape: x!.shape, dtype: floatOf(x) }),
    gradient: (node, grad) => [backward([grad, node], node.attrs as Alpha)],
  });
  return (x: Node, alpha = 0): Node => forward([x], { alpha });
}

/** y = max(0, x): the paper's non-saturating neuron (section 3.1). */
export const relu = activation('relu');
/** y = x for x > 0, else alpha · x, with 0 < alpha: non-saturating on both sides. */
export const leakyRelu = activation('leakyRelu');
/** y = 1 / (1 + e^−x): saturates at 0 and 1. */
export const sigmoid = activation('sigmoid', (grad, y) => mul(grad, affine(y, { scale: -2, shift: 1 })));
/** y = tanh x: saturates at −1 and 1; what the paper's Figure 1 compares ReLU with. */
export const tanh = activation('tanh', (grad, y) => mul(grad, affine(y, { scale: -2, shift: 0 })));
