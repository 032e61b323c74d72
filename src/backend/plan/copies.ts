import type { Graph, GraphNode } from '../../graph/graph.js';
import { bytesOf, sizeOf } from '../../graph/types.js';
import { isAlias } from './describe.js';
import { readersOf, usersOf, wantedOf } from './users.js';
import { type Axis, axesOf, dividedAxes, permuted, sliced, type View } from './views.js';

/**
 * A copy of elements between two places: sizes of its dimensions, outermost first, and strides and offsets on both
 * sides, in elements.
 */
export interface CopyPart {
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly dimensions: readonly { readonly size: number; readonly from: number; readonly to: number }[];
}

/** An operation that exists only in plans: each input is copied into its part of the result. */
const COPY = 'copyParts';
/** The most dimensions of a part, which every engine can copy. */
const MOST_DIMENSIONS = 6;
/** The most slices and permutations, one of another, that a copy reads through: all copies of a long chain would visit it. */
const MOST_MOVES = 64;

/** The parts of a `copyParts` node, one for each input. */
export function copyPartsOf({ attrs }: GraphNode): CopyPart[] {
  const numbers = [...(attrs.parts as readonly number[])];
  const parts: CopyPart[] = [];
  while (numbers.length > 0) {
    const [rank, fromOffset, toOffset] = numbers.splice(0, 3) as [number, number, number];
    const dimensions = Array.from({ length: rank }, () => {
      const [size, from, to] = numbers.splice(0, 3) as [number, number, number];
      return { size, from, to };
    });
    parts.push({ fromOffset, toOffset, dimensions });
  }
  return parts;
}

const encoded = ({ fromOffset, toOffset, dimensions }: CopyPart): number[] => [
  dimensions.length,
  fromOffset,
  toOffset,
  ...dimensions.flatMap(({ size, from, to }) => [size, from, to]),
];

const MOVES = new Set(['permute', 'slice', 'concat']);
const isMove = ({ op, shape, dtype }: GraphNode): boolean =>
  MOVES.has(op) && bytesOf(dtype) === 4 && sizeOf(shape) > 0;

/**
 * Rewrites slices, permutations and concatenations that read each other's results to copies that read the original value:
 * the heads of attention are read from the queries, keys and values of one product, and their gradients are written to
 * their places in one value, without copies in between. Channels of images are left alone, since engines keep them in
 * layouts of their own.
 */
