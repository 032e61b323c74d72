import { CELLS, type Cell } from '../../../ops/sequence/recurrent.js';
import {
  add,
  at,
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
import { cellBackward, cellFinish, cellStart, GATE_PRODUCTS, MOST_PRODUCTS } from './cells.js';
import { ROWS } from './recurrent.js';

/*
 * Kernels of one position of a recurrent layer, for engines whose own product runs between two positions. A piece is ROWS
 * examples. The position counts in the order in which the layer reads.
 */

/** A routine `(rows, size, from, step, to)` that copies rows of `size` numbers, `step` bytes apart, one after another. */
const copyRows = (module: KernelModule): Routine =>
  module.define(5, (routine, rows, size, from, step, to) =>
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
    }),
  );

/**
 * What the products of a position are added to: inputs of the gates, rows of a table of such inputs, or the results of
 * other products, which are there already.
 */
export type Prepared = 'inputs' | 'table' | 'products';

/** `x` is the inputs, or the table, whose rows `indices` names; `xStep` leads from a position's inputs or indices to the next. */
export const FORWARD_ARGS = [
  'x',
  'indices',
  'h',
  'c',
  'bias',
  'record',
  'product',
  'state',
  'count',
  'size',
  'xStep',
  'recordStep',
  'length',
  't',
  'computes',
] as const;

/**
 * Computes a position from its activated products, if `computes` is 1, copies its h to `state`, and writes what the
 * products of the next position are added to. Position −1 is the first state. The products lie one after another at
 * `product`, each for all examples.
 *
 * @param from what the products are added to; a GRU has no table, since it reads inputs again
 */
export function encodeForwardPosition(cell: Cell, from: Prepared, pages: number): Uint8Array<ArrayBuffer> {
  const { gates, record } = CELLS[cell];
  const module = new KernelModule();
  const [begin, finish] = [cellStart(module, cell), cellFinish(module, cell)];
  const copy = copyRows(module);
  module.run(FORWARD_ARGS, (routine, p) => {
    const bytes = routine.let(mul(p.size, 4));
    routine.for(p.from, p.to, 1, (piece) => {
      const row = routine.let(mul(piece, ROWS));
      const start = routine.let(mul(row, bytes));
      const rows = routine.let(min(ROWS, sub(p.count, row)));
      const out = routine.let(add(p.record, mul(p.t, p.recordStep), mul(start, record)));
      const whole = routine.let(mul(bytes, record));
      const products = Array.from({ length: MOST_PRODUCTS }, (_, k) => {
        const product = GATE_PRODUCTS[cell][k];
        if (!product) return 0;
        return routine.let(add(p.product, mul(mul(p.count, bytes), product.from), mul(start, product.gates)));
      });
      const x = routine.let(add(p.x, mul(p.t, p.xStep), mul(start, gates)));
      routine.if(p.computes, () => {
        const before = routine.let(sub(out, p.recordStep));
        const h = routine.let(add(before, mul(bytes, record - 1)));
        const c = routine.let(add(before, mul(bytes, 4)));
        const step = routine.let(whole);
        routine.if(equal(p.t, 0), () => {
          routine.set(h, add(p.h, start));
          routine.set(c, add(p.c, start));
          routine.set(step, bytes);
        });
        routine.call(finish, rows, p.size, ...products, x, h, step, c, step, out);
      });
      const state = routine.let(add(out, mul(bytes, record - 1)));
      routine.if(less(p.t, 0), () => {
        routine.set(state, add(p.h, start));
        routine.set(whole, bytes);
      });
      routine.call(copy, rows, p.size, state, whole, add(p.state, start));
      const next = (write: () => void): void => routine.if(less(add(p.t, 1), p.length), write);
      if (from === 'inputs')
        next(() => routine.call(begin, rows, p.size, ...products, add(x, p.xStep), p.bias));
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
  't',
  'computes',
] as const;

/**
 * Computes the gradients of a position.
 *
 * @param copies whether those that reach the state before through the weights are copied to `product`
 */
export function encodeBackwardPosition(cell: Cell, copies: boolean, pages: number): Uint8Array<ArrayBuffer> {
  const { gates, record, grads } = CELLS[cell];
  const module = new KernelModule();
  const compute = cellBackward(module, cell);
  const copy = copyRows(module);
  module.run(BACKWARD_ARGS, (routine, p) => {
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
      routine.call(compute, rows, p.size, dy, dh, dc, kept, h, step, c, step, out);
      const product = add(p.product, mul(start, gates));
      if (copies) routine.call(copy, rows, mul(p.size, gates), out, mul(bytes, grads), product);
    });
  });
  return module.encodeFor(pages);
}
