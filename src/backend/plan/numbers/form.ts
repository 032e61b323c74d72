import { attrKey } from '../../../graph/key.js';
import type { Graph, GraphNode } from '../../../graph/plain.js';
import { isOperation, operationOf } from '../../../ops/operation.js';
import { MARK, without } from './varying.js';

/** A number of a graph: an attribute of a node. */
export interface Place {
  readonly node: number;
  readonly name: string;
}

/** What graphs have in common that differ only in numbers. */
export interface GraphForm {
  readonly key: string;
  readonly places: readonly Place[];
  /** The numbers at these places. */
  readonly values: readonly number[];
}

/** The numbers of a graph, and its key without them. */
export function formOf({ nodes, outputs, updates, guard }: Graph): GraphForm {
  const places: Place[] = [];
  const values: number[] = [];
  const lines = nodes.map(({ op, inputs, attrs, shape, dtype }, node) => {
    const names = inputs.length > 0 && isOperation(op) ? (operationOf(op).numbers ?? []) : [];
    for (const name of names) {
      places.push({ node, name });
      values.push(attrs[name] as number);
    }
    const rest = names.length > 0 ? without(attrs, names) : attrs;
    return `${op}(${inputs.join()})${attrKey(rest)}:${dtype}[${shape.join()}]`;
  });
  const written = updates.map(({ node, slot }) => `${node}>${slot}`);
  return { key: `${lines.join(';')}|${outputs.join()}|${written.join()}|${guard}`, places, values };
}

/** The graph with some of its numbers as further feeds, in this order; places of a node stand together. */
export function withNumbersAsFeeds(graph: Graph, places: readonly Place[]): Graph {
  const named = new Map<number, string[]>();
  for (const { node, name } of places) named.set(node, [...(named.get(node) ?? []), name]);
  const nodes: GraphNode[] = [];
  const numbers: number[] = [];
  const moved: number[] = [];
  const add = (node: GraphNode): number => nodes.push(node) - 1;
  graph.nodes.forEach((node, i) => {
    const names = named.get(i) ?? [];
    const own = names.map(() => add({ ...node, op: 'feed', inputs: [], attrs: { number: true }, shape: [] }));
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
