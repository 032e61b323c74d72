import { CELLS } from '../../../../ops/sequence/recurrent.js';
import { type CopyPart, copyPartsOf } from '../../../plan/copies.js';
import type { Sequence } from '../../../simd/recurrent/recurrent.js';
import type { OneDnnBuilder } from '../../builder.js';

/**
 * A node that is a copy of a layer's states h, which the layer writes beside its record. Distances are in elements, and
 * positions count in the order in which the layer reads.
 */
export interface StateCopy {
  readonly node: number;
  /** Where the first position begins, and the distances to the next position and to the next example. */
  readonly first: number;
  readonly step: number;
  readonly row: number;
  /** Whether each position has the state before it: the first one the layer's first state, and none the last state. */
  readonly before: boolean;
}

/** The most copies that a layer writes. */
const MOST = 3;

/** The nodes that only copy the states of a layer: as outputs, in another order, or as inputs of the products with the weights. */
export function stateCopies(b: OneDnnBuilder, i: number, layer: Sequence): StateCopy[] {
  const { record } = CELLS[layer.cell];
  const { size } = layer;
  const direct = b.users[i]!.filter((j) => isStates(b, j, layer));
  const copies: StateCopy[] = [];
  for (const node of direct)
    copies.push(inOrder(layer, { node, first: 0, step: layer.count * size, row: size, before: false }));
  const sources = [
    { source: i, width: record * size, offset: (record - 1) * size },
    ...direct.map((source) => ({ source, width: size, offset: 0 })),
  ];
  for (const { source, width, offset } of sources)
    for (const node of b.users[source]!) {
      if (b.node(node).op !== 'copyParts') continue;
      const copy = copyOf(b, i, layer, { node, source, width, offset });
      if (copy) copies.push(copy);
    }
  return copies.slice(0, MOST);
}

/** Whether a node is the part h of a layer's record. */
function isStates(b: OneDnnBuilder, j: number, { cell, size }: Sequence): boolean {
  const { op, attrs, shape } = b.node(j);
  return (
    op === 'slice' && attrs.axis === 2 && attrs.start === (CELLS[cell].record - 1) * size && shape[2] === size
  );
}

/** A copy whose places are given in the order of memory. */
const inOrder = ({ reverse, length }: Sequence, copy: StateCopy): StateCopy =>
  reverse ? { ...copy, first: copy.first + (length - 1) * copy.step, step: -copy.step } : copy;

/** Where states are read: `width` numbers for each example, of which h begins at `offset`. */
interface Source {
  readonly node: number;
  readonly source: number;
  readonly width: number;
  readonly offset: number;
}

function copyOf(b: OneDnnBuilder, i: number, layer: Sequence, from: Source): StateCopy | undefined {
  const { length, count, size, reverse } = layer;
  const { inputs } = b.node(from.node);
  const parts = copyPartsOf(b.node(from.node));
  if (inputs.length === 1) {
    const to = placesOf(parts[0]!, layer, from, length);
    if (!to || parts[0]!.fromOffset !== from.offset) return undefined;
    return inOrder(layer, { node: from.node, first: parts[0]!.toOffset, ...to, before: false });
  }
  // The first state beside all states but the last: in front of them, or behind them if the layer reads from the end.
  if (inputs.length !== 2 || length < 2) return undefined;
  const k = reverse ? 1 : 0;
  const [first, inner] = [parts[k]!, parts[1 - k]!];
  const [start] = b.node(i).inputs.slice(2) as [number];
  if (b.sourceOf(inputs[k]!) !== b.sourceOf(start) || inputs[1 - k] !== from.source) return undefined;
  const position = count * size;
  const isWhole =
    first.fromOffset === 0 && first.dimensions.length === 1 && first.dimensions[0]!.size === position;
  const isPlain = first.dimensions.every((dimension) => dimension.from === 1 && dimension.to === 1);
  const to = placesOf(inner, layer, from, length - 1);
  const skipped = reverse ? count * from.width : 0;
  if (!isWhole || !isPlain || !to || inner.fromOffset !== from.offset + skipped) return undefined;
  if (to.row !== size || to.step !== position) return undefined;
  const last = (length - 1) * position;
  if (first.toOffset !== (reverse ? last : 0) || inner.toOffset !== (reverse ? 0 : position))
    return undefined;
  return inOrder(layer, { node: from.node, first: 0, ...to, before: true });
}

/** Where a copy of `length` positions puts positions and examples; undefined if it copies anything else. */
function placesOf(
  { dimensions }: CopyPart,
  { count, size }: Sequence,
  { width }: Source,
  length: number,
): { step: number; row: number } | undefined {
  const levels = [
    { size: length, from: count * width, to: 0 },
    { size: count, from: width, to: 0 },
    { size, from: 1, to: 1 },
  ].filter((level) => level.size > 1);
  // From the innermost dimension of the copy outwards; a dimension may cover several of these.
  const left = [...levels];
  for (let { size: own, from, to } of [...dimensions].reverse()) {
    while (own > 1) {
      const level = left.findLast((each) => each.from === from);
      if (!level || own % level.size !== 0) return undefined;
      left.splice(left.indexOf(level), 1);
      level.to = to;
      own /= level.size;
      from *= level.size;
      to *= level.size;
    }
  }
  const [position, example, unit] = levels;
  if (left.length > 0 || levels.length !== 3 || unit!.to !== 1) return undefined;
  return { step: position!.to, row: example!.to };
}
