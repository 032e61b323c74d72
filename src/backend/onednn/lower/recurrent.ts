import { CELLS } from '../../../ops/sequence/recurrent.js';
import { macsOf } from '../../plan/describe.js';
import type { Region } from '../../plan/region.js';
import { ordered } from '../../simd/kernel-module.js';
import type { KernelPool } from '../../simd/pool.js';
import { layerOf, recurrentOperation } from '../../simd/recurrent/lowered.js';
import {
  BACKWARD_ARGS,
  encodeBackwardPosition,
  encodeForwardPosition,
  FORWARD_ARGS,
} from '../../simd/recurrent/position.js';
import { along, elementsOf, ROWS, ranges, type Sequence } from '../../simd/recurrent/recurrent.js';
import { Arg, type Handle, type Md, Prop, Query } from '../api/dnnl.js';
import type { Builder } from '../builder.js';
import { nativeModule, PIECE_WORDS } from '../native/load.js';
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

/** The product of each position: primitives for a whole piece and for the rest. */
interface Product {
  readonly pds: readonly Handle[];
  readonly weights: Md;
  /** Columns of the input and of the result. */
  readonly columns: readonly [from: number, to: number];
}

/** A product that one thread computes for each position of a piece; undefined if the library has no fast one. */
function productOf(b: Builder, { cell, count, size }: Sequence, forward: boolean): Product | undefined {
  const d = b.dnnl;
  const rows = CELLS[cell].gates * size;
  const [from, to] = forward ? ([size, rows] as const) : ([rows, size] as const);
  const rest = count % ROWS;
  const counts = [...(count >= ROWS ? [ROWS] : []), ...(rest > 0 ? [rest] : [])];
  const sum = !forward && cell === 'gru' ? ([{ kind: 'sum', scale: 1 }] as const) : [];
  return b.threads.with(1, () => {
    let weights: Md | undefined;
    const pds = counts.map((n) => {
      const asked = weights ?? d.any([to, from]);
      const pd = d.innerProductForward(
        Prop.forwardInference,
        d.plain([n, from]),
        asked,
        null,
        d.plain([n, to]),
        sum,
      );
      weights ??= d.query(pd, Query.weights)!;
      return pd;
    });
    const fast = pds.every((pd) => d.implementation(pd).startsWith('brgemm'));
    return fast ? { pds, weights: weights!, columns: [from, to] } : undefined;
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
  const product = productOf(b, layer, forward);
  if (!product) return false;
  const { pool } = arena;
  const w = inputs[forward ? 1 : 2]!;
  const out = b.newPlainForm(i);
  const forms = inputs.map((input) =>
    input === w ? b.plainForm(input) : reachable(b, input, b.plainForm(input)),
  );
  const weights = packWeights(b, i, w, product, forward);
  const [from, to] = product.columns;
  const operands = [...forms.map(({ region }) => region), out.region];
  // The input of the products, their results, and the gradients of c: one after another for all examples.
  const own = [from, to, size].map((columns) => b.region(4 * count * columns));
  const pieces = Math.ceil(count / ROWS);
  const table = b.region(pieces * (8 * PIECE_WORDS + ARGS_BYTES));
  const calls = callsOf(b, layer, product, { weights, input: own[0]!, result: own[1]!, table });
  const kernel = kernelOf(pool, layer, forward);
  b.emit({
    op,
    scope,
    kernel: 'brgemm, wasm',
    macs: macsOf(b.graph, i),
    touches: [...operands, weights, ...own, table, ...calls.regions],
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
          pool.share(kernel, [offset(table), first, last, ...args], pieces, 1, elements);
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
  { weights, columns: [from, to] }: Product,
  forward: boolean,
): Region {
  const packed = b.region(b.dnnl.bytes(weights));
  const view = b.dnnl.plain([to, from], 'float32', forward ? [from, 1] : [1, to]);
  b.emitPrimitive(
    i,
    b.dnnl.reorder(view, weights),
    [
      [Arg.src, { md: view, region: b.plainForm(w).region }],
      [Arg.dst, { md: weights, region: packed }],
    ],
    'reorder',
  );
  return packed;
}

interface CallMemory {
  readonly weights: Region;
  readonly input: Region;
  readonly result: Region;
  readonly table: Region;
}

/** The calls of the pieces. `bind` returns the table that native kernels read. */
function callsOf(
  b: Builder,
  { count }: Sequence,
  { pds, weights, columns: [from, to] }: Product,
  memory: CallMemory,
): {
  readonly regions: readonly Region[];
  readonly bind: (at: (region: Region) => number) => BigUint64Array;
} {
  const d = b.dnnl;
  const pieces = Math.ceil(count / ROWS);
  const primitives = b.threads.with(1, () => pds.map((pd) => d.primitive(pd)));
  for (const primitive of primitives) b.disposers.push(() => d.destroyPrimitive(primitive));
  const regions: Region[] = [];
  const made = Array.from({ length: pieces }, (_, piece) => {
    const rows = Math.min(ROWS, count - piece * ROWS);
    const which = rows === ROWS ? 0 : pds.length - 1;
    const scratch = d.query(pds[which]!, Query.scratchpad);
    const start = 4 * piece * ROWS;
    const args: [number, Md, Region, number][] = [
      [Arg.src, d.plain([rows, from]), memory.input, start * from],
      [Arg.weights, weights, memory.weights, 0],
      [Arg.dst, d.plain([rows, to]), memory.result, start * to],
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
    return { primitive: primitives[which]!, handles };
  });
  const bind = (at: (region: Region) => number): BigUint64Array => {
    const bytes = new Uint8Array(pieces * (8 * PIECE_WORDS + ARGS_BYTES));
    const words = new BigUint64Array(bytes.buffer);
    made.forEach(({ primitive, handles }, piece) => {
      for (const { handle, region, offset } of handles) d.setAddress(handle, at(region) + offset);
      const place = 8 * PIECE_WORDS * pieces + ARGS_BYTES * piece;
      bytes.set(d.args(handles.map(({ arg, handle }) => [arg, handle] as const)), place);
      const address = BigInt(at(memory.table) + place);
      words.set([primitive, d.stream, BigInt(handles.length), address], PIECE_WORDS * piece);
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
  const { cell, count, size } = layer;
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
