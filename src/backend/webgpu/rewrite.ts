import type { Graph, GraphNode } from '../../graph/graph.js';
import { type Shape, sameShape, sizeOf } from '../../graph/types.js';
import { type Formula, f } from '../../ops/formula.js';

/*
 * Batch normalisation as sums for each channel and elementwise operations, which are then fused with their neighbours.
 * The operations below exist only in plans of this engine. A value `[2, C]` has each row at an aligned place, and
 * `channelRow` is one of its rows, without a copy; so is `element` of any value.
 */

const inverse = (variance: Formula, eps: number): Formula => f.div(1, f.sqrt(f.add(variance, eps)));

/** Formulas of this engine's own elementwise operations. */
export const OWN_FORMULAS: Readonly<
  Record<string, (inputs: readonly Formula[], attrs: GraphNode['attrs']) => Formula>
> = {
  normalizeChannels: ([x, mean, variance, gamma, beta], { eps }) =>
    f.add(f.mul(f.sub(x!, mean!), f.mul(gamma!, inverse(variance!, eps as number))), beta!),
  normalizeChannelsGrad: ([grad, x, mean, variance, gamma, plain, along], { eps, count }) => {
    const s = inverse(variance!, eps as number);
    const normal = f.mul(f.sub(x!, mean!), s);
    const inner = f.sub(
      f.sub(grad!, f.div(plain!, count as number)),
      f.mul(normal, f.div(along!, count as number)),
    );
    return f.mul(f.mul(gamma!, s), inner);
  },
  weightedRows: ([mean, variance, first, second]) => f.add(f.mul(mean!, first!), f.mul(variance!, second!)),
};

const spread = (shape: Shape): number[] => shape.map((d, i) => (i === 1 ? d : 1));

