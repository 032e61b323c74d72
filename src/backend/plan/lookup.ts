import type { Graph, GraphNode } from '../../graph/graph.js';
import { type Shape, sameShape } from '../../graph/types.js';
import { isAlias } from './describe.js';
import { usersOf, wantedOf } from './users.js';

/** How often each row of a table is looked up, on average, where computing on the table is clearly less work. */
const LOOKUPS = 4;
/** With fewer features a product is no more work than copying its result. */
const FEWEST_FEATURES = 16;

/** An operation that exists only in plans: a table whose rows are 0 unless an index names them. */
const USED_ROWS = 'usedRows';

/** The rows [n, features] of a table that indices name. */
interface Lookup {
  /** The table [rows, features]. */
  readonly table: number;
  /** The indices [n], in the order of the rows. */
  readonly indices: number;
}

/**
 * Computes linear layers whose inputs are looked up in a table, such as the first layer of a network of characters, for
 * the rows of the table, which are fewer, and looks up the results: linear(table[i]) = linear(table)[i]. In the backward
 * pass the gradients are summed for each row of the table first, and the gradients of weights and table are products over
 * the rows of the table. A row that no index names has no effect, even if it has NaN.
 */
export function lookUpLast(graph: Graph): Graph {
  const work = new Rewriting(graph);
  graph.nodes.forEach((node, i) => {
    if (node.op === 'linear') work.forward(i);
    else if (node.op === 'linearGradWeight') work.gradWeight(i);
    else if (node.op === 'indexSelectGrad') work.gradTable(i);
  });
  work.sums();
  return work.result();
}

