import type { Node } from '../graph/node.js';
import { isIntegerComparison } from '../ops/index.js';

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
function possible(node: Node): Possible | undefined {
  const { op, inputs, attrs, source } = node;
  const compares = op === 'equal' || op === 'less' || (op === 'integer' && isIntegerComparison(attrs.kind));
  if (compares || copies.has(node)) return { values: [0, 1], compared: true };
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

/** Nodes with the values of comparisons, which they do not show: copies on a device. */
const copies = new WeakSet<Node>();

/** Marks a copy of a node if that is the result of a comparison. @returns the copy */
export function copyOf(node: Node, copy: Node): Node {
  if (isTruth(node)) copies.add(copy);
  return copy;
}

/** Whether a node is the result of a comparison, perhaps negated, joined with others or in another shape. */
export function isTruth(node: Node): boolean {
  const found = possible(node);
  return found?.compared === true && found.values.every((value) => value === 0 || value === 1);
}
