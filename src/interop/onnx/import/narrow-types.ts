import { type Node, scalarLeaf } from '../../../graph/node.js';
import * as ops from '../../../ops/index.js';

/** `TensorProto.DataType` of the 16-bit floating-point types. */
export const [FLOAT16, BFLOAT16] = [10, 16];

/** Bits of the significand, including the implicit one, and the magnitude from which values round to infinity. */
const NARROW: Readonly<Record<number, { readonly places: number; readonly end: number }>> = {
  [FLOAT16]: { places: 11, end: 65520 },
  [BFLOAT16]: { places: 8, end: 2 ** 128 },
};
/** Magnitudes up to this one can be multiplied by 2^16 in float32 without overflow. */
const LARGE = 2 ** 100;

/**
 * Rounds values to a 16-bit type, by the splitting of T. J. Dekker, "A floating-point technique for extending the
 * available precision", Numerische Mathematik 18 (1971). Other types are returned unchanged. Below 2^-14 the result has
 * 11 significant bits, more than float16's subnormal numbers.
 */
export function narrowed(x: Node, type: number | undefined): Node {
  const narrow = type === undefined ? undefined : NARROW[type];
  if (!narrow || x.dtype !== 'float32') return x;
  const large = ops.affine(x, { scale: 2 ** (24 - narrow.places) + 1, shift: 0 });
  const high = ops.sub(large, ops.sub(large, x));
  const magnitude = ops.abs(x);
  if (narrow.end > LARGE) return ops.where(ops.less(magnitude, scalarLeaf(LARGE)), high, x);
  return ops.where(ops.less(magnitude, scalarLeaf(narrow.end)), high, ops.mul(x, scalarLeaf(Infinity)));
}
