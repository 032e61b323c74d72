import { CELLS } from '../../../../ops/sequence/recurrent.js';
import { macsOf } from '../../../plan/describe.js';
import type { Region } from '../../../plan/region.js';
import { readerOf } from '../../../plan/users.js';
import { checked } from '../../../reference/kernels/select.js';
import { hasInner } from '../../../simd/recurrent/cells.js';
import { layerOf, recurrentOperation } from '../../../simd/recurrent/lowered.js';
import { along, elementsOf, ROWS, ranges } from '../../../simd/recurrent/recurrent.js';
import { Arg } from '../../api/dnnl.js';
import type { OneDnnBuilder } from '../../builder.js';
import { emitVectors, reachable } from '../vectors.js';
import { callsOf, type Operand, type Placed } from './calls.js';
import { stateCopies } from './copies.js';
import { backwardArgs, backwardKernel, forwardArgs, forwardKernel } from './kernels.js';
import { joinColumns, joinedProducts, packWeights, primitivesOf, stateProducts, tanhOf } from './products.js';

/** A recurrent layer, or its gradients. */
export function lowerRecurrent(b: OneDnnBuilder, i: number): boolean {
  const build = recurrentOperation(b.graph, i);
  return build !== undefined && (lowerNative(b, i) || emitVectors(b, i, build));
}

/** A linear layer that computes the inputs of the gates. */
interface InputLayer {
  readonly x: number;
  readonly w: number;
  readonly bias: number | undefined;
}

/** A table of inputs of the gates: an index for each position and example names a row. */
interface InputTable {
  readonly table: number;
  readonly indices: number;
}

/**
 * A linear layer of which only a recurrent layer reads the result: its products are computed position by position, in one
 * product with those of the state, instead of being written to memory for all positions and read again.
 */
export function lowerRecurrentInput(b: OneDnnBuilder, i: number): boolean {
  const [x, w, bias] = b.node(i).inputs as [number, number, number | undefined];
  return lowerWithReader(b, i, { x, w, bias });
}

/** Rows of a table that only a recurrent layer reads: it reads them where they are, without a copy of all of them. */
export function lowerRecurrentLookup(b: OneDnnBuilder, i: number): boolean {
  const { inputs, attrs } = b.node(i);
  const [table, indices] = inputs as [number, number];
  return attrs.axis === 0 && b.node(table).shape.length === 2 && lowerWithReader(b, i, { table, indices });
}

/** Lowers the recurrent layer that is the only reader of this node, its inputs of the gates. */
function lowerWithReader(b: OneDnnBuilder, i: number, input: InputLayer | InputTable): boolean {
  const reader = readerOf(b, i);
  if (reader === undefined || b.node(reader).op !== 'recurrent') return false;
  const { inputs } = b.node(reader);
  const others = inputs.slice(1);
  const isKnown = others.every((other) => b.values[other] !== undefined);
  if (b.sourceOf(inputs[0]!) !== b.sourceOf(i) || !isKnown) return false;
  if (others.some((other) => b.sourceOf(other) === b.sourceOf(i))) return false;
  if (!lowerNative(b, reader, input)) return false;
  b.done.add(reader);
  // Nothing reads it; a reshape in between asks for it.
  b.define(i, b.value(reader).forms[0]!);
  return true;
}

/** With fewer weights a call of a primitive costs more time than it saves. */
const FEWEST_WEIGHTS = 2 ** 12;
/** The most operands that differ from position to position: each is an object of the library. */
const MOST_MOVING = 2 ** 12;

/**
 * The layer with the library's products. The pool's threads call them, each for its own examples. Returns false for
 * gradients of the first state, for small layers, and if the library has no fast product.
 *
 * @param input what the inputs of the gates are computed from, which the node reads otherwise; not for a GRU
 */
