import type { Graph, GraphNode } from '../../graph/graph.js';
import { usersOf } from './users.js';

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
    if (!RECTIFIERS.has(node.op) || wanted.has(i) || (node.attrs.alpha as number) < 0) return;
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
