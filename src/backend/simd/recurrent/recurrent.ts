import { CELLS, type Cell } from '../../../ops/sequence/recurrent.js';
import { add, bitsOf, equal, min, mul, sub } from '../../../webassembly/terms.js';
import { roundUp } from '../gemm/kernel.js';
import { multiplyPanels, spareBytes, type Tile } from '../gemm/micro.js';
import { encodePack, PACK_ARGS, packPanel, packPanels } from '../gemm/pack.js';
import { tileOfMachine } from '../gemm/tile.js';
import { KernelModule, ordered } from '../kernel-module.js';
import { type Job, VectorOperation } from '../operation.js';
import { CACHE_LINE, type KernelPool, PRODUCTS_PER_ELEMENT } from '../pool.js';
import { cellBackward, cellForward } from './cells.js';

/** A recurrent layer: T positions, N examples, H hidden units. */
export interface Sequence {
  readonly cell: Cell;
  readonly reverse: boolean;
  readonly length: number;
  readonly count: number;
  readonly size: number;
}

/** Examples of a piece: a thread computes all positions of them, so threads do not wait for each other. */
export const ROWS = 32;
/** Maximum number of multiplications of a piece in one job, some seconds: far below the time after which a thread counts as dead. */
const MOST_PRODUCTS = 2 ** 33;
const ONE = bitsOf(1);

const FORWARD_ARGS = [
  'x',
  'weights',
  'h',
  'c',
  'bias',
  'record',
  'own',
  'ownBytes',
  'count',
  'size',
  'xStep',
  'recordStep',
  'first',
  'last',
] as const;

/** A kernel whose pieces are examples: the positions from `first` to `last`, in the order in which they are read. */
function encodeForward(cell: Cell, tile: Tile, pages: number): Uint8Array<ArrayBuffer> {
  const { gates, record } = CELLS[cell];
  const module = new KernelModule();
  const pack = packPanels(module, packPanel(module, tile.rows), tile.rows);
  const multiply = multiplyPanels(module, tile);
  const compute = cellForward(module, cell);
  module.run(FORWARD_ARGS, (routine, p) => {
    const bytes = routine.let(mul(p.size, 4));
    const spare = routine.let(add(p.own, mul(p.thread, p.ownBytes)));
    const product = routine.let(add(spare, spareBytes(tile)));
    const panels = routine.let(add(product, mul(bytes, gates * ROWS)));
    routine.for(p.from, p.to, 1, (piece) => {
      const row = routine.let(mul(piece, ROWS));
      const rows = routine.let(min(ROWS, sub(p.count, row)));
      routine.for(p.first, p.last, 1, (t) => {
        const x = routine.let(add(p.x, mul(t, p.xStep), mul(mul(row, bytes), gates)));
        const out = routine.let(add(p.record, mul(t, p.recordStep), mul(mul(row, bytes), record)));
        const before = routine.let(sub(out, p.recordStep));
        const h = routine.let(add(before, mul(bytes, record - 1)));
        const c = routine.let(add(before, mul(bytes, 4)));
        const step = routine.let(mul(bytes, record));
        routine.if(equal(t, 0), () => {
          routine.set(h, add(p.h, mul(row, bytes)));
          routine.set(c, add(p.c, mul(row, bytes)));
          routine.set(step, bytes);
        });
        routine.call(pack, panels, h, 4, step, p.size, rows);
        const width = mul(bytes, gates);
        routine.call(
          multiply,
          rows,
          mul(p.size, gates),
          p.size,
          panels,
          p.weights,
          product,
          width,
          ONE,
          0,
          spare,
        );
        routine.call(compute, rows, p.size, x, product, h, step, c, step, out, p.bias);
      });
    });
  });
  return module.encodeFor(pages);
}

const BACKWARD_ARGS = [
  'dy',
  'record',
  'weights',
  'h',
  'c',
  'end',
  'grads',
  'dh',
  'dc',
  'own',
  'ownBytes',
  'count',
  'size',
  'dyStep',
  'recordStep',
  'gradsStep',
  'first',
  'last',
  'length',
] as const;

