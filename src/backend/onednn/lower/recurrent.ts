import { CELLS } from '../../../ops/sequence/recurrent.js';
import { macsOf } from '../../plan/describe.js';
import type { Region } from '../../plan/region.js';
import { ordered } from '../../simd/kernel-module.js';
import type { KernelPool } from '../../simd/pool.js';
import { GATE_PRODUCTS, type GateProduct } from '../../simd/recurrent/cells.js';
import { layerOf, recurrentOperation } from '../../simd/recurrent/lowered.js';
import {
  BACKWARD_ARGS,
  encodeBackwardPosition,
  encodeForwardPosition,
  FORWARD_ARGS,
} from '../../simd/recurrent/position.js';
import { along, elementsOf, ROWS, ranges, type Sequence } from '../../simd/recurrent/recurrent.js';
import { Alg, Arg, type Handle, type Md, type PostOp, Prop, Query } from '../api/dnnl.js';
import type { Builder } from '../builder.js';
import { nativeModule, PRODUCT_WORDS } from '../native/load.js';
import { emitVectors, reachable } from './vectors.js';

/** A recurrent layer, or its gradients. */
export function lowerRecurrent(b: Builder, i: number): boolean {
  const build = recurrentOperation(b.graph, i);
  return build !== undefined && (lowerNative(b, i) || emitVectors(b, i, build));
}

/** With fewer weights a call of a primitive costs more time than it saves. */
const FEWEST_WEIGHTS = 2 ** 12;
/** Maximum number of arguments of the product: input, weights, result, scratch memory. */
const ARGS_BYTES = 4 * 16;
/** Bytes of the table for one product of a piece. */
const CALL_BYTES = 8 * PRODUCT_WORDS + ARGS_BYTES;

/** A product of each position: primitives for a whole piece and for the rest. */
interface Product {
  readonly pds: readonly Handle[];
  readonly weights: Md;
  /** Columns of the input and of the result. */
  readonly columns: readonly [from: number, to: number];
  /** The first row of the weights that it reads. */
  readonly row: number;
}

const ACTIVATIONS = { sigmoid: Alg.logistic, tanh: Alg.tanh } as const;
const SUM: PostOp = { kind: 'sum', scale: 1 };

/** What a product does with its result: forward it is added to the inputs. */
const postOpsOf = ({ activation }: GateProduct): PostOp[] =>
  activation ? [SUM, { kind: 'eltwise', alg: ACTIVATIONS[activation], alpha: 0, beta: 0 }] : [SUM];

/** The products that one thread computes for each position of a piece; undefined if the library has no fast ones. */
function productsOf(b: Builder, { cell, count, size }: Sequence, forward: boolean): Product[] | undefined {
  const wanted = forward
    ? GATE_PRODUCTS[cell].map((product) => ({
        columns: [size, product.gates * size] as const,
        row: product.from * size,
        postOps: postOpsOf(product),
      }))
    : [{ columns: [CELLS[cell].gates * size, size] as const, row: 0, postOps: cell === 'gru' ? [SUM] : [] }];
  const d = b.dnnl;
  const rest = count % ROWS;
  const counts = [...(count >= ROWS ? [ROWS] : []), ...(rest > 0 ? [rest] : [])];
  return b.threads.with(1, () => {
    const products = wanted.map(({ columns: [from, to], row, postOps }): Product => {
      let weights: Md | undefined;
      const pds = counts.map((n) => {
        const asked = weights ?? d.any([to, from]);
        const [src, dst] = [d.plain([n, from]), d.plain([n, to])];
        const pd = d.innerProductForward(Prop.forwardInference, src, asked, null, dst, postOps);
        weights ??= d.query(pd, Query.weights)!;
        return pd;
      });
      return { pds, weights: weights!, columns: [from, to], row };
    });
    const isFast = (pd: Handle): boolean => d.implementation(pd).startsWith('brgemm');
    return products.every(({ pds }) => pds.every(isFast)) ? products : undefined;
  });
}

/**
 * The layer with the library's products. The pool's threads call them, each for its own examples. Returns false for
 * gradients of the first state, for small layers, and if the library has no fast product.
 */
