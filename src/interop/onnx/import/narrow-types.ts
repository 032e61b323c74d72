import { hostLeaf, type Node } from '../../../graph/node.js';
import * as ops from '../../../ops/index.js';

/** `TensorProto.DataType` of the types of 16 bits. */
export const [FLOAT16, BFLOAT16] = [10, 16];

/** Binary places of a type, with the first one, and from where on it has no number but infinity. */
const NARROW: Readonly<Record<number, { readonly places: number; readonly end: number }>> = {
  [FLOAT16]: { places: 11, end: 65520 },
  [BFLOAT16]: { places: 8, end: 2 ** 128 },
};
/** Where products with 2^16 still fit float32. */
const LARGE = 2 ** 100;

/**
 * Numbers as a type of 16 bits holds them; those of any other type stay as they are. T. J. Dekker, "A floating-point
 * technique for extending the available precision", Numerische Mathematik 18 (1971). float16's smallest numbers,
 * below 2^-14, keep their places.
 */
export function narrowed(x: Node, type: number | undefined): Node {
  const narrow = type === undefined ? undefined : NARROW[type];
  if (!narrow || x.dtype !== 'float32') return x;
  const number = (value: number) => hostLeaf(Float32Array.of(value), [], 'float32');
  const large = ops.affine(x, { scale: 2 ** (24 - narrow.places) + 1, shift: 0 });
  const high = ops.sub(large, ops.sub(large, x));
  const magnitude = ops.abs(x);
  if (narrow.end > LARGE) return ops.where(ops.less(magnitude, number(LARGE)), high, x);
  return ops.where(ops.less(magnitude, number(narrow.end)), high, ops.mul(x, number(Infinity)));
}
