import type { Graph, GraphNode } from '../../graph/graph.js';
import { usersOf, wantedOf } from '../plan/users.js';

/**
 * Writes a batch normalisation with given mean and variance that alone reads a convolution's result as elementwise
 * operations, which the convolution applies to its result: (y − mean) · (gamma / √(variance + eps)) + beta.
 */
export function splitNormsAfterConvolutions(graph: Graph): Graph {
  const { nodes: old } = graph;
  const users = usersOf(graph);
  const wanted = wantedOf(graph);
  const nodes: GraphNode[] = [];
  const moved: number[] = [];
  const add = (node: GraphNode): number => nodes.push(node) - 1;
  const place = (i: number): number =>
    (moved[i] ??= add({ ...old[i]!, inputs: old[i]!.inputs.map((input) => moved[input]!) }));
  /** The three factors of a normalisation, for each channel, by its node. */
  const prepared = new Map<number, readonly [mean: number, scale: number, beta: number]>();

  /** Puts what a normalisation reads before the convolution. */
  const prepare = (norm: GraphNode): readonly [number, number, number] => {
    const { scope, attrs, shape } = norm;
    const [gamma, beta, mean, variance] = norm.inputs.slice(1).map(place) as [number, number, number, number];
    const like = { ...nodes[variance]!, scope };
    const shifted = add({
      ...like,
      op: 'affine',
      inputs: [variance],
      attrs: { scale: 1, shift: attrs.eps! },
    });
    const root = add({ ...like, op: 'sqrt', inputs: [shifted], attrs: {} });
    const scale = add({ ...like, op: 'div', inputs: [gamma, root], attrs: {} });
    const spread = shape.map((size, axis) => (axis === 1 ? size : 1));
    const view = (of: number): number =>
      add({ ...like, op: 'reshape', inputs: [of], attrs: { shape: spread }, shape: spread });
    return [view(mean), view(scale), view(beta)];
  };

  old.forEach((node, i) => {
    const [reader, ...others] = users[i]!;
    const norm = reader === undefined ? undefined : old[reader]!;
    const follows = node.op === 'conv2d' && others.length === 0 && !wanted.has(i) && norm?.op === 'batchNorm';
    // What is computed only after the convolution cannot be applied to its result.
    const known = (input: number): boolean => moved[input] !== undefined || old[input]!.inputs.length === 0;
    if (follows && norm.dtype === 'float32' && norm.inputs[0] === i && norm.inputs.slice(1).every(known))
      prepared.set(reader!, prepare(norm));
    const factors = prepared.get(i);
    if (!factors) {
      place(i);
      return;
    }
    const [mean, scale, beta] = factors;
    const centred = add({ ...node, op: 'sub', inputs: [moved[node.inputs[0]!]!, mean], attrs: {} });
    const scaled = add({ ...node, op: 'mul', inputs: [centred, scale], attrs: {} });
    moved[i] = add({ ...node, op: 'add', inputs: [scaled, beta], attrs: {} });
  });
  const at = (i: number): number => moved[i]!;
  return {
    nodes,
    feeds: graph.feeds.map(at),
    storages: graph.storages.map(at),
    outputs: graph.outputs.map(at),
    updates: graph.updates.map(({ node, slot }) => ({ node: at(node), slot })),
    ...(graph.guard === undefined ? {} : { guard: at(graph.guard) }),
  };
}