/** A kernel whose pieces are examples: the positions from `last` − 1 down to `first`. */
function encodeBackward(cell: Cell, tile: Tile, pages: number): Uint8Array<ArrayBuffer> {
  const { gates, record, grads } = CELLS[cell];
  const module = new KernelModule();
  const pack = packPanels(module, packPanel(module, tile.rows), tile.rows);
  const multiply = multiplyPanels(module, tile);
  const compute = cellBackward(module, cell);
  module.run(BACKWARD_ARGS, (routine, p) => {
    const bytes = routine.let(mul(p.size, 4));
    const spare = routine.let(add(p.own, mul(p.thread, p.ownBytes)));
    const panels = routine.let(add(spare, spareBytes(tile)));
    routine.for(p.from, p.to, 1, (piece) => {
      const row = routine.let(mul(piece, ROWS));
      const rows = routine.let(min(ROWS, sub(p.count, row)));
      const start = routine.let(mul(row, bytes));
      const [dh, dc] = [routine.let(add(p.dh, start)), routine.let(add(p.dc, start))];
      routine.if(equal(p.last, p.length), () =>
        routine.for(0, mul(rows, p.size), 1, (k) => {
          routine.store(add(dh, mul(k, 4)), 0);
          if (cell === 'lstm') routine.copy(add(dc, mul(k, 4)), add(p.end, start, mul(k, 4)));
        }),
      );
      routine.for(p.first, p.last, 1, (n) => {
        const t = routine.let(sub(sub(add(p.first, p.last), 1), n));
        const dy = routine.let(add(p.dy, mul(t, p.dyStep), start));
        const kept = routine.let(add(p.record, mul(t, p.recordStep), mul(start, record)));
        const out = routine.let(add(p.grads, mul(t, p.gradsStep), mul(start, grads)));
        const before = routine.let(sub(kept, p.recordStep));
        const h = routine.let(add(before, mul(bytes, record - 1)));
        const c = routine.let(add(before, mul(bytes, 4)));
        const step = routine.let(mul(bytes, record));
        routine.if(equal(t, 0), () => {
          routine.set(h, add(p.h, start));
          routine.set(c, add(p.c, start));
          routine.set(step, bytes);
        });
        routine.call(compute, rows, p.size, dy, dh, dc, kept, h, step, c, step, out);
        const k = routine.let(mul(p.size, gates));
        routine.call(pack, panels, out, 4, mul(bytes, grads), k, rows);
        const beta = cell === 'gru' ? ONE : 0;
        routine.call(multiply, rows, p.size, k, panels, p.weights, dh, bytes, ONE, beta, spare);
      });
    });
  });
  return module.encodeFor(pages);
}

/** Parts of the positions, each of which is one job. */
export function ranges({ cell, length, size }: Sequence): [first: number, last: number][] {
  const each = ROWS * CELLS[cell].gates * size * size;
  const most = Math.max(1, Math.floor(MOST_PRODUCTS / Math.max(1, each)));
  return Array.from({ length: Math.ceil(length / most) }, (_, k) => [
    k * most,
    Math.min(length, (k + 1) * most),
  ]);
}

/** The job that packs the weights for all threads. @param forward whether they are read as W^T [H, gates · H] */
function packing(
  pool: KernelPool,
  { cell, size }: Sequence,
  tile: Tile,
  forward: boolean,
  source: number,
): { job: Job; bytes: number } {
  const rows = CELLS[cell].gates * size;
  const [count, k, stepI, stepK] = forward ? [rows, size, 4 * size, 4] : [size, rows, 4, 4 * size];
  const width = tile.columns;
  return {
    bytes: roundUp(4 * roundUp(count, width) * k, CACHE_LINE),
    job: {
      kernel: pool.compile({ pack: width }, (pages) => encodePack(width, pages)),
      total: Math.ceil(count / width),
      piece: Math.ceil(8192 / (width * Math.max(1, k))),
      elements: rows * size,
      args: (operands, scratch) =>
        ordered(PACK_ARGS, {
          source: operands[source]!,
          target: scratch,
          stepK,
          stepI,
          count,
          k,
          block: k,
          inner: 1,
          sourceOuter: 0,
          sourceInner: 0,
          targetOuter: 0,
          targetInner: 0,
          factor: bitsOf(1),
        }),
    },
  };
}

/** Work of all positions, in elements of an elementwise operation. */
export const elementsOf = ({ cell, length, count, size }: Sequence): number =>
  length * count * size * CELLS[cell].gates * (size / PRODUCTS_PER_ELEMENT + 4);

