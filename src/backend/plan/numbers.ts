import { attrKey } from '../../graph/key.js';
import type { Graph, GraphNode } from '../../graph/plain.js';
import type { Attrs } from '../../graph/types.js';
import { type Formula, f, substitute } from '../../ops/formula.js';
import { isOperation, type Operation, operationOf } from '../../ops/operation.js';

/*
 * Numbers that change from run to run, such as an annealed weight of a loss, are inputs of a plan. An operation whose
 * attributes have become inputs exists only in plans, under the operation's name and a mark: `affine*` with
 * `numbers: 'scale'` is x · s + shift, where s is its last input, a scalar feed.
 */

const MARK = '*';

/** The name of the operation that a node computes, without the mark. */
export const operationNameOf = (op: string): string => (op.endsWith(MARK) ? op.slice(0, -MARK.length) : op);

const isVarying = (op: string): boolean => op.endsWith(MARK);

/** Whether a leaf is a number: a float64 is passed for it, of whatever type it is. */
export const isNumber = ({ attrs }: GraphNode): boolean => attrs.number === true;

/** The attributes of a node that are its last inputs. */
const namesOf = ({ numbers }: Attrs): readonly string[] => (numbers as string).split(',');

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

const without = (attrs: Attrs, names: readonly string[]): Attrs =>
  Object.fromEntries(Object.entries(attrs).filter(([name]) => !names.includes(name)));

/** The inputs of a node whose last inputs are numbers, and its attributes with these. */
export function splitNumbers<T>(
  inputs: readonly T[],
  attrs: Attrs,
): { readonly inputs: readonly T[]; readonly numbers: Readonly<Record<string, T>>; readonly rest: Attrs } {
  const names = namesOf(attrs);
  const count = inputs.length - names.length;
  return {
    inputs: inputs.slice(0, count),
    numbers: Object.fromEntries(names.map((name, k) => [name, inputs[count + k]!])),
    rest: without(attrs, ['numbers']),
  };
}

/** The formula of an operation, also of one with numbers as inputs; undefined if it is not elementwise. */
export function operationFormula(op: string): NonNullable<Operation['formula']> | undefined {
  const name = operationNameOf(op);
  const formula = isOperation(name) ? operationOf(name).formula : undefined;
  if (!formula || !isVarying(op)) return formula;
  return (operands, attrs) => {
    const { inputs, numbers, rest } = splitNumbers<Formula>(
      operands.map((_, k) => f.input(k)),
      attrs,
    );
    // A formula only passes numbers on to `f`, which takes formulas as well.
    return substitute(formula(inputs, { ...rest, ...numbers } as unknown as Attrs), operands);
  };
}
