import { UsageError } from '../../errors/errors.js';
import { hostLeaf, type Node, scalarLeaf } from '../../graph/node.js';
import { isFloat, makeArray } from '../../graph/types.js';
import * as ops from '../../ops/index.js';

/** What the elements of a comparison's result, or of what is made of it, may be. */
interface Possible {
  readonly values: readonly number[];
  /** Whether they come from a comparison at all. */
  readonly compared: boolean;
}

/** Operations that only move or choose elements of their first input; the others are positions. */
const MOVING: readonly string[] = [
  ...['reshape', 'permute', 'broadcastTo', 'slice', 'gather', 'indexSelect', 'detach', 'cast'],
];
const ARITHMETIC: Readonly<Record<string, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  maximum: Math.max,
  minimum: Math.min,
};
/** More values than this are no answer to a question. */
const MOST = 8;

/** The possible values of a node's elements; undefined if they may be anything. */
function possible({ op, inputs, attrs, source }: Node): Possible | undefined {
  if (op === 'equal' || op === 'less') return { values: [0, 1], compared: true };
  if (source?.kind === 'host')
    return source.data.length === 1 ? { values: [source.data[0]!], compared: false } : undefined;
  const [first, ...others] = inputs;
  if (!first) return undefined;
  if (MOVING.includes(op)) return possible(first);
  if (op === 'affine')
    return mapped(possible(first), (x) => (attrs.scale as number) * x + (attrs.shift as number));
  if (op === 'neg') return mapped(possible(first), (x) => -x);
  if (op === 'where') {
    const chosen = union(others.map(possible));
    return chosen && { ...chosen, compared: chosen.compared || !!possible(first)?.compared };
  }
  if (op === 'concat') return union(inputs.map(possible));
  const join: ((a: number, b: number) => number) | undefined = ARITHMETIC[op];
  const [a, b] = join === undefined ? [] : inputs.map(possible);
  if (join === undefined || !a || !b) return undefined;
  return limited(
    a.values.flatMap((x) => b.values.map((y) => join(x, y))),
    [a, b],
  );
}

const mapped = (of: Possible | undefined, change: (x: number) => number): Possible | undefined =>
  of && { ...of, values: of.values.map(change) };

function union(parts: readonly (Possible | undefined)[]): Possible | undefined {
  const all = parts.filter((part) => part !== undefined);
  return all.length < parts.length
    ? undefined
    : limited(
        all.flatMap(({ values }) => values),
        all,
      );
}

function limited(values: readonly number[], from: readonly Possible[]): Possible | undefined {
  const distinct = [...new Set(values)];
  return distinct.length > MOST
    ? undefined
    : { values: distinct, compared: from.some(({ compared }) => compared) };
}

/** Whether a node is the result of a comparison, perhaps negated, joined with others or in another shape. */
function isTruth(node: Node): boolean {
  const found = possible(node);
  return found?.compared === true && found.values.every((value) => value === 0 || value === 1);
}

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

/** −∞ above the diagonal of [L, S], else 0. */
export function causal(scores: Node): Node {
  const [rows, columns] = scores.shape.slice(-2) as [number, number];
  const data = makeArray(scores.dtype, rows * columns);
  for (let i = 0; i < rows; i++) data.fill(Number.NEGATIVE_INFINITY, i * columns + i + 1, (i + 1) * columns);
  return hostLeaf(data, [rows, columns], scores.dtype);
}
