import type { Graph, GraphNode } from '../../graph/graph.js';
import { sizeOf, stridesOf } from '../../graph/types.js';
import type { MatmulAttrs } from '../../ops/matmul.js';
import { copyPartsOf } from '../plan/copies.js';
import { isAlias, macsOf } from '../plan/describe.js';
import { readerOf, readersOf, usersOf, wantedOf } from '../plan/users.js';
import { type Axis, axesOf, dividedAxes, permuted, sliced, type View } from '../plan/views.js';
import type { Product, Strides } from '../simd/gemm/product.js';

/** An operation that exists only in plans: a matrix product that reads and writes any strides. */
export const STRIDED_MATMUL = 'stridedMatmul';

/** A value as a product reads it: elements of another value, times a factor. */
interface Source {
  readonly view: View;
  readonly factor: number;
  /** The nodes in between, which the product does not need. */
  readonly passed: readonly number[];
}

type Batch = readonly [outer: number, inner: number];

/**
 * Rewrites matrix products to read permutations, slices and multiples of values in place, without copies of them, and to
 * write a permutation of their result: the heads of attention are read from the product that made queries, keys and values,
 * and written side by side.
 */
export function readInPlace(graph: Graph): Graph {
  const plan = { graph, users: usersOf(graph), wanted: wantedOf(graph) };
  const closed = new Set<number>();
  for (;;) {
    const open = openNodes(plan, closed);
    const { made, refused } = rewritten(plan, open);
    if (refused.length === 0) return { ...graph, nodes: replaced(graph, open, made) };
    for (const i of refused) closed.add(i);
  }
}

type Plan = Parameters<typeof readersOf>[0] & { readonly graph: Graph };

const isProduct = ({ op, dtype, shape, inputs }: GraphNode, nodes: readonly GraphNode[]): boolean =>
  op === 'matmul' &&
  dtype === 'float32' &&
  sizeOf(shape) > 0 &&
  inputs.every((input) => sizeOf(nodes[input]!.shape) > 0 && nodes[input]!.dtype === 'float32');

const MOVES = new Set(['permute', 'slice', 'copyParts']);
const isFactor = ({ op, attrs, dtype }: GraphNode): boolean =>
  op === 'affine' && attrs.shift === 0 && dtype === 'float32';

/** The moves and factors that only products read, also through each other. */
function openNodes(plan: Plan, closed: ReadonlySet<number>): Set<number> {
  const { nodes } = plan.graph;
  const open = new Set<number>();
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]!;
    if (closed.has(i) || node.inputs.length !== 1 || !(MOVES.has(node.op) || isFactor(node))) continue;
    const readers = readersOf(plan, i);
    const reads = (reader: number): boolean => open.has(reader) || isProduct(nodes[reader]!, nodes);
    if (readers && readers.length > 0 && readers.every(reads)) open.add(i);
  }
  return open;
}

/** @returns undefined if the nodes in between cannot be left out */
function sourceOf(nodes: readonly GraphNode[], open: ReadonlySet<number>, i: number): Source | undefined {
  const node = nodes[i]!;
  if (!open.has(i) && !isAlias(node))
    return { view: { base: i, offset: 0, axes: axesOf(node.shape) }, factor: 1, passed: [] };
  const [input] = node.inputs as [number];
  const inner = sourceOf(nodes, open, input);
  if (!inner || isAlias(node)) return inner;
  const passed = [...inner.passed, i];
  // Two factors would be rounded twice.
  if (isFactor(node))
    return inner.factor === 1 ? { ...inner, factor: node.attrs.scale as number, passed } : undefined;
  const view = viewOf(node, nodes[input]!, inner.view);
  return view && { ...inner, view, passed };
}

