import type { Node } from '../../graph/node.js';
import { define, floatOf, type NodeMaker, need, needRank } from '../operation.js';

export type LrnAttrs = {
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;
};

const backward: NodeMaker<LrnAttrs> = define<LrnAttrs>({
  name: 'localResponseNormGrad',
  infer: ([grad, x]) => ({ shape: x!.shape, dtype: floatOf(grad, x) }),
});
const forward: NodeMaker<LrnAttrs> = define<LrnAttrs>({
  name: 'localResponseNorm',
  infer: ([x], { size }) => {
    needRank(x!, 4, 'images [N, C, H, W]');
    need(Number.isInteger(size) && size >= 1, 'a window of at least 1 channel', String(size));
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
