import type { Graph, GraphNode } from '../../graph/graph.js';
import { type Shape, sameShape } from '../../graph/types.js';
import { type Formula, f, partsOf, substitute } from '../../ops/formula.js';
import type { Operation } from '../../ops/operation.js';
import { isNumber, operationFormula } from './numbers/varying.js';
import { usersOf, wantedOf } from './users.js';

/** Elementwise nodes that one kernel computes, without storing intermediate values. */
export interface Cluster {
  /** In graph order; the result of the last node is the result of the cluster. */
  readonly nodes: readonly number[];
  /** Nodes whose values the cluster reads, without duplicates; they broadcast to the result's shape. */
  readonly inputs: readonly number[];
  /** Formula for one element of the result, given the inputs. */
  readonly formula: Formula;
  /** Present if the elements, of shape `shape`, are then reduced over `axes`. */
  readonly reduce?: { readonly op: 'sum' | 'max'; readonly axes: readonly number[]; readonly shape: Shape };
}

/** A kernel with more inputs or subexpressions becomes slower, since its values no longer fit into registers. */
const MAX_INPUTS = 8;
const MAX_PARTS = 48;

type FormulaOf = NonNullable<Operation['formula']>;

/** What an engine adds to the rules of fusion. */
export interface Fusion {
  /** Formulas of operations that exist only in the engine's plans. */
  readonly formulas?: Readonly<Record<string, FormulaOf>>;
  /** The largest number of inputs of a cluster; without it, of those that are no numbers of the graph. */
  readonly inputs?: number;
}

/** The formula of an operation, if it is elementwise. */
export const formulaOf = (op: string, { formulas = {} }: Fusion = {}): FormulaOf | undefined => {
  if (Object.hasOwn(formulas, op)) return formulas[op];
  return operationFormula(op);
};

/** Whether a node is an elementwise operation on float32 values that has a formula. */
export const isElementwise = (
  { op, inputs, dtype }: GraphNode,
  nodes: readonly GraphNode[],
  fusion: Fusion = {},
): boolean =>
  inputs.length > 0 &&
  dtype === 'float32' &&
  formulaOf(op, fusion) !== undefined &&
  inputs.every((input) => nodes[input]!.dtype === 'float32');

/**
 * The clusters of a graph, by their last node. A node joins the node that reads its result if that is the only reader,
 * both have the same shape, and the value is not an output or an update of the graph. A single node is a cluster too.
 *
 * @param apart nodes that must not be part of a cluster, such as an activation that a convolution applies
 * @param pair the other node of a pair that one primitive of the engine computes, given the second node: both are a
 *   cluster of their own
 */
export function clusters(
  graph: Graph,
  apart: (node: number) => boolean,
  pair: (node: number) => number | undefined = () => undefined,
  fusion: Fusion = {},
): Map<number, Cluster> {
  const { nodes } = graph;
  // Numbers take as many registers as constants, so that a plan has the same clusters with both.
  const isFull = ({ inputs }: Cluster): boolean =>
    fusion.inputs === undefined
      ? inputs.filter((input) => !isNumber(nodes[input]!)).length > MAX_INPUTS
      : inputs.length > fusion.inputs;
  const users = usersOf(graph);
  const wanted = wantedOf(graph);
  const made = new Map<number, Cluster>();
  const pairs = new Set<number>();
  nodes.forEach((node, i) => {
    const reduce = reductionOf(node, nodes);
    if ((!reduce && !isElementwise(node, nodes, fusion)) || apart(i)) return;
    const shape = reduce?.shape ?? node.shape;
    const partner = pair(i);
    const joins = (input: number): Cluster | undefined => {
      if (pairs.has(input) || (partner !== undefined && input !== partner)) return undefined;
      const other = made.get(input);
      const alone = users[input]!.length === 1 && !wanted.has(input);
      return other && !other.reduce && alone && sameShape(nodes[input]!.shape, shape) ? other : undefined;
    };
    let cluster = joined(i, node, joins, reduce, fusion);
    if (isFull(cluster) || partsOf(cluster.formula).length > MAX_PARTS)
      cluster = joined(i, node, () => undefined, reduce, fusion);
    for (const inner of cluster.nodes) made.delete(inner);
    made.set(i, cluster);
    if (partner !== undefined) pairs.add(i);
  });
  return made;
}

/** The reduction of a node, if it is a float32 sum, maximum or sum of squares. */
function reductionOf(
  { op, inputs, dtype, attrs }: GraphNode,
  nodes: readonly GraphNode[],
): Cluster['reduce'] {
  if (dtype !== 'float32' || inputs.length === 0) return undefined;
  const { shape } = nodes[inputs[0]!]!;
  if (op === 'sumOfSquares') return { op: 'sum', axes: shape.map((_, axis) => axis), shape };
  return op === 'sum' || op === 'max' ? { op, axes: attrs.axes as readonly number[], shape } : undefined;
}

function joined(
  i: number,
  node: GraphNode,
  joins: (input: number) => Cluster | undefined,
  reduce: Cluster['reduce'],
  fusion: Fusion,
): Cluster {
  const inputs: number[] = [];
  const nodes = new Set<number>();
  const inputOf = (external: number): Formula => {
    if (!inputs.includes(external)) inputs.push(external);
    return f.input(inputs.indexOf(external));
  };
  const made = new Map<number, Formula>();
  const operands = node.inputs.map((input) => {
    let operand = made.get(input);
    if (!operand) {
      const inner = joins(input);
      for (const member of inner?.nodes ?? []) nodes.add(member);
      operand = inner ? substitute(inner.formula, inner.inputs.map(inputOf)) : inputOf(input);
      made.set(input, operand);
    }
    return operand;
  });
  nodes.add(i);
  const formula = reduce
    ? reducedFormula(node.op, operands[0]!)
    : formulaOf(node.op, fusion)!(operands, node.attrs);
  return { nodes: [...nodes].sort((a, b) => a - b), inputs, formula, ...(reduce ? { reduce } : {}) };
}

/** Formula of the elements that a reduction sums, or takes the maximum of. */
const reducedFormula = (op: string, x: Formula): Formula => (op === 'sumOfSquares' ? f.mul(x, x) : x);