export function joinCopies(graph: Graph): Graph {
  const nodes = [...graph.nodes];
  const plan = { graph, users: usersOf(graph), wanted: wantedOf(graph) };
  const skipped = new Set<number>();
  /** How many skipped nodes each value is read through. */
  const depths: number[] = [];
  nodes.forEach((node, i) => {
    const depth = node.inputs.length > 0 ? depths[node.inputs[0]!]! : 0;
    depths.push(isAlias(node) ? depth : 0);
    if (!isMove(node) || node.op === 'concat' || isAlongChannels(node)) return;
    const readers = readersOf(plan, i);
    if (!readers || readers.length === 0 || !readers.every((reader) => isMove(nodes[reader]!))) return;
    // A slice is read in parts; a permutation that is read twice is cheaper to store.
    if (depth === MOST_MOVES || (node.op !== 'slice' && readers.length !== 1)) return;
    skipped.add(i);
    depths[i] = depth + 1;
  });

  const viewOf = (i: number): View | undefined => {
    const { op, inputs, attrs, shape } = nodes[i]!;
    if (isAlias(nodes[i]!)) return viewOf(inputs[0]!);
    if (!skipped.has(i)) return { base: i, offset: 0, axes: axesOf(shape) };
    const view = viewOf(inputs[0]!);
    const { shape: own } = nodes[inputs[0]!]!;
    if (!view) return undefined;
    if (op === 'permute') return permuted(view, own, attrs.axes as readonly number[]);
    const [axis, start] = [attrs.axis as number, attrs.start as number];
    return sliced(view, own, { axis, start, length: shape[axis]! });
  };
  /** The nodes in between that a copy would not need. */
  const passedBy = (i: number): number[] => {
    if (isAlias(nodes[i]!)) return passedBy(nodes[i]!.inputs[0]!);
    return skipped.has(i) ? [i, ...passedBy(nodes[i]!.inputs[0]!)] : [];
  };
  const copyOf = (i: number): { bases: number[]; parts: CopyPart[] } | undefined => {
    const { op, inputs, attrs, shape } = nodes[i]!;
    const whole = axesOf(shape);
    if (op !== 'concat') {
      skipped.add(i);
      const view = viewOf(i);
      skipped.delete(i);
      const part = view && partOf(view, whole, 0);
      return part && { bases: [view.base], parts: [part] };
    }
    const axis = attrs.axis as number;
    const stride = sizeOf(shape.slice(axis + 1));
    const [bases, parts]: [number[], CopyPart[]] = [[], []];
    let start = 0;
    for (const input of inputs) {
      const own = nodes[input]!.shape;
      const view = sizeOf(own) > 0 ? viewOf(input) : undefined;
      const target = own.flatMap((size, d) =>
        size === 1 ? [] : [{ size, stride: sizeOf(shape.slice(d + 1)) }],
      );
      const part = view && partOf(view, target, start * stride);
      if (!part) return undefined;
      bases.push(view.base);
      parts.push(part);
      start += own[axis]!;
    }
    return { bases, parts };
  };

  // Skipping fewer nodes never makes another copy impossible, so this ends.
  const made = new Map<number, NonNullable<ReturnType<typeof copyOf>>>();
  for (let changed = true; changed; ) {
    changed = false;
    made.clear();
    for (const [i, node] of nodes.entries()) {
      if (!isMove(node) || skipped.has(i)) continue;
      const passed = node.inputs.flatMap(passedBy);
      if (passed.length === 0) continue;
      const copy = node.op === 'concat' && isAlongChannels(node) ? undefined : copyOf(i);
      if (copy) made.set(i, copy);
      else for (const other of passed) skipped.delete(other);
      changed ||= !copy;
    }
  }
  for (const [i, { bases, parts }] of made)
    nodes[i] = { ...nodes[i]!, op: COPY, inputs: bases, attrs: { parts: parts.flatMap(encoded) } };
  // Nothing reads the nodes in between any more: as another name of their input they cost nothing.
  for (const i of skipped) {
    const [source] = nodes[i]!.inputs as [number];
    nodes[i] = { ...nodes[i]!, op: 'detach', attrs: {}, shape: nodes[source]!.shape };
  }
  return { ...graph, nodes };
}

/** Whether a slice or a concatenation is along the channels of images [N, C, H, W]. */
const isAlongChannels = ({ attrs, shape }: GraphNode): boolean => shape.length === 4 && attrs.axis === 1;

/** The copy from a view to axes of the result; undefined if their dimensions do not fit, or are too many. */
function partOf(view: View, target: readonly Axis[], toOffset: number): CopyPart | undefined {
  // The axes of both sides, divided at the same boundaries.
  const own = dividedAxes(
    target,
    view.axes.map(({ size }) => size),
  );
  const sizes = own?.flat().map(({ size }) => size);
  const from = sizes && dividedAxes(view.axes, sizes)?.flat();
  if (!from || from.length !== sizes.length) return undefined;
  const to = own!.flat();
  const dimensions: { size: number; from: number; to: number }[] = [];
  sizes.forEach((size, d) => {
    const [a, b] = [from[d]!.stride, to[d]!.stride];
    const outer = dimensions.at(-1);
    if (outer && outer.from === a * size && outer.to === b * size)
      dimensions.splice(-1, 1, { size: outer.size * size, from: a, to: b });
    else dimensions.push({ size, from: a, to: b });
  });
  if (dimensions.length > MOST_DIMENSIONS) return undefined;
  if (dimensions.length === 0) dimensions.push({ size: 1, from: 1, to: 1 });
  return { fromOffset: view.offset, toOffset, dimensions };
}
