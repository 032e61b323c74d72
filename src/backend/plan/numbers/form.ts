import { attrKey } from '../../../graph/key.js';
import type { Graph, GraphNode } from '../../../graph/plain.js';
import type { DType } from '../../../graph/types.js';
import { isOperation, operationOf } from '../../../ops/operation.js';
import { MARK, without } from './varying.js';

/** A number of a graph: an attribute of a node. */
export interface Place {
  readonly node: number;
  readonly name: string;
  /** The type that kernels read it as. */
  readonly dtype: DType;
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
    const { numbers = [], positions = [] } = inputs.length > 0 && isOperation(op) ? operationOf(op) : {};
    const add = (name: string, type: DType): void => {
      places.push({ node, name, dtype: type });
      values.push(attrs[name] as number);
    };
    for (const name of numbers) add(name, dtype);
    for (const name of positions) add(name, 'int32');
    const names = [...numbers, ...positions];
    const rest = names.length > 0 ? without(attrs, names) : attrs;
    return `${op}(${inputs.join()})${attrKey(rest)}:${dtype}[${shape.join()}]`;
  });
  const written = updates.map(({ node, slot }) => `${node}>${slot}`);
  return { key: `${lines.join(';')}|${outputs.join()}|${written.join()}|${guard}`, places, values };
}

/** The graph with some of its numbers as further feeds, in this order; places of a node stand together. */
export function withNumbersAsFeeds(graph: Graph, places: readonly Place[]): Graph {
  const placed = new Map<number, Place[]>();
  for (const place of places) placed.set(place.node, [...(placed.get(place.node) ?? []), place]);
  const nodes: GraphNode[] = [];
  const numbers: number[] = [];
  const moved: number[] = [];
  const add = (node: GraphNode): number => nodes.push(node) - 1;
  graph.nodes.forEach((node, i) => {
    const named = placed.get(i) ?? [];
    const names = named.map(({ name }) => name);
    const own = named.map(({ dtype }) =>
      add({ ...node, op: 'feed', inputs: [], attrs: { number: true }, shape: [], dtype }),
    );
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
