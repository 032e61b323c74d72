import { type Formula, f, substitute } from '../../../ops/formula.js';
import { withFollowers } from '../../plan/followers.js';
import type { Value, WebGpuBuilder } from '../builder.js';
import { directGroups } from '../kernels/direct.js';
import type { Product } from '../kernels/product.js';
import { param } from '../kernels/program.js';
import { emitLinear } from './cluster.js';
import { finisher } from './emit.js';
import { halfFactors, type Scale } from './half.js';
import { directTile, variantsOf } from './variants.js';

/** A product for one node, with its sizes. */
export interface Task {
  /** Makes the product; `parts` is WGSL for the number of parts of its sums. */
  readonly product: Omit<
    Product,
    'inputs' | 'store' | 'outputs' | 'parts' | 'from' | 'columns' | 'rows' | 'params' | 'declarations'
  >;
  readonly rows: number;
  readonly columns: number;
  readonly layers: number;
  /** Length of the sums, and the largest number of parts into which they can be split. */
  readonly length: number;
  readonly splits: number;
  /** Whether `by` divides the number of steps of the innermost loop in each of `parts`. */
  readonly evenly: (by: number, parts: number) => boolean;
  /** Whether elements of B lie beside each other along the sum, which has one loop. */
  readonly along?: boolean;
  /** WGSL for the place of element (m, n) of a layer in the result, from `layer`, `m` and `n`. */
  readonly place: string;
  /** Numbers of the product's code: rows, columns, parts, the first workgroup in each dimension, and others. */
  readonly params: readonly number[];
  /** An input with a value for each row or for each column, which is added. */
  readonly bias?: { readonly input: number; readonly along: 'row' | 'column' };
  /** How the first two inputs of the node are scaled in float16. */
  readonly scales: readonly [Scale, Scale];
  /** Node whose value is the sums of A: the product has one more column for it, in which B is 1. */
  readonly sums?: number;
}

/** Shortest part of a sum. */
const SHORT = 256;
const MOST_PARTS = 8;
/** Longer sums of a lane are added up in runs. */
const LONG = 4096;
/** Tiles that keep a GPU busy. */
const BUSY = 256;

/** Sums are split into one number of parts, so that the parts of many products are added by one kernel. */
function partsFor(
  b: WebGpuBuilder,
  { rows, columns, layers, length, splits, bias }: Task,
  [x, y]: readonly [number, number],
): number {
  const parts = b.limits.bindings >= MOST_PARTS + 2 ? MOST_PARTS : MOST_PARTS / 2;
  const large = rows * columns * layers > 2 ** 20;
  return bias || large || x * y * layers >= BUSY || length < parts * SHORT || splits < parts ? 1 : parts;
}

/** Adds the steps of a product, and of what follows it. */
export function emitProduct(b: WebGpuBuilder, i: number, values: readonly Value[], task: Task): void {
  const { rows, columns, layers, bias, sums, along = false } = task;
  const half = b.isHalf(i) ? halfFactors(b, i, task.scales) : undefined;
  const inputs = half ? [...half.values, ...values.slice(2), ...half.exponents] : values;
  const [first, last] = task.scales.map(({ group }, k) => `in${values.length + k}(${group})`);
  const scaled = `let v = timesTwoTo(v, -(${first} + ${last}));`;
  const { nodes, activation } = sums === undefined ? withFollowers(b, i) : { nodes: [i] };
  const root = nodes.at(-1)!;
  const parts = partsFor(b, task, directGroups(rows, columns, directTile(task)));
  const all = sums === undefined ? nodes : [sums, ...nodes];
  const common = {
    ...task.product,
    kernel: `${task.product.kernel}${half ? ' float16' : ''}`,
    inputs: inputs.map(({ dtype }) => dtype),
    rows: param(0),
    columns: param(1),
    parts: param(2),
    from: [param(3), param(4), param(5)] as const,
    declarations: finisher(parts === 1 ? activation : undefined),
    long: task.length > LONG * parts,
  };
  const params = [rows, columns, parts, ...task.params.slice(3)];
  const evenly = (by: number): boolean => task.evenly(by, parts);
  const row = `layer * ${param(0)} + m`;
  const added = bias ? ` + in${bias.input}(${bias.along === 'row' ? row : 'n'})` : '';
  const output = b.newValue(root);
  const second = sums === undefined ? [] : [b.newValue(sums)];
  const emit = (storing: string, outputs: readonly Value[]): void => {
    const store = half ? `{ ${scaled} ${storing} }` : storing;
    const product = { ...common, params: params.length, store, outputs: outputs.length };
    const sizes = { rows, columns, evenly, along, half: half !== undefined };
    const [direct, ...others] = variantsOf(product, sizes, b.limits);
    b.add(all, { ...direct!, others, inputs, outputs, params, layers: layers * parts, from: 3 });
  };
  if (parts === 1) {
    const last = sums === undefined ? '' : `if (n + 1u == ${param(1)}) { put1(${row}, v); return; }\n  `;
    emit(`${last}put0(${task.place}, finish(v${added}));`, [output, ...second]);
  } else {
    // Each part has the result's elements, and behind them the sums.
    const each = layers * rows * columns;
    const partial = b.scratch('float32', parts * each);
    const own = task.params.length;
    params.push(each, output.count);
    const start = `part * ${param(own)}`;
    const last =
      sums === undefined
        ? ''
        : `if (n + 1u == ${param(1)}) { put0(${start} + ${param(own + 1)} + ${row}, v); return; }\n  `;
    emit(`${last}put0(${start} + ${task.place}, v);`, [partial]);
    addParts(b, nodes, output, { partial, parts, each, from: 0, ...(activation ? { activation } : {}) });
    if (sums !== undefined) addParts(b, [sums], second[0]!, { partial, parts, each, from: output.count });
  }
  b.define(root, output);
  if (sums !== undefined) {
    b.define(sums, second[0]!);
    b.done.add(sums);
  }
}

/** Adds a step that sums the parts of a product. */
function addParts(
  b: WebGpuBuilder,
  nodes: readonly number[],
  output: Value,
  options: {
    readonly partial: Value;
    readonly parts: number;
    /** Elements of each part, and the first one to add. */
    readonly each: number;
    readonly from: number;
    readonly activation?: Formula;
  },
): void {
  const { partial, parts, each, from, activation } = options;
  const inputs = Array.from({ length: parts }, (_, p) =>
    b.part(partial, (p * each + from) * 4, output.count),
  );
  const sum = inputs.map((_, p): Formula => f.input(p)).reduce((a, c) => f.add(a, c));
  const formula = activation ? substitute(activation, [sum]) : sum;
  emitLinear(b, nodes, inputs, output, {
    formula,
    scalar: inputs.map(() => false),
    count: output.count,
    late: true,
  });
}