/** A move of a view. */
function viewOf(node: GraphNode, { shape: own }: GraphNode, view: View): View | undefined {
  const { op, attrs, shape } = node;
  if (op === 'permute') return permuted(view, own, attrs.axes as readonly number[]);
  if (op === 'slice') {
    const [axis, start] = [attrs.axis as number, attrs.start as number];
    return sliced(view, own, { axis, start, length: shape[axis]! });
  }
  const [part, ...others] = copyPartsOf(node);
  const isWhole = view.offset === 0 && sizeOf(view.axes.map(({ size }) => size)) === sizeOf(own);
  const inOrder = view.axes.every(
    ({ stride }, d) => stride === sizeOf(view.axes.slice(d + 1).map(({ size }) => size)),
  );
  if (!part || others.length > 0 || !isWhole || !inOrder) return undefined;
  const axes = part.dimensions.filter(({ size }) => size > 1);
  const target = stridesOf(axes.map(({ size }) => size));
  if (part.toOffset !== 0 || axes.some(({ to }, d) => to !== target[d])) return undefined;
  return {
    base: view.base,
    offset: part.fromOffset,
    axes: axes.map(({ size, from }) => ({ size, stride: from })),
  };
}

/** Axes of a matrix, or of a batch of matrices. */
interface Matrices {
  readonly offset: number;
  readonly batch: readonly Axis[];
  readonly row: number;
  readonly column: number;
}

/** @param shape of the matrices: [rows, columns], or with a batch before them */
function matricesOf(offset: number, axes: readonly Axis[], shape: readonly number[]): Matrices | undefined {
  const own = dividedAxes(axes, shape);
  if (!own) return undefined;
  const [rows, columns] = own.slice(-2) as [Axis[], Axis[]];
  if (rows.length > 1 || columns.length > 1) return undefined;
  return {
    offset,
    batch: own.slice(0, -2).flat(),
    row: rows[0]?.stride ?? 1,
    column: columns[0]?.stride ?? 1,
  };
}

/** The batch in two dimensions that all three values have. */
function batchOf(all: readonly Matrices[], count: number): Batch | undefined {
  const sizes = all.find(({ batch }) => batch.length === 2)?.batch.map(({ size }) => size) ?? [1, count];
  const fits = all.every(({ batch }) => dividedAxes(batch, sizes)?.every((own) => own.length <= 1));
  return fits ? (sizes as unknown as Batch) : undefined;
}

function stridesFor({ offset, batch, row, column }: Matrices, sizes: Batch): Strides {
  const [outer, inner] = dividedAxes(batch, sizes)!.map(([axis]) => axis?.stride ?? 0) as [number, number];
  return { offset, row, column, batch: [outer, inner] };
}

/** A product in place of the node at `at`, which is the product itself or a permutation of its result. */
interface Rewritten {
  readonly at: number;
  readonly node: GraphNode;
}

/** @returns the products that can be rewritten, and nodes without which the others can be computed as they are */
function rewritten(
  plan: Plan,
  open: ReadonlySet<number>,
): { made: ReadonlyMap<number, Rewritten>; refused: readonly number[] } {
  const { nodes } = plan.graph;
  const made = new Map<number, Rewritten>();
  const refused: number[] = [];
  for (const [i, node] of nodes.entries()) {
    if (!isProduct(node, nodes)) continue;
    const sources = node.inputs.map((input) => sourceOf(nodes, open, input));
    const target = permutationOf(plan, open, i);
    const passed = node.inputs.flatMap((input) => passedBy(nodes, open, input));
    if (passed.length === 0 && target === undefined) continue;
    const one = sources.every((source) => source !== undefined)
      ? (productAt(plan.graph, i, sources, target) ?? productAt(plan.graph, i, sources, undefined))
      : undefined;
    if (one) made.set(i, one);
    else refused.push(...passed);
  }
  return { made, refused };
}

/** All nodes that a product would leave out. */
function passedBy(nodes: readonly GraphNode[], open: ReadonlySet<number>, i: number): number[] {
  if (!open.has(i) && !isAlias(nodes[i]!)) return [];
  return [...(open.has(i) ? [i] : []), ...passedBy(nodes, open, nodes[i]!.inputs[0]!)];
}

/** The permutation that alone reads a product's result, unless products read it in turn. */
function permutationOf(plan: Plan, open: ReadonlySet<number>, i: number): number | undefined {
  const reader = readerOf(plan, i);
  return reader !== undefined && !open.has(reader) && plan.graph.nodes[reader]!.op === 'permute'
    ? reader
    : undefined;
}

