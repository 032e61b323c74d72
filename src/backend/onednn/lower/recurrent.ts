import { CELLS } from '../../../ops/sequence/recurrent.js';
import { macsOf } from '../../plan/describe.js';
import type { Region } from '../../plan/region.js';
import { readerOf } from '../../plan/users.js';
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
import type { OneDnnBuilder } from '../builder.js';
import { nativeModule, PRODUCT_WORDS } from '../native/load.js';
import { emitVectors, reachable } from './vectors.js';

/** A recurrent layer, or its gradients. */
export function lowerRecurrent(b: OneDnnBuilder, i: number): boolean {
  const build = recurrentOperation(b.graph, i);
  return build !== undefined && (lowerNative(b, i) || emitVectors(b, i, build));
}

/** The linear layer that computes the inputs of the gates. */
interface InputLayer {
  readonly x: number;
  readonly w: number;
  readonly bias: number | undefined;
}

/**
 * A linear layer of which only a recurrent layer reads the result: its products are computed position by position, where
 * the recurrent layer adds to them, instead of being written to memory for all positions and read again.
 */
export function lowerRecurrentInput(b: OneDnnBuilder, i: number): boolean {
  const reader = readerOf(b, i);
  if (reader === undefined || b.node(reader).op !== 'recurrent') return false;
  const { inputs } = b.node(reader);
  const others = inputs.slice(1);
  const isKnown = others.every((input) => b.values[input] !== undefined);
  if (b.sourceOf(inputs[0]!) !== b.sourceOf(i) || !isKnown) return false;
  const [x, w, bias] = b.node(i).inputs as [number, number, number | undefined];
  if (others.some((input) => b.sourceOf(input) === b.sourceOf(i))) return false;
  if (!lowerNative(b, reader, { x, w, bias })) return false;
  b.done.add(reader);
  // Nothing reads it; a reshape in between asks for it.
  b.define(i, b.value(reader).forms[0]!);
  return true;
}

/** With fewer weights a call of a primitive costs more time than it saves. */
const FEWEST_WEIGHTS = 2 ** 12;
/** Maximum number of arguments of a product: input, weights, bias, result, scratch memory. */
const ARGS_BYTES = 5 * 16;
/** The most operands that differ from position to position: each is an object of the library. */
const MOST_MOVING = 2 ** 12;

/** A product of each position: primitives for a whole piece and for the rest. */
interface Product {
  readonly pds: readonly Handle[];
  readonly weights: Md;
  /** Columns of the input and of the result. */
  readonly columns: readonly [from: number, to: number];
  /** The first row of the weights that it reads. */
  readonly row: number;
}

/** A kind of product, before the library has made primitives for it. */
interface Wanted extends Pick<Product, 'columns' | 'row'> {
  readonly postOps: PostOp[];
  readonly bias: boolean;
}

const ACTIVATIONS = { sigmoid: Alg.logistic, tanh: Alg.tanh } as const;
const SUM: PostOp = { kind: 'sum', scale: 1 };

/** What a product does with its result: forward it is added to the inputs. */
const postOpsOf = ({ activation }: GateProduct): PostOp[] =>
  activation ? [SUM, { kind: 'eltwise', alg: ACTIVATIONS[activation], alpha: 0, beta: 0 }] : [SUM];

/** The products with the state before; backward, with the gradients of the gates. */
function stateProducts({ cell, size }: Sequence, forward: boolean): Wanted[] {
  if (!forward)
    return [
      {
        columns: [CELLS[cell].gates * size, size],
        row: 0,
        postOps: cell === 'gru' ? [SUM] : [],
        bias: false,
      },
    ];
  return GATE_PRODUCTS[cell].map((product) => ({
    columns: [size, product.gates * size],
    row: product.from * size,
    postOps: postOpsOf(product),
    bias: false,
  }));
}

/** The products with the input of a layer, whose results those with the state are added to. */
const inputProducts = ({ cell, size }: Sequence, features: number, bias: boolean): Wanted[] =>
  GATE_PRODUCTS[cell].map(({ from, gates }) => ({
    columns: [features, gates * size],
    row: from * size,
    postOps: [],
    bias,
  }));

/** Primitives that one thread computes for each position of a piece; undefined if the library has no fast ones. */
function primitivesOf(
  b: OneDnnBuilder,
  { count }: Sequence,
  wanted: readonly Wanted[],
): Product[] | undefined {
  const d = b.dnnl;
  const rest = count % ROWS;
  const counts = [...(count >= ROWS ? [ROWS] : []), ...(rest > 0 ? [rest] : [])];
  return b.threads.with(1, () => {
    const products = wanted.map(({ columns, row, postOps, bias }): Product => {
      const [from, to] = columns;
      let weights: Md | undefined;
      const pds = counts.map((n) => {
        const asked = weights ?? d.any([to, from]);
        const [src, dst] = [d.plain([n, from]), d.plain([n, to])];
        const added = bias ? d.plain([to]) : null;
        const pd = d.innerProductForward(Prop.forwardInference, src, asked, added, dst, postOps);
        weights ??= d.query(pd, Query.weights)!;
        return pd;
      });
      return { pds, weights: weights!, columns, row };
    });
    const isFast = (pd: Handle): boolean => d.implementation(pd).startsWith('brgemm');
    return products.every(({ pds }) => pds.every(isFast)) ? products : undefined;
  });
}