/** Address of the first position that is read, and the step to the next, for rows of `width` numbers for each example. */
export const along = (
  { reverse, length, count }: Sequence,
  width: number,
): { first: number; step: number } => {
  const bytes = 4 * count * width;
  return reverse ? { first: (length - 1) * bytes, step: -bytes } : { first: 0, step: bytes };
};

/**
 * All positions of a recurrent layer.
 *
 * Operands of `run`: those of the operation `recurrent`, then the record.
 */
export function recurrent(pool: KernelPool, layer: Sequence): VectorOperation {
  const { cell, count, size } = layer;
  const { gates, record } = CELLS[cell];
  const tile = tileOfMachine();
  const weights = packing(pool, layer, tile, true, 1);
  const [x, kept] = [along(layer, gates * size), along(layer, record * size)];
  const own = roundUp(
    spareBytes(tile) + 4 * ROWS * gates * size + 4 * roundUp(ROWS, tile.rows) * size,
    CACHE_LINE,
  );
  const elements = elementsOf(layer);
  const kernel = pool.compile({ recurrent: cell, tile }, (pages) => encodeForward(cell, tile, pages));
  const jobs = ranges(layer).map(
    ([first, last]): Job => ({
      kernel,
      total: Math.ceil(count / ROWS),
      piece: 1,
      elements,
      args: (operands, scratch) =>
        ordered(FORWARD_ARGS, {
          x: operands[0]! + x.first,
          weights: scratch,
          h: operands[2]!,
          c: cell === 'lstm' ? operands[3]! : 0,
          bias: cell === 'gru' ? operands[3]! : 0,
          record: operands.at(-1)! + kept.first,
          own: scratch + weights.bytes,
          ownBytes: own,
          count,
          size,
          xStep: x.step,
          recordStep: kept.step,
          first,
          last,
        }),
    }),
  );
  return new VectorOperation(pool, weights.bytes + threadsOf(pool, elements) * own, [weights.job, ...jobs]);
}

const threadsOf = (pool: KernelPool, elements: number): number => (pool.divides(elements) ? pool.threads : 1);

/**
 * The gradients of all positions, or of the first state.
 *
 * Operands of `run`: those of the operation `recurrentGrad`, then the result.
 *
 * @param result what is computed: the gradients of all positions, or of the first h or c
 */
export function recurrentGrad(
  pool: KernelPool,
  layer: Sequence,
  result: 'grads' | 'h' | 'c',
): VectorOperation {
  const { cell, count, size, length } = layer;
  const { record, grads } = CELLS[cell];
  const tile = tileOfMachine();
  const weights = packing(pool, layer, tile, false, 2);
  const [dy, kept, made] = [along(layer, size), along(layer, record * size), along(layer, grads * size)];
  const own = roundUp(spareBytes(tile) + 4 * roundUp(ROWS, tile.rows) * CELLS[cell].gates * size, CACHE_LINE);
  const elements = elementsOf(layer);
  const state = roundUp(4 * count * size, CACHE_LINE);
  const all = result === 'grads' ? 0 : roundUp(4 * length * count * grads * size, CACHE_LINE);
  const kernel = pool.compile({ recurrentGrad: cell, tile }, (pages) => encodeBackward(cell, tile, pages));
  const jobs = ranges(layer)
    .reverse()
    .map(
      ([first, last]): Job => ({
        kernel,
        total: Math.ceil(count / ROWS),
        piece: 1,
        elements,
        args: (operands, scratch) => {
          const target = operands.at(-1)!;
          const states = scratch + weights.bytes;
          return ordered(BACKWARD_ARGS, {
            dy: operands[0]! + dy.first,
            record: operands[1]! + kept.first,
            weights: scratch,
            h: operands[3]!,
            c: cell === 'lstm' ? operands[4]! : 0,
            end: cell === 'lstm' ? operands[5]! : 0,
            grads: (result === 'grads' ? target : states + 2 * state) + made.first,
            dh: result === 'h' ? target : states,
            dc: result === 'c' ? target : states + state,
            own: states + 2 * state + all,
            ownBytes: own,
            count,
            size,
            dyStep: dy.step,
            recordStep: kept.step,
            gradsStep: made.step,
            first,
            last,
            length,
          });
        },
      }),
    );
  const bytes = weights.bytes + 2 * state + all + threadsOf(pool, elements) * own;
  return new VectorOperation(pool, bytes, [weights.job, ...jobs]);
}