/** Replaces batch normalisation in a graph; the numbers of other nodes change, and outputs and updates with them. */
export function splitNorms(graph: Graph): Graph {
  const nodes: GraphNode[] = [];
  const moved: number[] = [];
  const made = new Map<string, number>();
  const add = (node: Omit<GraphNode, 'dtype'>): number => {
    const key = `${node.op}(${node.inputs.join()})${JSON.stringify(node.attrs)}[${node.shape.join()}]`;
    const known = made.get(key);
    if (known !== undefined) return known;
    nodes.push({ ...node, dtype: 'float32' });
    made.set(key, nodes.length - 1);
    return nodes.length - 1;
  };
  const rowOf = (of: number, row: number, shape: readonly number[], scope: string): number =>
    add({ op: 'channelRow', inputs: [of], attrs: { row }, shape, scope });
  const viewed = (of: number, shape: readonly number[], scope: string): number =>
    add({ op: 'reshape', inputs: [of], attrs: { shape }, shape, scope });
  /** Gradients of the results of batch normalisations, with the sums over them. */
  const sums = new Map<string, number>();
  const { nodes: old } = graph;
  old.forEach((node) => {
    const { op, attrs, shape, scope, dtype } = node;
    const inputs = node.inputs.map((i) => moved[i]!);
    const plain = () => nodes.push({ ...node, inputs }) - 1;
    const channels = (x: number): number => nodes[x]!.shape[1]!;
    const statsOf = (x: number): number =>
      add({ op: 'channelStats', inputs: [x], attrs: {}, shape: [2, channels(x)], scope });
    const sumsOf = (grad: number, x: number, eps: number): number =>
      add({
        op: 'channelSums',
        inputs: [grad, x, statsOf(x)],
        attrs: { eps },
        shape: [2, channels(x)],
        scope,
      });
    if (dtype !== 'float32') {
      moved.push(plain());
      return;
    }
    switch (op) {
      case 'batchNormTrain': {
        const [x, gamma, beta] = inputs as [number, number, number];
        const wide = spread(shape);
        const stats = statsOf(x);
        const rows = [0, 1].map((row) => rowOf(stats, row, wide, scope));
        const scale = [gamma, beta].map((i) => viewed(i, wide, scope));
        moved.push(
          add({
            op: 'normalizeChannels',
            inputs: [x, ...rows, ...scale],
            attrs: { eps: attrs.eps! },
            shape,
            scope,
          }),
        );
        return;
      }
      case 'batchNorm': {
        const [x, gamma, beta, mean, variance] = inputs as [number, number, number, number, number];
        const wide = spread(shape);
        const rest = [mean, variance, gamma, beta].map((i) => viewed(i, wide, scope));
        moved.push(
          add({ op: 'normalizeChannels', inputs: [x, ...rest], attrs: { eps: attrs.eps! }, shape, scope }),
        );
        return;
      }
      case 'batchNormTrainGrad': {
        const [grad, x, gamma] = inputs as [number, number, number];
        const wide = spread(shape);
        const stats = statsOf(x);
        const total = sumsOf(grad, x, attrs.eps as number);
        sums.set(`${grad}`, total);
        const rows = [stats, total].flatMap((of) => [0, 1].map((row) => rowOf(of, row, wide, scope)));
        const [mean, variance, along, across] = rows as [number, number, number, number];
        moved.push(
          add({
            op: 'normalizeChannelsGrad',
            inputs: [grad, x, mean, variance, viewed(gamma, wide, scope), along, across],
            attrs: { eps: attrs.eps!, count: sizeOf(shape) / shape[1]! },
            shape,
            scope,
          }),
        );
        return;
      }
      case 'batchNormGradGamma': {
        const [grad, x] = inputs as [number, number];
        moved.push(rowOf(sumsOf(grad, x, attrs.eps as number), 1, shape, scope));
        return;
      }
      case 'batchStats': {
        const stats = statsOf(inputs[0]!);
        nodes.push({ ...node, op: 'channelRows', inputs: [stats] });
        moved.push(nodes.length - 1);
        return;
      }
      case 'sum': {
        const axes = attrs.axes as readonly number[];
        const given = nodes[inputs[0]!]!.shape;
        const total = sums.get(`${inputs[0]}`);
        const others = given.map((_, i) => i).filter((i) => i !== 1);
        // The sum of a gradient over each channel is one of the two sums.
        if (total !== undefined && sameShape(axes, others)) {
          moved.push(rowOf(total, 0, shape, scope));
          return;
        }
        const rows = weightedStats(nodes, inputs[0]!, shape);
        if (rows) {
          const { stats, weights } = rows;
          const parts = [0, 1].map((row) => rowOf(stats, row, shape, scope));
          const factors = [0, 1].map((index) =>
            add({ op: 'element', inputs: [weights], attrs: { index }, shape: [], scope }),
          );
          moved.push(add({ op: 'weightedRows', inputs: [...parts, ...factors], attrs: {}, shape, scope }));
          return;
        }
        moved.push(plain());
        return;
      }
      default:
        moved.push(plain());
    }
  });
  const to = (i: number): number => moved[i]!;
  return withoutUnused({
    nodes,
    feeds: graph.feeds.map(to),
    storages: graph.storages.map(to),
    outputs: graph.outputs.map(to),
    updates: graph.updates.map(({ node, slot }) => ({ node: to(node), slot })),
    ...(graph.guard === undefined ? {} : { guard: to(graph.guard) }),
  });
}

/** The graph without nodes whose values are not needed any more. */
function withoutUnused(graph: Graph): Graph {
  const { nodes, feeds, storages, outputs, updates, guard } = graph;
  const needed = new Set([...feeds, ...storages, ...outputs, ...updates.map(({ node }) => node)]);
  if (guard !== undefined) needed.add(guard);
  for (let i = nodes.length - 1; i >= 0; i--)
    if (needed.has(i)) for (const input of nodes[i]!.inputs) needed.add(input);
  const place = new Map([...needed].sort((a, b) => a - b).map((old, i) => [old, i]));
  const to = (i: number): number => place.get(i)!;
  return {
    nodes: nodes.filter((_, i) => needed.has(i)).map((node) => ({ ...node, inputs: node.inputs.map(to) })),
    feeds: feeds.map(to),
    storages: storages.map(to),
    outputs: outputs.map(to),
    updates: updates.map(({ node, slot }) => ({ node: to(node), slot })),
    ...(guard === undefined ? {} : { guard: to(guard) }),
  };
}

/** Matches `stats · weights` under a sum of this shape; returns both factors. */
function weightedStats(
  nodes: readonly GraphNode[],
  product: number,
  sum: Shape,
): { readonly stats: number; readonly weights: number } | undefined {
  const { op, inputs, shape } = nodes[product]!;
  if (op !== 'mul' || sum.length !== 1 || shape[1] !== sum[0]) return undefined;
  const rows = inputs.find((input) => nodes[input]!.op === 'channelRows');
  const weights = inputs.find((input) => sameShape(nodes[input]!.shape, [2, 1]));
  return rows === undefined || weights === undefined
    ? undefined
    : { stats: nodes[rows]!.inputs[0]!, weights };
}
