import type { Graph, GraphNode } from '../../graph/graph.js';
import { sameShape } from '../../graph/types.js';
import { usersOf, wantedOf } from './users.js';

/**
 * Rewrites a sum of values that are placed at positions of a zero tensor to their concatenation, if they fill it: the
 * gradient of a tensor that is cut into parts, such as the queries, keys and values of attention.
 */
export function joinParts(graph: Graph): Graph {
  const nodes = [...graph.nodes];
  const users = usersOf(graph);
  const wanted = wantedOf(graph);
  /** The nodes that a sum adds, and the sums inside it. */
  const termsOf = (i: number, inner: number[]): number[] =>
    nodes[i]!.inputs.flatMap((input) => {
      if (nodes[input]!.op !== 'add' || !isInner(input, i)) return [input];
      inner.push(input);
      return termsOf(input, inner);
    });
  const isInner = (input: number, i: number): boolean =>
    users[input]!.length === 1 && !wanted.has(input) && sameShape(nodes[input]!.shape, nodes[i]!.shape);
  /** What values and sums of them would fill if they were side by side. Sums that could not fill an axis are not searched. */
  const filled = nodes.map(placedBy(nodes));
  nodes.forEach((node, i) => {
    if (node.op !== 'add') return;
    const [a, b] = node.inputs.map((input) =>
      nodes[input]!.op !== 'add' || isInner(input, i) ? filled[input] : undefined,
    );
    if (!a || !b || a.axis !== b.axis) return;
    const fill = { ...a, length: a.length + b.length };
    if (fill.length < fill.size) filled[i] = fill;
    if (fill.length !== fill.size) return;
    const inner: number[] = [];
    const terms = termsOf(i, inner);
    const parts = partsOf(nodes, terms);
    if (!parts || !terms.every((term) => isInner(term, i))) return;
    const inputs = parts.map((part) => nodes[part]!.inputs[0]!);
    nodes[i] = { ...node, op: 'concat', inputs, attrs: { axis: nodes[parts[0]!]!.attrs.axis! } };
    // The other nodes have no readers any more. As aliases of their inputs they cost nothing.
    for (const left of [...inner, ...terms].sort((a, b) => a - b)) {
      const [source] = nodes[left]!.inputs as [number];
      const { shape } = nodes[source]!;
      nodes[left] = { ...nodes[left]!, op: 'detach', inputs: [source], attrs: {}, shape };
    }
  });
  return { ...graph, nodes };
}

/** The part of an axis that a `place` node fills. */
const placedBy =
  (nodes: readonly GraphNode[]) =>
  ({ op, attrs, inputs }: GraphNode): { axis: number; size: number; length: number } | undefined => {
    if (op !== 'place') return undefined;
    const axis = attrs.axis as number;
    return { axis, size: attrs.size as number, length: nodes[inputs[0]!]!.shape[axis]! };
  };

/** Placed values in the order of their positions; undefined if they do not fill an axis exactly. */
function partsOf(nodes: readonly GraphNode[], terms: readonly number[]): readonly number[] | undefined {
  const first = nodes[terms[0]!]!;
  if (terms.length < 2 || terms.some((term) => nodes[term]!.op !== 'place')) return undefined;
  const axis = first.attrs.axis as number;
  if (terms.some((term) => nodes[term]!.attrs.axis !== axis)) return undefined;
  const startOf = (term: number) => nodes[term]!.attrs.start as number;
  const parts = [...terms].sort((a, b) => startOf(a) - startOf(b));
  let end = 0;
  for (const part of parts) {
    if (startOf(part) !== end) return undefined;
    end += nodes[nodes[part]!.inputs[0]!]!.shape[axis]!;
  }
  return end === first.attrs.size ? parts : undefined;
}

/** Monotonic activations: the maximum of a window stays the maximum. */
const RECTIFIERS = new Set(['relu', 'leakyRelu']);

/**
 * Rewrites rectifier → max-pooling to max-pooling → rectifier, also in the backward pass: the same values with a quarter
 * of the activations. Not if the operation before applies the rectifier to its result, which costs nothing.
 *
 * @param applies whether an operation's kernel can apply an activation to its result
 */
export function poolFirst(graph: Graph, applies: (op: string) => boolean): Graph {
  const nodes = [...graph.nodes];
  const users = usersOf(graph);
  const wanted = new Set([...graph.outputs, ...graph.updates.map((u) => u.node)]);
  nodes.forEach((node, i) => {
    if (!RECTIFIERS.has(node.op) || wanted.has(i) || ((node.attrs.alpha ?? 0) as number) < 0) return;
    const x = node.inputs[0]!;
    if (applies(nodes[x]!.op) && users[x]!.length === 1) return;
    const pool = users[i]!.find((u) => nodes[u]!.op === 'maxPool2d');
    if (pool === undefined) return;
    const rest = users[i]!.filter((u) => u !== pool);
    const gradients = backward(nodes, users, i, rest);
    if (!gradients || gradients.some(([m]) => wanted.has(m))) return;
    swap(nodes, i, pool, [x], [i]);
    for (const [m, r] of gradients) swap(nodes, m, r, [nodes[m]!.inputs[0]!, pool], [m, x]);
  });
  return { ...graph, nodes };
}

/** The pairs of pooling gradient and rectifier gradient; undefined if any other node reads the rectifier's result. */
function backward(
  nodes: readonly GraphNode[],
  users: readonly (readonly number[])[],
  i: number,
  rest: readonly number[],
): [number, number][] | undefined {
  const pairs: [number, number][] = [];
  const known = new Set<number>();
  for (const m of rest.filter((u) => nodes[u]!.op === 'maxPool2dGrad' && nodes[u]!.inputs[1] === i)) {
    const [r, ...others] = users[m]!;
    const node = r === undefined ? undefined : nodes[r]!;
    if (!node || others.length > 0 || node.op !== `${nodes[i]!.op}Grad`) return undefined;
    if (node.inputs[0] !== m || node.inputs[1] !== i) return undefined;
    pairs.push([m, r!]);
    known.add(m).add(r!);
  }
  return rest.every((u) => known.has(u)) ? pairs : undefined;
}

/** Swaps the operations of two nodes, with the given inputs; the first node then has the pooled shape. */
function swap(
  nodes: GraphNode[],
  first: number,
  second: number,
  firstInputs: readonly number[],
  secondInputs: readonly number[],
): void {
  const [a, b] = [nodes[first]!, nodes[second]!];
  const backwards = a.op === 'maxPool2dGrad';
  const pooled = backwards ? nodes[firstInputs[1]!]!.shape : b.shape;
  const whole = backwards ? b.shape : pooled;
  nodes[first] = { ...b, inputs: firstInputs, shape: pooled };
  nodes[second] = { ...a, inputs: secondInputs, shape: whole };
}