/** Memory of an operand of a product, for the first piece. */
interface Operand {
  readonly arg: number;
  readonly region: Region;
  readonly offset: number;
  /** Numbers of each example; undefined for weights and biases, which all pieces read. */
  readonly columns?: number;
  /** Layout, for operands that all pieces read. */
  readonly md?: Md;
  /** Bytes from a position to the next. */
  readonly step?: number;
}

/** A product with its operands. */
interface Placed {
  readonly product: Product;
  readonly operands: readonly Operand[];
}

/**
 * The layer with the library's products. The pool's threads call them, each for its own examples. Returns false for
 * gradients of the first state, for small layers, and if the library has no fast product.
 *
 * @param input computes the inputs of the gates, which the node reads otherwise
 */
function lowerNative(b: OneDnnBuilder, i: number, input?: InputLayer): boolean {
  const { op, inputs, scope } = b.node(i);
  const { arena } = b;
  const layer = layerOf(b.graph, i);
  const { cell, count, size, length } = layer;
  const { gates, grads } = CELLS[cell];
  if (!arena?.pool || op === 'recurrentGradStart' || gates * size * size < FEWEST_WEIGHTS) return false;
  const forward = op === 'recurrent';
  const pieces = Math.ceil(count / ROWS);
  const fitsMoving = length * pieces * GATE_PRODUCTS[cell].length <= MOST_MOVING;
  // A GRU's input of n is not added to its product.
  if (input && (cell === 'gru' || !fitsMoving)) return false;
  const features = input ? b.node(input.x).shape[1]! : 0;
  const products = primitivesOf(b, layer, stateProducts(layer, forward));
  const before = input && primitivesOf(b, layer, inputProducts(layer, features, input.bias !== undefined));
  if (!products || (input && !before)) return false;
  const { pool } = arena;
  // The gradients of the gates are read where they are written, unless those of others lie between them.
  const copies = !forward && (gates !== grads || !fitsMoving);
  const w = inputs[forward ? 1 : 2]!;
  const out = b.newPlainForm(i);
  // Values that only the library reads may lie outside of the arena, and inputs of the gates need not exist.
  const forms = inputs.map((node, k) =>
    input && k === 0 ? out : node === w ? b.plainForm(node) : reachable(b, node, b.plainForm(node)),
  );
  const [from] = products[0]!.columns;
  const to = products.reduce((sum, { columns }) => sum + columns[1], 0);
  const operands = [...forms.map(({ region }) => region), out.region];
  // The input of the products, their results, and the gradients of c: one after another, each for all examples.
  const own = [forward || copies ? from : 0, to, size].map((columns) => b.region(4 * count * columns));
  const [read, written] = own as [Region, Region];
  const placesOf = (list: readonly Product[], weights: number, source: Operand, bias?: Region): Placed[] => {
    let at = 0;
    return list.map((product) => {
      const [, width] = product.columns;
      const packed = packWeights(b, i, weights, product, forward);
      const result = { arg: Arg.dst, region: written, offset: 4 * count * at, columns: width };
      at += width;
      return {
        product,
        operands: [
          source,
          { arg: Arg.weights, region: packed, offset: 0, md: product.weights },
          ...(bias
            ? [{ arg: Arg.bias, region: bias, offset: 4 * product.row, md: b.dnnl.plain([width]) }]
            : []),
          result,
        ],
      };
    });
  };
  const moving = (arg: number, region: Region, columns: number): Operand => {
    const { first, step } = along(layer, columns);
    return { arg, region, offset: first, columns, step };
  };
  const source: Operand =
    forward || copies
      ? { arg: Arg.src, region: read, offset: 0, columns: from }
      : moving(Arg.src, out.region, from);
  const bias = input?.bias === undefined ? undefined : b.plainForm(input.bias).region;
  const placed = [
    ...(input
      ? placesOf(before!, input.w, moving(Arg.src, b.plainForm(input.x).region, features), bias)
      : []),
    ...placesOf(products, w, source),
  ];
  const calls = callsOf(b, layer, placed);
  const kernel = kernelOf(pool, layer, forward, forward ? !input : copies);
  b.emit({
    op,
    scope,
    kernel: 'brgemm, wasm',
    macs: macsOf(b.graph, i) + (input ? length * count * gates * size * features : 0),
    touches: [...operands, ...own, ...calls.regions],
    writes: false,
    script: (at) => {
      const offset = (region: Region): number => arena.offsetOf(at(region));
      const places = operands.map((region) => (region.slot === undefined ? offset(region) : 0));
      const [state, result, dc] = own.map(offset) as [number, number, number];
      const args = forward
        ? forwardArgs(layer, places, { product: result, state })
        : backwardArgs(layer, places, { product: state, dh: result, dc });
      const words = calls.bind(at);
      const view = new BigUint64Array(pool.memory.buffer, offset(calls.table), words.length);
      const jobs = ranges(layer);
      if (!forward) jobs.reverse();
      const elements = elementsOf(layer);
      return () => {
        view.set(words);
        for (const [first, last] of jobs)
          pool.share(kernel, [offset(calls.table), placed.length, first, last, ...args], pieces, 1, elements);
      };
    },
  });
  b.define(i, out);
  return true;
}

