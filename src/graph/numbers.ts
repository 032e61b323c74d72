import type { Graph, GraphNode } from './plain.js';

/*
 * Numbers in attributes that may change from run to run, such as a factor or the start of a slice. What remains of a graph
 * without them is its form, so a plan for the form can take them as inputs.
 */

const NONE: readonly string[] = [];
const names = new Map<string, readonly string[]>();

/** Tells which attributes of an operation are such numbers. */
export const declareNumbers = (op: string, attributes: readonly string[]): void => {
  if (attributes.length > 0) names.set(op, attributes);
};

/** The attributes of an operation that are such numbers. */
export const numbersOf = (op: string): readonly string[] => names.get(op) ?? NONE;

/** A number of a graph: an attribute of a node. */
export interface NumberPlace {
  readonly node: number;
  readonly name: string;
}

/** All numbers of a graph, in the order of `GraphKey.numbers`. */
export const numberPlaces = (nodes: readonly GraphNode[]): NumberPlace[] =>
  nodes.flatMap(({ op }, node) => numbersOf(op).map((name) => ({ node, name })));

/** The graph with other numbers at these places. */
export function withNumbers(graph: Graph, places: readonly NumberPlace[], numbers: readonly number[]): Graph {
  const nodes = [...graph.nodes];
  places.forEach(({ node: at, name }, i) => {
    const node = nodes[at]!;
    if (Object.is(node.attrs[name], numbers[i])) return;
    nodes[at] = { ...node, attrs: { ...node.attrs, [name]: numbers[i]! } };
  });
  return { ...graph, nodes };
}

/** Whether two graphs of one form have the same numbers: 0 and −0 differ, NaN is the same as itself. */
export const sameNumbers = (a: readonly number[], b: readonly number[]): boolean =>
  a.every((value, i) => Object.is(value, b[i]));
