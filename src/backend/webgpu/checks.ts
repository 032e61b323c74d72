import type { PaperweightError } from '../../errors/errors.js';
import type { Graph } from '../../graph/graph.js';
import { sizeOf, type TypedArray } from '../../graph/types.js';
import { isAlias } from '../plan/describe.js';
import { operationNameOf } from '../plan/numbers/varying.js';
import { labelError } from '../reference/kernels/loss.js';
import { indexError } from '../reference/kernels/select.js';

/** Values of a graph that must be indices of an axis, or numbers of classes. */
export interface IndexCheck {
  /** The node with the indices. */
  readonly node: number;
  readonly size: number;
  /** The feed that they come from: it is checked before anything runs. Other indices are checked on the GPU. */
  readonly feed?: number;
  /** The error for a bad value at a position. */
  readonly error: (position: number, value: number) => PaperweightError;
}

/** Which input has indices, and the size of what they name. */
const INDEXED: Readonly<
  Record<
    string,
    { readonly input: number; readonly of: number | 'size' | 'shape' | 'classes'; readonly name?: string }
  >
> = {
  crossEntropy: { input: 1, of: 0 },
  crossEntropyGrad: { input: 2, of: 1 },
  topKCorrect: { input: 1, of: 0 },
  indexSelect: { input: 1, of: 0, name: 'indexSelect' },
  indexSelectGrad: { input: 1, of: 'size', name: 'indexSelect' },
  gather: { input: 1, of: 0, name: 'gather' },
  scatterSum: { input: 1, of: 'shape', name: 'scatterAdd' },
  oneHot: { input: 0, of: 'classes', name: 'oneHot' },
};

/** All checks of indices that a graph needs, in its order. */
export function indexChecks(graph: Graph): IndexCheck[] {
  const { nodes } = graph;
  const known = new Set<string>();
  return nodes.flatMap(({ op, inputs, attrs }): IndexCheck[] => {
    const named = operationNameOf(op);
    const rule = Object.hasOwn(INDEXED, named) ? INDEXED[named]! : undefined;
    if (!rule) return [];
    const { name, of } = rule;
    const axis = attrs.axis as number;
    const size =
      of === 'shape'
        ? (attrs.shape as readonly number[])[axis]!
        : typeof of === 'string'
          ? (attrs[of] as number)
          : nodes[inputs[of]!]!.shape[name ? axis : 1]!;
    let node = inputs[rule.input]!;
    while (isAlias(nodes[node]!)) node = nodes[node]!.inputs[0]!;
    const key = `${node} ${size} ${name}`;
    if (known.has(key) || sizeOf(nodes[node]!.shape) === 0) return [];
    known.add(key);
    const feed = graph.feeds.indexOf(node);
    return [
      {
        node,
        size,
        ...(feed >= 0 ? { feed } : {}),
        error: (position, value) =>
          name ? indexError(value, size, name) : labelError(position, value, size),
      },
    ];
  });
}

/** Checks the indices that are fed. @throws DataError */
export function checkFeeds(checks: readonly IndexCheck[], feeds: readonly TypedArray[]): void {
  for (const { feed, size, error } of checks)
    if (feed !== undefined)
      for (const [position, value] of feeds[feed]!.entries())
        if (!(value >= 0 && value < size)) throw error(position, value);
}