/** A copy of the weights in the layout of the product, which reads them transposed in the backward pass. */
function packWeights(
  b: OneDnnBuilder,
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

interface Calls {
  /** Memory of the table that native kernels read, which `bind` returns. */
  readonly table: Region;
  /** All memory that the products use. */
  readonly regions: readonly Region[];
  readonly bind: (at: (region: Region) => number) => BigUint64Array;
}

/** The calls of the products, piece by piece. */
function callsOf(b: OneDnnBuilder, { count, length }: Sequence, placed: readonly Placed[]): Calls {
  const d = b.dnnl;
  const pieces = Math.ceil(count / ROWS);
  const regions = new Set<Region>();
  const primitives = placed.map(({ product }) =>
    b.threads.with(1, () => product.pds.map((pd) => d.primitive(pd))),
  );
  for (const primitive of primitives.flat()) b.disposers.push(() => d.destroyPrimitive(primitive));
  const handleOf = (md: Md): Handle => {
    const handle = d.memory(md, 0);
    b.disposers.push(() => d.destroyMemory(handle));
    return handle;
  };
  const callOf = (piece: number, k: number) => {
    const { product, operands } = placed[k]!;
    const rows = Math.min(ROWS, count - piece * ROWS);
    const which = rows === ROWS ? 0 : product.pds.length - 1;
    const scratch = d.query(product.pds[which]!, Query.scratchpad);
    const all: Operand[] = [...operands];
    if (scratch && d.bytes(scratch) > 0)
      all.push({ arg: Arg.scratchpad, region: b.region(d.bytes(scratch)), offset: 0, md: scratch });
    const isMoving = all.some(({ step = 0 }) => step !== 0);
    const places = all.map(({ arg, region, offset, columns = 0, md, step = 0 }) => {
      regions.add(region);
      const layout = md ?? d.plain([rows, columns]);
      const handles = Array.from({ length: step === 0 ? 1 : length }, () => handleOf(layout));
      return { arg, region, offset: offset + 4 * piece * ROWS * columns, step, handles };
    });
    return { primitive: primitives[k]![which]!, places, lists: isMoving ? length : 1 };
  };
  const made = Array.from({ length: pieces * placed.length }, (_, n) =>
    callOf(Math.floor(n / placed.length), n % placed.length),
  );
  const head = 8 * PRODUCT_WORDS * made.length;
  const bytes = head + ARGS_BYTES * made.reduce((sum, { lists }) => sum + lists, 0);
  const table = b.region(bytes);
  const bind = (at: (region: Region) => number): BigUint64Array => {
    const room = new Uint8Array(bytes);
    const words = new BigUint64Array(room.buffer);
    let place = head;
    made.forEach(({ primitive, places, lists }, n) => {
      const address = BigInt(at(table) + place);
      const next = BigInt(lists > 1 ? ARGS_BYTES : 0);
      words.set([primitive, d.stream, BigInt(places.length), address, next], PRODUCT_WORDS * n);
      for (const { region, offset, step, handles } of places)
        handles.forEach((handle, t) => {
          d.setAddress(handle, at(region) + offset + t * step);
        });
      for (let t = 0; t < lists; t++) {
        const args = places.map(({ arg, handles }) => [arg, handles[t % handles.length]!] as const);
        room.set(d.args(args), place);
        place += ARGS_BYTES;
      }
    });
    return words;
  };
  return { table, regions: [...regions, table], bind };
}

/** @param moves whether the kernel writes what the products of the next position read or are added to */
const kernelOf = (pool: KernelPool, { cell }: Sequence, forward: boolean, moves: boolean): number =>
  pool.compile({ native: cell, forward, moves }, (pages) =>
    forward
      ? nativeModule('forward', encodeForwardPosition(cell, moves, pages))
      : nativeModule('backward', encodeBackwardPosition(cell, moves, pages)),
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