function lowerNative(b: Builder, i: number): boolean {
  const { op, inputs, scope } = b.node(i);
  const { arena } = b;
  const layer = layerOf(b.graph, i);
  const { cell, count, size } = layer;
  const { gates } = CELLS[cell];
  if (!arena?.pool || op === 'recurrentGradStart' || gates * size * size < FEWEST_WEIGHTS) return false;
  const forward = op === 'recurrent';
  const products = productsOf(b, layer, forward);
  if (!products) return false;
  const { pool } = arena;
  const w = inputs[forward ? 1 : 2]!;
  const out = b.newPlainForm(i);
  const forms = inputs.map((input) =>
    input === w ? b.plainForm(input) : reachable(b, input, b.plainForm(input)),
  );
  const weights = products.map((product) => packWeights(b, i, w, product, forward));
  const from = products[0]!.columns[0];
  const to = products.reduce((sum, { columns }) => sum + columns[1], 0);
  const operands = [...forms.map(({ region }) => region), out.region];
  // The input of the products, their results, and the gradients of c: one after another, each for all examples.
  const own = [from, to, size].map((columns) => b.region(4 * count * columns));
  const pieces = Math.ceil(count / ROWS);
  const table = b.region(pieces * products.length * CALL_BYTES);
  const calls = callsOf(b, layer, products, { weights, input: own[0]!, result: own[1]!, table });
  const kernel = kernelOf(pool, layer, forward);
  b.emit({
    op,
    scope,
    kernel: 'brgemm, wasm',
    macs: macsOf(b.graph, i),
    touches: [...operands, ...weights, ...own, table, ...calls.regions],
    writes: false,
    script: (at) => {
      const offset = (region: Region): number => arena.offsetOf(at(region));
      const places = operands.map((region) => (region.slot === undefined ? offset(region) : 0));
      const [input, result, dc] = own.map(offset) as [number, number, number];
      const args = forward
        ? forwardArgs(layer, places, { product: result, state: input })
        : backwardArgs(layer, places, { product: input, dh: result, dc });
      const words = calls.bind(at);
      const view = new BigUint64Array(pool.memory.buffer, offset(table), words.length);
      const jobs = ranges(layer);
      if (!forward) jobs.reverse();
      const elements = elementsOf(layer);
      return () => {
        view.set(words);
        for (const [first, last] of jobs)
          pool.share(kernel, [offset(table), products.length, first, last, ...args], pieces, 1, elements);
      };
    },
  });
  b.define(i, out);
  return true;
}

/** A copy of the weights in the layout of the product, which reads them transposed in the backward pass. */
function packWeights(
  b: Builder,
  i: number,
  w: number,
  { weights, columns: [from, to], row }: Product,
  forward: boolean,
): Region {
  const packed = b.region(b.dnnl.bytes(weights));
  const view = b.dnnl.plain([to, from], 'float32', forward ? [from, 1] : [1, to]);
  b.emitPrimitive(
    i,
    b.dnnl.reorder(view, weights),
    [
      [Arg.src, { md: view, region: b.plainForm(w).region, offset: 4 * row * from }],
      [Arg.dst, { md: weights, region: packed }],
    ],
    'reorder',
  );
  return packed;
}

interface CallMemory {
  /** Packed weights of each product. */
  readonly weights: readonly Region[];
  readonly input: Region;
  readonly result: Region;
  readonly table: Region;
}

