import { checkBooleans, checkNumber, checkOptionNames } from '../../errors/arguments.js';
import { ShapeError } from '../../errors/errors.js';
import { hostLeaf, type Node, scalarLeaf } from '../../graph/node.js';
import { showShape } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import { nextKey } from '../../tensor/random.js';
import { Tensor } from '../../tensor/tensor.js';
import { nodeOf } from '../arguments.js';
import { added, causal, hidesAll } from './mask.js';

/** Options of {@link scaledDotProductAttention}. */
export type AttentionOptions = {
  /**
   * Which keys each query attends to, broadcast to […, L, S]: integers or a comparison, where 0 hides a key; or other
   * floats, which are added to the scores.
   */
  attnMask?: Tensor;
  /** Probability of dropping an attention weight. */
  dropoutP?: number;
  /** Query i attends only to the keys 0 to i. */
  isCausal?: boolean;
  /** Factor of the scores: 1 / √E by default. */
  scale?: number;
};

/** How {@link attend} weights its values. */
interface Attending {
  /** Functions of the scores that return what is added to them. */
  readonly masks: readonly ((scores: Node) => Node)[];
  readonly isCausal: boolean;
  readonly scale: number;
  readonly dropout: number;
  /** False: the result of a query that sees no key is NaN; else 0, as in PyTorch's function. */
  readonly zeroIfHidden: boolean;
}

/** Attention weights: softmax of the scaled, masked scores; and the sum of values with these weights. */
export function attend(
  query: Node,
  key: Node,
  value: Node,
  { masks, isCausal, scale, dropout, zeroIfHidden }: Attending,
): { weights: Node; y: Node } {
  const scores = ops.matmul(ops.scaleBy(query, scale), ops.transpose(key, -2, -1));
  const parts = [...masks, ...(isCausal ? [causal] : [])].map((mask) => mask(scores));
  const mask = parts.length === 0 ? undefined : parts.reduce(ops.add);
  // Below the diagonal of `isCausal` alone, each query sees a key.
  const hidden = mask && zeroIfHidden && masks.length > 0 ? hidesAll(mask) : undefined;
  const zero = (x: Node): Node => (hidden ? ops.where(hidden, scalarLeaf(0, x.dtype), x) : x);
  const weights = ops.softmax(mask ? ops.add(scores, zero(mask)) : scores, -1);
  return { weights, y: zero(ops.matmul(dropped(weights, dropout), value)) };
}

/** Dropout: zeroes each value with probability p and scales the others by 1 / (1 − p). */
export function dropped(x: Node, p: number): Node {
  if (p === 0) return x;
  const key = nextKey(x.shape);
  return ops.dropout(x, hostLeaf(key, [key.length], 'int32'), p);
}

/**
 * softmax(Q Kᵀ · scale + mask) V (arXiv:1706.03762, equation 1). The result of a query that sees no key is 0.
 *
 * @param query […, L, E] @param key […, S, E] @param value […, S, Ev]
 * @returns […, L, Ev]
 * @example
 * scaledDotProductAttention(q, k, v, { isCausal: true }); // [N, heads, T, E]
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions = {},
): Tensor {
  const name = 'scaledDotProductAttention';
  checkOptionNames(name, options, ['attnMask', 'dropoutP', 'isCausal', 'scale']);
  const { attnMask, dropoutP = 0, isCausal = false } = options;
  const [q, k, v] = [nodeOf(name, query), nodeOf(name, key), nodeOf(name, value)];
  if (Math.min(q.shape.length, k.shape.length, v.shape.length) < 2 || k.shape.at(-2) !== v.shape.at(-2))
    throw new ShapeError({
      what: `${name} got inputs that do not fit`,
      expected: 'query […, L, E], key […, S, E] and value […, S, Ev]',
      got: [q, k, v].map(({ shape }) => showShape(shape)).join(', '),
    });
  const { scale = 1 / Math.sqrt(q.shape.at(-1)!) } = options;
  checkNumber(name, 'dropoutP', dropoutP, { least: 0, most: 0.999999, expected: 'a probability in [0, 1)' });
  checkNumber(name, 'scale', scale, { expected: 'a number' });
  checkBooleans(name, { isCausal });
  const mask = attnMask && nodeOf(name, attnMask);
  const masks = mask ? [(scores: Node) => added(name, mask, scores, false)] : [];
  return new Tensor(attend(q, k, v, { masks, isCausal, scale, dropout: dropoutP, zeroIfHidden: true }).y);
}
