import { UsageError } from '../../errors/errors.js';
import { hostLeaf, type Node, scalarLeaf } from '../../graph/node.js';
import { isFloat, makeArray } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import { isTruth } from '../../tensor/truth.js';

/** Refuses known numbers that are all 0 or 1: they were meant as yes and no, and would be added to the scores. */
function checkAdded(name: string, { op, inputs, value, source }: Node): void {
  if (op === 'reshape' && inputs.length > 0) {
    checkAdded(name, inputs[0]!);
    return;
  }
  const known = value ?? (source?.kind === 'host' ? source.data : undefined);
  if (!known?.includes(1) || !known.every((x) => x === 0 || x === 1)) return;
  throw new UsageError({
    what: `${name} got a mask of floats that are all 0 or 1, which it would add to the scores`,
    expected: 'a comparison, integers, or floats such as 0 and -Infinity',
    got: 'only 0 and 1',
    next: 'compare: mask.eq(1) is 1 where the mask is 1, and mask.eq(0) where it is 0',
  });
}

/**
 * What a mask adds to the scores: −∞ hides a key. Integers and the results of comparisons say yes or no; other floats are
 * added as they are.
 *
 * @param hides true if yes hides a key, false if no does
 * @throws UsageError for floats that are known to be only 0 and 1
 */
export function added(name: string, mask: Node, scores: Node, hides: boolean): Node {
  if (isFloat(mask.dtype) && !isTruth(mask)) {
    checkAdded(name, mask);
    return mask;
  }
  const [hidden, open] = [scalarLeaf(Number.NEGATIVE_INFINITY, scores.dtype), scalarLeaf(0, scores.dtype)];
  return hides ? ops.where(mask, hidden, open) : ops.where(mask, open, hidden);
}

/** Where a mask of floats [… , L, S] hides all keys: 1 or 0 for each query [… , L, 1]; undefined if there are no keys. */
export function hidesAll(mask: Node): Node | undefined {
  const rows = mask.shape.length === 0 ? ops.unsqueeze(mask, 0) : mask;
  if (rows.shape.at(-1) === 0) return undefined;
  return ops.equal(ops.max(rows, [-1], true), scalarLeaf(Number.NEGATIVE_INFINITY, mask.dtype));
}

/** −∞ above the diagonal of [L, S], else 0. */
export function causal(scores: Node): Node {
  const [rows, columns] = scores.shape.slice(-2) as [number, number];
  const data = makeArray(scores.dtype, rows * columns);
  for (let i = 0; i < rows; i++) data.fill(Number.NEGATIVE_INFINITY, i * columns + i + 1, (i + 1) * columns);
  return hostLeaf(data, [rows, columns], scores.dtype);
}
