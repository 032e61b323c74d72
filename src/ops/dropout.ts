import type { Node } from '../graph/node.js';
import { mul } from './binary.js';
import { define, type NodeMaker, naming, need } from './operation.js';

/** Zero for 16-bit numbers below `threshold`, else `kept`. */
type MaskAttrs = {
  readonly shape: readonly number[];
  readonly threshold: number;
  readonly kept: number;
  readonly dtype: string;
};

const maskOp: NodeMaker<MaskAttrs> = define<MaskAttrs>({
  name: 'dropoutMask',
  numbers: ['threshold', 'kept'],
  infer: ([key], { shape, dtype }) => {
    need(
      key!.dtype === 'int32' && key!.shape.length === 1 && (key!.shape[0] === 4 || key!.shape[0] === 6),
      'a key of four int32, or of six',
      () => `${key!.dtype} [${key!.shape.join(', ')}]`,
    );
    return { shape, dtype: dtype === 'float64' ? 'float64' : 'float32' };
  },
});

/** The factors of {@link dropout} for a tensor of a shape: 0, or 1 / (1 − p). */
export function dropoutMask(key: Node, shape: readonly number[], p: number, dtype = 'float32'): Node {
  naming('dropoutMask', [key], () => need(p >= 0 && p < 1, 'a probability in [0, 1)', String(p)));
  return maskOp([key], { shape, threshold: Math.round(p * 65536), kept: 1 / (1 - p), dtype });
}

/**
 * Zeroes each element with probability p and scales the others by 1 / (1 − p), so that evaluation needs no scaling
 * (Krizhevsky et al. 2012, section 4.2, halve the outputs at test time instead).
 * The mask is a pure function of the key and the element's row-major position, in any layout.
 * @param key int32 [4]: Philox key (2 words) and the high half of its counter (2 words); or int32 [6], with the number of
 *   elements before x (2 words, low one first), where x is a part of a larger tensor
 */
export const dropout = (x: Node, key: Node, p: number): Node => mul(x, dropoutMask(key, x.shape, p, x.dtype));
