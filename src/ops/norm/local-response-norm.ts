import type { Node } from '../../graph/node.js';
import { narrow } from '../arrange/slice.js';
import { add, mul } from '../binary.js';
import { define, floatOf, type NodeMaker, need, needRank } from '../operation.js';
import { affine, pow, square } from '../unary.js';

export type LrnAttrs = {
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;
};

/** Σ of neighbouring channels, from c − before to c + after. */
function windowSum(x: Node, before: number, after: number): Node {
  const channels = x.shape[1]!;
  let total = x;
  for (let i = Math.max(-before, 1 - channels); i <= Math.min(after, channels - 1); i++)
    if (i !== 0) total = add(total, narrow(x, 1, i, channels));
  return total;
}

const backward: NodeMaker<LrnAttrs> = define<LrnAttrs>({
  name: 'localResponseNormGrad',
  infer: ([grad, x]) => ({ shape: x!.shape, dtype: floatOf(grad, x) }),
  /*
   * With c = alpha / size, u = k + c · S(x²), where S is the sum over a window and T its transpose, the result is
   * g · u^−β − 2βc · x · T(g · x · u^(−β−1)). Gradients, given the gradient h with respect to the result:
   * g: h · u^−β − 2βc · x · u^(−β−1) · S(h · x)
   * x: −2βc · (x · T(g · h · u^(−β−1)) + h · T(g · x · u^(−β−1)) + g · u^(−β−1) · S(h · x)
   *    − 2(β + 1)c · x · T(g · x · u^(−β−2) · S(h · x)))
   */
  gradient: (node, h) => {
    const [g, x] = node.inputs as [Node, Node];
    const { size, alpha, beta, k } = node.attrs as LrnAttrs;
    const [before, after] = [Math.floor(size / 2), Math.floor((size - 1) / 2)];
    const [windows, transposed] = [
      (v: Node) => windowSum(v, before, after),
      (v: Node) => windowSum(v, after, before),
    ];
    const times = (v: Node, scale: number): Node => affine(v, { scale, shift: 0 });
    const c = alpha / size;
    const u = affine(windows(square(x)), { scale: c, shift: k });
    const [v, w] = [pow(u, { exponent: -beta - 1 }), pow(u, { exponent: -beta - 2 })];
    const around = windows(mul(h, x));
    const gv = mul(g, v);
    const perGrad = add(mul(h, pow(u, { exponent: -beta })), times(mul(mul(x, v), around), -2 * beta * c));
    const outer = times(mul(x, transposed(mul(mul(mul(g, x), w), around))), -2 * (beta + 1) * c);
    const inner = add(mul(x, transposed(mul(gv, h))), mul(h, transposed(mul(gv, x))));
    return [perGrad, times(add(add(inner, mul(gv, around)), outer), -2 * beta * c)];
  },
});
const forward: NodeMaker<LrnAttrs> = define<LrnAttrs>({
  name: 'localResponseNorm',
  infer: ([x], { size }) => {
    needRank(x!, 4, 'images [N, C, H, W]');
    need(Number.isInteger(size) && size >= 1, 'a window of at least 1 channel', () => String(size));
    return { shape: x!.shape, dtype: floatOf(x) };
  },
  gradient: (node, grad) => [backward([grad, node.inputs[0]!], node.attrs as LrnAttrs)],
});

/**
 * Local response normalisation across neighbouring channels (Krizhevsky et al. 2012, section 3.3), with PyTorch's definition:
 * y_c = x_c · (k + alpha / size · Σ x_j²)^−beta, j from c − ⌊size/2⌋ to c + ⌊(size−1)/2⌋, zero outside.
 * Their formula does not divide by the size: for their alpha 1e-4 with size 5, pass alpha 5e-4.
 */
export const localResponseNorm = (
  x: Node,
  { size, alpha = 1e-4, beta = 0.75, k = 1 }: Partial<LrnAttrs> & { size: number },
): Node => forward([x], { size, alpha, beta, k });