class Rewriting {
  readonly #graph: Graph;
  readonly #users: readonly (readonly number[])[];
  readonly #wanted: ReadonlySet<number>;
  /** The nodes of the graph, and new ones behind them. */
  readonly #nodes: GraphNode[];
  readonly #made = new Map<string, number>();
  /** Sums of gradients over the rows of a table, by the gradients. */
  readonly #sums = new Map<number, number>();
  #changed = false;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#nodes = [...graph.nodes];
    this.#users = usersOf(graph);
    this.#wanted = wantedOf(graph);
  }

  #node(i: number): GraphNode {
    return this.#nodes[i]!;
  }

  #replace(i: number, change: Pick<GraphNode, 'op' | 'inputs' | 'attrs'>): void {
    this.#nodes[i] = { ...this.#node(i), ...change };
    this.#changed = true;
  }

  /** The index of a node like this one. */
  #make(node: GraphNode): number {
    const { op, inputs, attrs, shape } = node;
    const key = JSON.stringify([op, inputs, attrs, shape]);
    let i = this.#made.get(key);
    if (i === undefined) this.#made.set(key, (i = this.#nodes.push(node) - 1));
    return i;
  }

  /** A node of the same type and module as another. */
  #like(
    i: number,
    change: Pick<GraphNode, 'op' | 'inputs' | 'shape'> & { readonly attrs?: GraphNode['attrs'] },
  ): number {
    const { dtype, scope } = this.#node(i);
    return this.#make({ attrs: {}, dtype, scope, ...change });
  }

  /** y = linear(x): the layer of the table, whose results are looked up. */
  forward(i: number): void {
    const [x, ...weights] = this.#node(i).inputs as [number, ...number[]];
    const found = this.#lookup(x);
    if (!found) return;
    const { table, indices } = found;
    const shape = [this.#node(table).shape[0]!, this.#node(i).shape[1]!];
    const layer = this.#like(i, { op: 'linear', inputs: [table, ...weights], shape });
    this.#replace(i, { op: 'indexSelect', inputs: [layer, indices], attrs: { axis: 0 } });
  }

  /** The gradient of the weights. */
  gradWeight(i: number): void {
    const [grad, x] = this.#node(i).inputs as [number, number];
    const found = this.#lookup(x);
    if (!found) return;
    const { table, indices } = found;
    const { shape } = this.#node(table);
    const used = this.#like(table, { op: USED_ROWS, inputs: [table, indices], shape });
    const inputs = [this.#summed(grad, indices, shape[0]!), used];
    this.#replace(i, { op: 'linearGradWeight', inputs, attrs: {} });
  }

  /** The gradient of the table, from that of the rows that were looked up. */
  gradTable(i: number): void {
    const { inputs, attrs, shape } = this.#node(i);
    const [rows, index] = inputs as [number, number];
    if (attrs.axis !== 0 || shape.length !== 2 || !this.#pays(index, shape)) return;
    const moves: number[] = [];
    let at = rows;
    for (; this.#keepsRows(at, shape[1]!); at = this.#node(at).inputs[0]!) {
      if (!this.#isInner(at)) return;
      moves.push(at);
    }
    const { op, inputs: factors } = this.#node(at);
    if (op !== 'linearGradInput' || !this.#isInner(at)) return;
    // The indices in the order of the gradients: back through what has moved the rows.
    const indices = moves.reduce((order, move) => {
      const { op: moving, attrs: how, inputs: from, shape: to } = this.#node(move);
      if (moving !== 'permute') return this.#reshaped(order, this.#node(from[0]!).shape.slice(0, -1));
      return this.#permuted(order, to.slice(0, -1), inverse((how.axes as readonly number[]).slice(0, -1)));
    }, index);
    const [grad, w] = factors as [number, number];
    const flat = this.#reshaped(indices, [this.#node(grad).shape[0]!]);
    const inputsOfTable = [this.#summed(grad, flat, shape[0]!), w];
    this.#replace(i, { op: 'linearGradInput', inputs: inputsOfTable, attrs: {} });
  }

  /** Gradients of biases: sums over rows of the table too, which are fewer. */
  sums(): void {
    for (const [grad, summed] of this.#sums)
      for (const user of this.#namesOf(grad).flatMap((name) => this.#users[name]!)) {
        const { op, inputs, attrs } = this.#node(user);
        const axes = attrs.axes as readonly number[];
        const isBias = op === 'sum' && !attrs.keepDims && axes.length === 1 && axes[0] === 0;
        if (isBias && inputs[0] === grad) this.#replace(user, { op, inputs: [summed], attrs });
      }
  }

  /** All nodes with the value of this one. */
  #namesOf(i: number): number[] {
    let source = i;
    while (isAlias(this.#node(source))) source = this.#node(source).inputs[0]!;
    const names = [source];
    for (const name of names)
      names.push(
        ...this.#users[name]!.filter(
          (user) => isAlias(this.#node(user)) && this.#node(user).inputs[0] === name,
        ),
      );
    return names;
  }

  /** What a value [n, features] looks up, if that is all it does, and computing on the table is less work. */
  #lookup(x: number): Lookup | undefined {
    const features = this.#node(x).shape[1]!;
    const moves: number[] = [];
    let at = x;
    for (; this.#keepsRows(at, features); at = this.#node(at).inputs[0]!) moves.push(at);
    const { op, inputs, attrs } = this.#node(at);
    if (op !== 'indexSelect' || attrs.axis !== 0) return undefined;
    const [table, index] = inputs as [number, number];
    const { shape } = this.#node(table);
    if (shape.length !== 2 || !this.#pays(index, shape)) return undefined;
    const indices = moves.reduceRight((order, move) => {
      const { op: moving, attrs: how, inputs: from, shape: to } = this.#node(move);
      if (moving !== 'permute') return this.#reshaped(order, to.slice(0, -1));
      const seen = this.#node(from[0]!).shape.slice(0, -1);
      return this.#permuted(order, seen, (how.axes as readonly number[]).slice(0, -1));
    }, index);
    return { table, indices };
  }

  #pays(index: number, [rows, features]: Shape): boolean {
    return LOOKUPS * rows! <= this.#node(index).shape[0]! && features! >= FEWEST_FEATURES;
  }

  /** Whether a node has the rows of its input, each with its features, perhaps in another order. */
  #keepsRows(i: number, features: number): boolean {
    const node = this.#node(i);
    const { shape, attrs } = node;
    const last = shape.length - 1;
    if (node.op === 'permute') return last > 0 && (attrs.axes as readonly number[])[last] === last;
    const from = isAlias(node) ? this.#node(node.inputs[0]!).shape : [];
    return last > 0 && shape[last] === features && from.at(-1) === features;
  }

  /** Whether only one node reads a value. */
  #isInner(i: number): boolean {
    return this.#users[i]!.length === 1 && !this.#wanted.has(i);
  }

  /** Indices in another order. @param shape what they are seen as @param axes of that */
  #permuted(indices: number, shape: Shape, axes: readonly number[]): number {
    const seen = this.#reshaped(indices, shape);
    const to = axes.map((axis) => shape[axis]!);
    return this.#like(seen, { op: 'permute', inputs: [seen], attrs: { axes }, shape: to });
  }

  #reshaped(indices: number, shape: Shape): number {
    const { op, inputs, shape: own } = this.#node(indices);
    if (sameShape(own, shape)) return indices;
    // Of what was reshaped before, so that equal indices are one node.
    const source = op === 'reshape' ? inputs[0]! : indices;
    if (sameShape(this.#node(source).shape, shape)) return source;
    return this.#like(source, { op: 'reshape', inputs: [source], attrs: { shape: [...shape] }, shape });
  }

  /** The sums of gradients over equal indices. */
  #summed(grad: number, indices: number, rows: number): number {
    const shape = [rows, this.#node(grad).shape[1]!];
    const inputs = [grad, indices];
    const made = this.#like(grad, { op: 'indexSelectGrad', inputs, attrs: { axis: 0, size: rows }, shape });
    this.#sums.set(grad, made);
    return made;
  }

  /** The graph with the nodes that are still needed, inputs first. */
  result(): Graph {
    if (!this.#changed) return this.#graph;
    const { feeds, storages, outputs, updates, guard } = this.#graph;
    const needed = new Set([...feeds, ...storages, ...this.#wanted]);
    for (const i of needed) for (const input of this.#node(i).inputs) needed.add(input);
    const position = new Map<number, number>();
    const nodes: GraphNode[] = [];
    const place = (i: number): number => {
      const known = position.get(i);
      if (known !== undefined) return known;
      const inputs = this.#node(i).inputs.map(place);
      const at = nodes.push({ ...this.#node(i), inputs }) - 1;
      position.set(i, at);
      return at;
    };
    for (const i of [...needed].sort((a, b) => a - b)) place(i);
    return {
      nodes,
      feeds: feeds.map(place),
      storages: storages.map(place),
      outputs: outputs.map(place),
      updates: updates.map(({ node, slot }) => ({ node: place(node), slot })),
      ...(guard === undefined ? {} : { guard: place(guard) }),
    };
  }
}

/** The axes that undo a permutation. */
const inverse = (axes: readonly number[]): number[] => axes.map((_, i) => axes.indexOf(i));