/** The node that computes a product; undefined if the strides are not such that a kernel can use them. */
function productAt(
  graph: Graph,
  i: number,
  sources: readonly Source[],
  target: number | undefined,
): Rewritten | undefined {
  const { nodes } = graph;
  const node = nodes[i]!;
  const { transposeA, transposeB } = node.attrs as MatmulAttrs;
  const operands = sources.map(({ view }, k) =>
    matricesOf(view.offset, view.axes, nodes[node.inputs[k]!]!.shape),
  );
  const result = matricesOf(
    0,
    target === undefined ? axesOf(node.shape) : movedAxes(graph, target),
    node.shape,
  );
  const all = [...operands, result];
  // Rows or columns must be adjacent.
  if (!all.every((one) => one !== undefined && (one.row === 1 || one.column === 1))) return undefined;
  const [left, right, out] = all as [Matrices, Matrices, Matrices];
  const count = node.shape.length === 3 ? node.shape[0]! : 1;
  const batch = batchOf([left, right, out], count);
  if (!batch) return undefined;
  const turned = ({ row, column, ...rest }: Matrices): Matrices => ({ ...rest, row: column, column: row });
  const [m, n] = node.shape.slice(-2) as [number, number];
  const k = nodes[node.inputs[0]!]!.shape.at(transposeA ? -2 : -1)!;
  const parts = [transposeA ? turned(left) : left, transposeB ? turned(right) : right, out];
  const attrs = {
    sizes: [m, n, k, ...batch],
    factors: sources.map(({ factor }) => factor),
    ...Object.fromEntries(parts.map((part, p) => [NAMES[p]!, encoded(stridesFor(part, batch))])),
    moved: target !== undefined,
    macs: macsOf(graph, i),
  };
  const at = target ?? i;
  const inputs = sources.map(({ view }) => view.base);
  return { at, node: { ...nodes[at]!, op: STRIDED_MATMUL, scope: node.scope, inputs, attrs } };
}

/** Axes of the input of a permutation, with the strides of its result. */
function movedAxes({ nodes }: Graph, permutation: number): Axis[] {
  const { inputs, attrs, shape } = nodes[permutation]!;
  const axes = attrs.axes as readonly number[];
  const strides = stridesOf(shape);
  return nodes[inputs[0]!]!.shape.flatMap((size, d) =>
    size === 1 ? [] : [{ size, stride: strides[axes.indexOf(d)]! }],
  );
}

const NAMES = ['a', 'b', 'c'] as const;

const encoded = ({ offset = 0, row, column, batch = [0, 0] }: Strides): number[] => [
  offset,
  row,
  column,
  ...batch,
];

/** The product that a node of `readInPlace` computes, and whether its result is in another order than the product's. */
export function stridedProductOf({ attrs }: GraphNode): { product: Product; moved: boolean } {
  const [m, n, k, ...batch] = attrs.sizes as readonly [number, number, number, number, number];
  const [a, b, c] = NAMES.map((name): Strides => {
    const [offset, row, column, ...steps] = attrs[name] as unknown as readonly [
      number,
      number,
      number,
      number,
      number,
    ];
    return { offset, row, column, batch: steps };
  }) as [Strides, Strides, Strides];
  const factors = attrs.factors as unknown as readonly [number, number];
  return { product: { m, n, k, a, b, c, batch, factors }, moved: attrs.moved === true };
}

function replaced(
  { nodes: old }: Graph,
  open: ReadonlySet<number>,
  made: ReadonlyMap<number, Rewritten>,
): GraphNode[] {
  const nodes = [...old];
  // Nothing reads the nodes in between any more: as another name of their input they cost nothing.
  const leaveOut = (i: number): void => {
    const [source] = old[i]!.inputs as [number];
    nodes[i] = { ...old[i]!, op: 'detach', attrs: {}, inputs: [source], shape: old[source]!.shape };
  };
  for (const i of open) leaveOut(i);
  for (const [i, { at, node }] of made) {
    if (at !== i) leaveOut(i);
    nodes[at] = node;
  }
  return nodes;
}
