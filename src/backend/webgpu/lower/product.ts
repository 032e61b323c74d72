import { sizeOf } from '../../../graph/types.js';
import { f } from '../../../ops/formula.js';
import { withFollowers } from '../../plan/followers.js';
import type { Builder, Value } from '../builder.js';
import { map, WORKGROUP } from '../kernels/map.js';
import { directGroups, directProduct, type Product, type Tile } from '../kernels/product.js';
import { param } from '../kernels/program.js';
import { finisher } from './emit.js';

/** A product for one node, with its sizes. */
export interface Task {
  /** Makes the product; `parts` is WGSL for the number of parts of its sums. */
  readonly product: Omit<
    Product,
    'store' | 'outputs' | 'parts' | 'columns' | 'rows' | 'params' | 'declarations'
  >;
  readonly rows: number;
  readonly columns: number;
  readonly layers: number;
  /** Length of the sums, and the largest number of parts into which they can be split. */
  readonly length: number;
  readonly splits: number;
  /** WGSL for the place of element (m, n) of a layer in the result, from `layer`, `m` and `n`. */
  readonly place: string;
  /** Numbers of the product's code, the first of which are rows, columns and parts. */
  readonly params: readonly number[];
  /** An input with a value for each row or for each column, which is added. */
  readonly bias?: { readonly input: number; readonly along: 'row' | 'column' };
  /** The last column, whose B is 1, is the sums of A: they are the value of this node. */
  readonly sums?: number;
}

/** Sums shorter than this are not split. */
const SHORT = 512;
/** Tiles that keep a GPU busy. */
const BUSY = 256;

const tileFor = (rows: number, columns: number): Tile => ({
  rows: rows >= 5 ? 8 : rows >= 2 ? 4 : 1,
  columns: columns >= 96 ? 8 : columns >= 32 ? 4 : 1,
});

function partsFor(
  { rows, columns, layers, length, splits }: Task,
  [x, y]: readonly [number, number],
): number {
  const tiles = x * y * layers;
  if (tiles >= BUSY || rows * columns * layers > 2 ** 20) return 1;
  return Math.max(1, Math.min(Math.floor(BUSY / tiles), Math.floor(length / SHORT), splits, 32));
}

/** Adds the steps of a product, and of what follows it. */
export function emitProduct(b: Builder, i: number, inputs: readonly Value[], task: Task): void {
  const { rows, columns, layers, bias, sums } = task;
  const { nodes, activation } = sums === undefined ? withFollowers(b, i) : { nodes: [i] };
  const root = nodes.at(-1)!;
  const tile = tileFor(rows, columns);
  const groups = directGroups(rows, columns, tile);
  const parts = partsFor(task, groups);
  const output = b.newValue(root);
  const second = sums === undefined ? [] : [b.newValue(sums)];
  const added = bias ? ` + in${bias.input}(${bias.along === 'row' ? `layer * ${param(0)} + m` : 'n'})` : '';
  const finished = `put0(${task.place}, finish(v${added}));`;
  const store =
    sums === undefined
      ? finished
      : `if (n + 1u == ${param(1)}) { put1(layer * ${param(0)} + m, v); return; }\n  ${finished}`;
  const common = {
    ...task.product,
    rows: param(0),
    columns: param(1),
    parts: param(2),
    params: task.params.length,
  };
  const outputs = [output, ...second];
  const params = [rows, columns, parts, ...task.params.slice(3)];
  const all = sums === undefined ? nodes : [sums, ...nodes];
  if (parts === 1) {
    const program = directProduct(
      { ...common, store, outputs: outputs.length, declarations: finisher(activation) },
      tile,
    );
    b.add(all, { program, inputs, outputs, params, groups: groups[0], rows: groups[1], layers });
  } else {
    const count = layers * rows * columns;
    const partial = b.scratch('float32', parts * count);
    // The bias is added with the sum of the parts.
    const program = directProduct(
      { ...common, store: `put0(((part * ${layers}u + layer) * ${param(0)} + m) * ${param(1)} + n, v);` },
      tile,
    );
    b.add(all, {
      program,
      inputs,
      outputs: [partial],
      params,
      groups: groups[0],
      rows: groups[1],
      layers: layers * parts,
    });
    addParts(b, all, { task, partial, parts, count, finish: finisher(activation), store, inputs, outputs });
  }
  b.define(root, output);
  if (sums !== undefined) {
    b.define(sums, second[0]!);
    b.done.add(sums);
  }
}

/** Adds a step that sums the parts of products. */
function addParts(
  b: Builder,
  nodes: readonly number[],
  options: {
    readonly task: Task;
    readonly partial: Value;
    readonly parts: number;
    readonly count: number;
    readonly finish: string;
    readonly store: string;
    readonly inputs: readonly Value[];
    readonly outputs: readonly Value[];
  },
): void {
  const { task, partial, parts, count, finish, inputs, outputs } = options;
  // The product's inputs are not read here, but for the bias.
  const bias = task.bias ? [inputs[task.bias.input]!] : [];
  const own = map({
    kernel: 'parts',
    inputs: ['float32', ...bias.map(() => 'float32' as const)],
    output: 'float32',
    count: param(3),
    params: 4,
    value: 'return 0f;',
  });
  const store = options.store.replace(/\bin\d+\(/, 'in1(');
  const code = `${finish}
fn store(layer: u32, m: u32, n: u32, v: f32) {
  ${store}
}
@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * ${WORKGROUP}u + lane;
  if (i >= ${param(3)}) { return; }
  var total = 0f;
  for (var p = 0u; p < ${param(2)}; p++) { total += in0(p * ${param(3)} + i); }
  let n = i % ${param(1)};
  let m = (i / ${param(1)}) % ${param(0)};
  store(i / (${param(0)} * ${param(1)}), m, n, total);
}`;
  b.add(nodes, {
    program: { ...own, outputs: outputs.map(() => 'float32' as const), code },
    inputs: [partial, ...bias],
    outputs,
    params: [task.rows, task.columns, parts, count],
    groups: Math.ceil(count / WORKGROUP),
  });
}

/** The formula of a copy. */
export const IDENTITY = f.input(0);
/** Number of elements of a node. */
export const countOf = (b: Builder, i: number): number => sizeOf(b.node(i).shape);
