import { CELLS, type Cell } from '../../../ops/sequence/recurrent.js';
import {
  add,
  at,
  both,
  equal,
  type Int,
  less,
  min,
  mul,
  type Routine,
  sub,
  type Variable,
} from '../../../webassembly/terms.js';
import { KernelModule } from '../kernel-module.js';
import { cellBackward, cellFinish, cellStart, GATE_PRODUCTS, hasInner, MOST_PRODUCTS } from './cells.js';
import { MODE } from './mode.js';
import { ROWS } from './recurrent.js';
import { touchLines } from './touch.js';

/*
 * Kernels of one position of a recurrent layer, for engines whose own product runs between two positions. A piece is ROWS
 * examples. The position counts in the order in which the layer reads.
 */

/** A routine `(rows, size, from, step, to, gap)` that copies rows of `size` numbers, `step` bytes apart, with gaps in between. */
const copyRows = (module: KernelModule): Routine =>
  module.define(6, (routine, rows, size, from, step, to, gap) =>
    routine.for(0, rows, 1, () => {
      const source = routine.let(from);
      const left = routine.let(size);
      routine.while(less(3, left), () => {
        routine.save(to, routine.load(source));
        for (const address of [source, to]) routine.step(address, 16);
        routine.step(left, -4);
      });
      routine.while(less(0, left), () => {
        routine.copy(to, source);
        for (const address of [source, to]) routine.step(address, 4);
        routine.step(left, -1);
      });
      routine.set(from, add(from, step));
      routine.set(to, add(to, gap));
    }),
  );

/**
 * What the gates get from the input: inputs of the gates, or rows of a table of such inputs, to which the products are
 * added; or the products include it, since each row of `state` has the layer's input and then the state before.
 */
export type Prepared = 'inputs' | 'table' | 'joined';

/** What a kernel of the forward pass does beside the record. */
export interface ForwardShape {
  readonly from: Prepared;
  /** Copies of the states: each has those of all positions, or, for each position, the state before it. */
  readonly copies: readonly { readonly before: boolean }[];
}

/**
 * `x` is the inputs of the gates, the table, whose rows `indices` names, or the layer's input with `features` numbers for
 * each example (otherwise 0). `xStep` leads from a position's inputs or indices to the next.
 */
export const FORWARD_ARGS = [
  'x',
  'indices',
  'h',
  'c',
  'bias',
  'record',
  'product',
  'inner',
  'state',
  'count',
  'size',
  'features',
  'xStep',
  'recordStep',
  'length',
] as const;
/** For each copy of the states: its first position, and the bytes to the next position and to the next example. */
const COPY_ARGS = ['copy', 'copyStep', 'copyRow'] as const;

/**
 * Computes a position from its activated products. For a cell with a hyperbolic tangent of its own, mode `begin` writes to
 * `inner` what that is taken of, and the engine replaces it by its hyperbolic tangents. Mode `finish` computes the rest,
 * with h at `state`, and writes what the products of the next position are added to. Mode `prepare`, for position −1, copies
 * the first state instead. The products lie one after another at `product`, each for all examples.
 *
 * The arguments are {@link FORWARD_ARGS}, three for each copy, the position and the mode. A GRU has no table, since it reads
 * inputs again.
 */
