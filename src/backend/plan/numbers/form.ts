import { numberPlaces } from '../../../graph/numbers.js';
import type { Graph, GraphNode } from '../../../graph/plain.js';
import { operationOf } from '../../../ops/operation.js';
import { MARK, without } from './varying.js';

/** The graph with some of its numbers as further feeds. @param which of the key's numbers, in ascending order */
export function withNumbersAsFeeds(graph: Graph, which: readonly number[]): Graph {
  const places = numberPlaces(graph.nodes);
  const named = new Map<number, string[]>();
  for (const i of which) {
    const { node, name } = places[i]!;
    named.set(node, [...(named.get(node) ?? []), name]);
  }
  const nodes: GraphNode[] = [];
  const numbers: number[] = [];
  const moved: number[] = [];
  const add = (node: GraphNode): number => nodes.push(node) - 1;
  graph.nodes.forEach((node, i) => {
    const names = named.get(i) ?? [];
    const own = names.map((name) => add(numberLeaf(node, name)));
    const made = { ...node, inputs: [...node.inputs.map((input) => moved[input]!), ...own] };
    const attrs = { ...without(node.attrs, names), numbers: names.join() };
    moved.push(add(names.length === 0 ? made : { ...made, op: `${node.op}${MARK}`, attrs }));
    numbers.push(...own);
  });
  const at = (i: number): number => moved[i]!;
  return {
    nodes,
    feeds: [...graph.feeds.map(at), ...numbers],
    storages: graph.storages.map(at),
    outputs: graph.outputs.map(at),
    updates: graph.updates.map(({ node, slot }) => ({ node: at(node), slot })),
    ...(graph.guard === undefined ? {} : { guard: at(graph.guard) }),
  };
}

/** The leaf for a number of a node. Kernels read a position as an integer, other numbers in the node's type. */
function numberLeaf(node: GraphNode, name: string): GraphNode {
  const dtype = operationOf(node.op).positions?.includes(name as never) ? 'int32' : node.dtype;
  return { ...node, op: 'feed', inputs: [], attrs: { number: true }, shape: [], dtype };
}
