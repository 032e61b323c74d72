import { checkBooleans, checkNumber, checkOptionNames } from '../../errors/arguments.js';
import { ShapeError } from '../../errors/errors.js';
import { hostLeaf, type Node } from '../../graph/node.js';
import { showShape } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import { nextKey } from '../../tensor/random.js';
import { Tensor } from '../../tensor/tensor.js';
import { nodeOf } from '../arguments.js';
import { added, causal } from './mask.js';

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

/** Attention weights: softmax of the scaled, masked scores. */
export function weightsOf(
  query: Node,
  key: Node,
  {
    masks,
    isCausal,
    scale,
  }: { masks: readonly ((scores: Node) => Node)[]; isCausal: boolean; scale: number },
): Node {
  let scores = ops.matmul(ops.scaleBy(query, scale), ops.transpose(key, -2, -1));
  for (const mask of [...masks, ...(isCausal ? [causal] : [])]) scores = ops.add(scores, mask(scores));
  return ops.softmax(scores, -1);
}

/** Dropout: zeroes each value with probability p and scales the others by 1 / (1 − p). */
export function dropped(x: Node, p: number): Node {
  if (p === 0) return x;
  const key = nextKey(x.shape);
  return ops.dropout(x, hostLeaf(key, [key.length], 'int32'), p);
}

/**
 * softmax(Q Kᵀ · scale + mask) V (arXiv:1706.03762, equation 1).
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
  const weights = weightsOf(q, k, { masks, isCausal, scale });
  return new Tensor(ops.matmul(dropped(weights, dropoutP), v));
}