export function encodeForwardPosition(
  cell: Cell,
  { from, copies }: ForwardShape,
  pages: number,
): Uint8Array<ArrayBuffer> {
  const { gates, record } = CELLS[cell];
  const module = new KernelModule();
  const begin = cellStart(module, cell);
  const inner = hasInner(cell) ? cellFinish(module, cell, 'inner', 0) : undefined;
  const finish = cellFinish(module, cell, 'state', copies.length);
  const [copy, touch] = [copyRows(module), touchLines(module)];
  const copyArgs = copies.flatMap((_, k) => COPY_ARGS.map((name) => `${name}${k}` as const));
  module.run([...FORWARD_ARGS, ...copyArgs, 't', 'mode'], (routine, p) => {
    const bytes = routine.let(mul(p.size, 4));
    routine.for(p.from, p.to, 1, (piece) => {
      const row = routine.let(mul(piece, ROWS));
      const start = routine.let(mul(row, bytes));
      const rows = routine.let(min(ROWS, sub(p.count, row)));
      const out = routine.let(add(p.record, mul(p.t, p.recordStep), mul(start, record)));
      const products = Array.from({ length: MOST_PRODUCTS }, (_, k) => {
        const product = GATE_PRODUCTS[cell][k];
        if (!product) return 0;
        return routine.let(add(p.product, mul(mul(p.count, bytes), product.from), mul(start, product.gates)));
      });
      const x = routine.let(add(p.x, mul(p.t, p.xStep), mul(start, gates)));
      const before = routine.let(mul(p.features, 4));
      const joined = routine.let(add(p.state, start, mul(row, before)));
      const [own, state] = [add(p.inner, start), add(joined, before)];
      const targets = copies.map(({ before: isBefore }, k) => {
        const step = routine.let(p[`copyRow${k}`]!);
        const position = add(p.t, isBefore ? 1 : 0);
        const to = routine.let(add(p[`copy${k}`]!, mul(position, p[`copyStep${k}`]!), mul(row, step)));
        return { isBefore, to, step };
      });
      routine.if(equal(p.mode, MODE.prepare), () => {
        const first = routine.let(add(p.h, start));
        routine.call(copy, rows, p.size, first, bytes, state, before);
        for (const { isBefore, to, step } of targets)
          if (isBefore) routine.call(copy, rows, p.size, first, bytes, to, sub(step, bytes));
      });
      routine.if(less(MODE.prepare, p.mode), () => {
        const last = routine.let(sub(out, p.recordStep));
        const h = routine.let(add(last, mul(bytes, record - 1)));
        const c = routine.let(add(last, mul(bytes, 4)));
        const step = routine.let(mul(bytes, record));
        routine.if(equal(p.t, 0), () => {
          routine.set(h, add(p.h, start));
          routine.set(c, add(p.c, start));
          routine.set(step, bytes);
        });
        const compute = (part: Routine, ...more: Int[]): void =>
          routine.call(
            part,
            rows,
            p.size,
            ...products,
            x,
            h,
            step,
            c,
            step,
            out,
            own,
            state,
            before,
            ...more,
          );
        if (inner)
          routine.if(equal(p.mode, MODE.begin), () => {
            routine.call(touch, out, mul(mul(rows, bytes), record), own);
            compute(inner);
          });
        routine.if(equal(p.mode, MODE.finish), () => {
          // No position has the last state before it: such a copy writes it to a row that is no longer needed.
          const isLast = equal(add(p.t, 1), p.length);
          for (const target of targets.filter(({ isBefore }) => isBefore))
            routine.if(isLast, () => {
              routine.set(target.to, own);
              routine.set(target.step, 0);
            });
          compute(finish, ...targets.map(({ to }) => to), ...targets.map((target) => target.step));
        });
      });
      const isBeforeLast = less(add(p.t, 1), p.length);
      const next = (write: () => void): void =>
        routine.if(both(less(p.mode, MODE.begin), isBeforeLast), write);
      if (from === 'inputs')
        next(() => routine.call(begin, rows, p.size, ...products, add(x, p.xStep), p.bias));
      if (from === 'joined')
        next(() => {
          const inputs = add(p.x, mul(add(p.t, 1), p.xStep), mul(row, before));
          routine.call(copy, rows, p.features, inputs, before, joined, bytes);
        });
      if (from === 'table')
        next(() => {
          const places = products.map((place): Int => (place === 0 ? 0 : routine.let(place)));
          const indices = routine.let(add(p.indices, mul(add(p.t, 1), p.xStep), mul(row, 4)));
          routine.for(0, rows, 1, (k) => {
            const index = at(add(indices, mul(k, 4)));
            routine.call(begin, 1, p.size, ...places, add(p.x, mul(index, mul(bytes, gates))), p.bias);
            for (const [n, product] of GATE_PRODUCTS[cell].entries())
              routine.step(places[n] as Variable, mul(bytes, product.gates));
          });
        });
    });
  });
  return module.encodeFor(pages);
}

export const BACKWARD_ARGS = [
  'dy',
  'record',
  'h',
  'c',
  'end',
  'grads',
  'dh',
  'dc',
  'product',
  'count',
  'size',
  'dyStep',
  'recordStep',
  'gradsStep',
  'length',
] as const;

/**
 * Computes the gradients of a position. It has one mode.
 *
 * @param copies whether those that reach the state before through the weights are copied to `product`
 */
export function encodeBackwardPosition(cell: Cell, copies: boolean, pages: number): Uint8Array<ArrayBuffer> {
  const { gates, record, grads } = CELLS[cell];
  const module = new KernelModule();
  const compute = cellBackward(module, cell);
  const [copy, touch] = [copyRows(module), touchLines(module)];
  module.run([...BACKWARD_ARGS, 't', 'mode'], (routine, p) => {
    const bytes = routine.let(mul(p.size, 4));
    routine.for(p.from, p.to, 1, (piece) => {
      const row = routine.let(mul(piece, ROWS));
      const start = routine.let(mul(row, bytes));
      const rows = routine.let(min(ROWS, sub(p.count, row)));
      const [dh, dc] = [routine.let(add(p.dh, start)), routine.let(add(p.dc, start))];
      routine.if(equal(p.t, sub(p.length, 1)), () =>
        routine.for(0, mul(rows, p.size), 1, (k) => {
          routine.store(add(dh, mul(k, 4)), 0);
          if (cell === 'lstm') routine.copy(add(dc, mul(k, 4)), add(p.end, start, mul(k, 4)));
        }),
      );
      const kept = routine.let(add(p.record, mul(p.t, p.recordStep), mul(start, record)));
      const out = routine.let(add(p.grads, mul(p.t, p.gradsStep), mul(start, grads)));
      const before = routine.let(sub(kept, p.recordStep));
      const h = routine.let(add(before, mul(bytes, record - 1)));
      const c = routine.let(add(before, mul(bytes, 4)));
      const step = routine.let(mul(bytes, record));
      routine.if(equal(p.t, 0), () => {
        routine.set(h, add(p.h, start));
        routine.set(c, add(p.c, start));
        routine.set(step, bytes);
      });
      const dy = add(p.dy, mul(p.t, p.dyStep), start);
      const whole = routine.let(mul(rows, bytes));
      routine.if(equal(p.t, sub(p.length, 1)), () => routine.call(touch, kept, mul(whole, record), out));
      // The state before is part of the next record.
      routine.if(less(0, p.t), () => routine.call(touch, before, mul(whole, record), out));
      routine.call(touch, out, mul(whole, grads), out);
      routine.call(touch, dy, whole, out);
      routine.call(compute, rows, p.size, dy, dh, dc, kept, h, step, c, step, out);
      const product = add(p.product, mul(start, gates));
      if (copies) routine.call(copy, rows, mul(p.size, gates), out, mul(bytes, grads), product, 0);
    });
  });
  return module.encodeFor(pages);
}