function lowerNative(b: OneDnnBuilder, i: number, input?: InputLayer | InputTable): boolean {
  const { op, inputs, scope } = b.node(i);
  const { arena } = b;
  const layer = layerOf(b.graph, i);
  const { cell, count, size, length } = layer;
  const { gates, grads } = CELLS[cell];
  if (!arena?.pool || op === 'recurrentGradStart' || gates * size * size < FEWEST_WEIGHTS) return false;
  const forward = op === 'recurrent';
  const pieces = Math.ceil(count / ROWS);
  const first = input && 'x' in input ? input : undefined;
  const lookup = input && 'table' in input ? input : undefined;
  // A GRU's input of n is not added to its product.
  if (input && cell === 'gru') return false;
  const features = first ? b.node(first.x).shape[1]! : 0;
  const wanted = first
    ? joinedProducts(layer, features, first.bias !== undefined)
    : stateProducts(layer, forward);
  const products = primitivesOf(b, layer, wanted);
  if (!products) return false;
  const { pool } = arena;
  // The gradients of the gates are read where they are written, unless those of others lie between them.
  const copies = !forward && (gates !== grads || length * pieces > MOST_MOVING);
  const w = inputs[forward ? 1 : 2]!;
  const out = b.newPlainForm(i);
  const inArena = (node: number): Region => reachable(b, node, b.plainForm(node)).region;
  // Values that only the library reads may lie outside of the arena, and inputs of the gates need not exist.
  const regions = inputs.map((node, k) => {
    if (input && k === 0) return inArena('x' in input ? input.x : input.table);
    return node === w ? b.plainForm(node).region : inArena(node);
  });
  const indices = lookup && inArena(lookup.indices);
  const [from] = products[0]!.columns;
  const to = products.reduce((sum, { columns }) => sum + columns[1], 0);
  const operands = [...regions, out.region];
  // The input of the products, their results, and what tanh is taken of, or the gradients of c: each for all examples.
  const own = [forward || copies ? from : 0, to, size].map((columns) => b.region(4 * count * columns));
  const [read, written] = own as [Region, Region];
  const { first: begin, step } = along(layer, from);
  const source: Operand =
    forward || copies
      ? { arg: Arg.src, region: read, offset: 0, columns: from }
      : { arg: Arg.src, region: out.region, offset: begin, columns: from, step };
  const weights = first ? joinColumns(b, i, [first.w, w]) : b.plainForm(w).region;
  const bias = first?.bias === undefined ? undefined : b.plainForm(first.bias).region;
  const starts = products.map((_, k) =>
    products.slice(0, k).reduce((sum, { columns }) => sum + columns[1], 0),
  );
  const placed = products.map((product, k): Placed => {
    const [, width] = product.columns;
    const packed = packWeights(b, i, weights, product, forward);
    const added = bias && { arg: Arg.bias, region: bias, offset: 4 * product.row, md: b.dnnl.plain([width]) };
    return {
      product,
      operands: [
        source,
        { arg: Arg.weights, region: packed, offset: 0, md: product.weights },
        ...(added ? [added] : []),
        { arg: Arg.dst, region: written, offset: 4 * count * starts[k]!, columns: width },
      ],
    };
  });
  const functions: Placed[] = [];
  if (forward && hasInner(cell)) {
    const place = { region: own[2]!, offset: 0, columns: size };
    functions.push({
      product: tanhOf(b, layer),
      operands: [
        { arg: Arg.src, ...place },
        { arg: Arg.dst, ...place },
      ],
    });
  }
  const calls = callsOf(b, layer, [...placed, ...functions]);
  const states = (forward ? stateCopies(b, i, layer) : []).map((copy) => ({
    ...copy,
    form: b.newPlainForm(copy.node),
  }));
  const kernel = forward
    ? forwardKernel(pool, layer, {
        from: first ? 'joined' : lookup ? 'table' : 'inputs',
        copies: states.map(({ before }) => ({ before })),
      })
    : backwardKernel(pool, layer, copies);
  b.emit({
    op,
    scope,
    kernel: 'brgemm, wasm',
    macs: macsOf(b.graph, i) + (first ? length * count * gates * size * features : 0),
    touches: [
      ...operands,
      ...own,
      ...calls.regions,
      ...states.map(({ form }) => form.region),
      ...(indices ? [indices] : []),
    ],
    writes: false,
    script: (at) => {
      const offset = (region: Region): number => arena.offsetOf(at(region));
      // The weights may be out of reach of vector kernels, which do not read them.
      const places = operands.map((region, k) => (inputs[k] === w ? 0 : offset(region)));
      const [state, result, third] = own.map(offset) as [number, number, number];
      const rows = indices && offset(indices);
      const args = forward
        ? forwardArgs(layer, places, {
            product: result,
            inner: third,
            state,
            features,
            indices: rows,
            copies: states.map(({ form, first: begin, step: apart, row }) => ({
              at: offset(form.region) + 4 * begin,
              step: 4 * apart,
              row: 4 * row,
            })),
          })
        : backwardArgs(layer, places, { product: state, dh: result, dc: third });
      const words = calls.bind(at);
      const view = new BigUint64Array(pool.memory.buffer, offset(calls.table), words.length);
      const jobs = ranges(layer);
      if (!forward) jobs.reverse();
      const elements = elementsOf(layer);
      const head = [offset(calls.table), placed.length, functions.length];
      return () => {
        if (lookup)
          checked(new Int32Array(pool.memory.buffer, rows!, length * count), b.node(lookup.table).shape[0]!);
        view.set(words);
        // The calling thread computes pieces too: its calls must not wake the library's team beside the pool's threads.
        b.threads.use(1);
        for (const [begin, end] of jobs)
          pool.share(kernel, [...head, begin, end, ...args], pieces, 1, elements);
      };
    },
  });
  b.define(i, out);
  for (const { node, form } of states) {
    b.define(node, form);
    b.done.add(node);
  }
  return true;
}