/** The calls of the pieces. `bind` returns the table that native kernels read. */
function callsOf(
  b: Builder,
  { count }: Sequence,
  products: readonly Product[],
  memory: CallMemory,
): {
  readonly regions: readonly Region[];
  readonly bind: (at: (region: Region) => number) => BigUint64Array;
} {
  const d = b.dnnl;
  const pieces = Math.ceil(count / ROWS);
  const regions: Region[] = [];
  const primitives = products.map(({ pds }) => b.threads.with(1, () => pds.map((pd) => d.primitive(pd))));
  for (const primitive of primitives.flat()) b.disposers.push(() => d.destroyPrimitive(primitive));
  const callOf = (piece: number, k: number, before: number) => {
    const { pds, weights, columns } = products[k]!;
    const [from, to] = columns;
    const rows = Math.min(ROWS, count - piece * ROWS);
    const which = rows === ROWS ? 0 : pds.length - 1;
    const scratch = d.query(pds[which]!, Query.scratchpad);
    const start = 4 * piece * ROWS;
    const args: [number, Md, Region, number][] = [
      [Arg.src, d.plain([rows, from]), memory.input, start * from],
      [Arg.weights, weights, memory.weights[k]!, 0],
      [Arg.dst, d.plain([rows, to]), memory.result, 4 * count * before + start * to],
    ];
    if (scratch && d.bytes(scratch) > 0) {
      const region = b.region(d.bytes(scratch));
      regions.push(region);
      args.push([Arg.scratchpad, scratch, region, 0]);
    }
    const handles = args.map(([arg, md, region, offset]) => {
      const handle = d.memory(md, 0);
      b.disposers.push(() => d.destroyMemory(handle));
      return { arg, handle, region, offset };
    });
    return { primitive: primitives[k]![which]!, handles };
  };
  const made = Array.from({ length: pieces }, (_, piece) => {
    let before = 0;
    return products.map(({ columns }, k) => {
      const call = callOf(piece, k, before);
      before += columns[1];
      return call;
    });
  }).flat();
  const bind = (at: (region: Region) => number): BigUint64Array => {
    const bytes = new Uint8Array(made.length * CALL_BYTES);
    const words = new BigUint64Array(bytes.buffer);
    made.forEach(({ primitive, handles }, n) => {
      for (const { handle, region, offset } of handles) d.setAddress(handle, at(region) + offset);
      const place = 8 * PRODUCT_WORDS * made.length + ARGS_BYTES * n;
      bytes.set(d.args(handles.map(({ arg, handle }) => [arg, handle] as const)), place);
      const address = BigInt(at(memory.table) + place);
      words.set([primitive, d.stream, BigInt(handles.length), address], PRODUCT_WORDS * n);
    });
    return words;
  };
  return { regions, bind };
}

const kernelOf = (pool: KernelPool, { cell }: Sequence, forward: boolean): number =>
  pool.compile({ native: cell, forward }, (pages) =>
    forward
      ? nativeModule('forward', encodeForwardPosition(cell, pages))
      : nativeModule('backward', encodeBackwardPosition(cell, pages)),
  );

/** The kernel's arguments without position and mode. */
const withoutPosition = <Name extends string>(
  names: readonly Name[],
  values: Readonly<Record<Exclude<Name, 't' | 'computes'>, number>>,
): number[] => ordered(names.slice(0, -2) as Exclude<Name, 't' | 'computes'>[], values);

function forwardArgs(
  layer: Sequence,
  operands: readonly number[],
  { product, state }: { readonly product: number; readonly state: number },
): number[] {
  const { cell, count, size, length } = layer;
  const { gates, record } = CELLS[cell];
  const [x, kept] = [along(layer, gates * size), along(layer, record * size)];
  return withoutPosition(FORWARD_ARGS, {
    x: operands[0]! + x.first,
    h: operands[2]!,
    c: cell === 'lstm' ? operands[3]! : 0,
    bias: cell === 'gru' ? operands[3]! : 0,
    record: operands.at(-1)! + kept.first,
    product,
    state,
    count,
    size,
    xStep: x.step,
    recordStep: kept.step,
    length,
  });
}

function backwardArgs(
  layer: Sequence,
  operands: readonly number[],
  { product, dh, dc }: { readonly product: number; readonly dh: number; readonly dc: number },
): number[] {
  const { cell, count, size, length } = layer;
  const { record, grads } = CELLS[cell];
  const [dy, kept, made] = [along(layer, size), along(layer, record * size), along(layer, grads * size)];
  return withoutPosition(BACKWARD_ARGS, {
    dy: operands[0]! + dy.first,
    record: operands[1]! + kept.first,
    h: operands[3]!,
    c: cell === 'lstm' ? operands[4]! : 0,
    end: cell === 'lstm' ? operands[5]! : 0,
    grads: operands.at(-1)! + made.first,
    dh,
    dc,
    product,
    count,
    size,
    dyStep: dy.step,
    recordStep: kept.step,
    gradsStep: made.step,
    length,
  });
}
