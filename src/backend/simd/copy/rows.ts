import { V } from '../../../webassembly/instructions.js';
import { add, at, div, less, min, mul, type Routine, rem, sub } from '../../../webassembly/terms.js';
import { KernelModule, ordered } from '../kernel-module.js';
import { VectorOperation } from '../operation.js';
import type { KernelPool } from '../pool.js';
import { copyElements, zeroElements } from './elements.js';

/** Blocks [outer, size, inner] of which `count` positions along the middle dimension are selected. */
export interface Selection {
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
  readonly count: number;
}

const PIECE = 2 ** 14;
/** Columns of a piece of a sum: at least two cache lines. */
const FEWEST_COLUMNS = 32;

const COPY_ARGS = ['x', 'indices', 'y', 'count', 'inner', 'block'] as const;

function encodeCopy(pages: number): Uint8Array<ArrayBuffer> {
  const module = new KernelModule();
  const copy = copyElements(module);
  module.run(COPY_ARGS, (routine, p) => {
    const bytes = routine.let(mul(p.inner, 4));
    routine.for(p.from, p.to, 1, (piece) => {
      const index = at(add(p.indices, mul(rem(piece, p.count), 4)));
      const from = add(p.x, mul(div(piece, p.count), p.block), mul(index, bytes));
      routine.call(copy, add(p.y, mul(piece, bytes)), from, p.inner);
    });
  });
  return module.encodeFor(pages);
}

/** Copies the rows that indices name. Operands of `run`: x, indices (each in [0, size)), y [outer, count, inner]. */
export function copyRows(pool: KernelPool, { outer, size, inner, count }: Selection): VectorOperation {
  return new VectorOperation(pool, 0, [
    {
      kernel: pool.compile({ rows: 'copy' }, encodeCopy),
      total: inner === 0 ? 0 : outer * count,
      piece: Math.max(1, Math.floor(PIECE / Math.max(1, inner))),
      elements: outer * count * inner,
      args: ([x, indices, y]) =>
        ordered(COPY_ARGS, {
          x: x!,
          indices: indices!,
          y: y!,
          count,
          inner,
          block: 4 * size * inner,
        }),
    },
  ]);
}

/** `(to, from, count)`: adds adjacent numbers. */
const addElements = (module: KernelModule): Routine =>
  module.define(3, (routine, to, from, count) => {
    const sum = routine.code.vector();
    const both = (load: number): void => {
      const [a, b] = [routine.load(to, 0, load), routine.load(from, 0, load)];
      routine.code.get(a).get(b).v(V.f32Add).set(sum);
    };
    routine.while(less(3, count), () => {
      both(V.load);
      routine.save(to, sum);
      routine.step(to, 16);
      routine.step(from, 16);
      routine.step(count, -4);
    });
    routine.while(less(0, count), () => {
      both(V.load32Splat);
      routine.saveLane(to, sum);
      routine.step(to, 4);
      routine.step(from, 4);
      routine.step(count, -1);
    });
  });

const ADD_ARGS = ['gradient', 'indices', 'y', 'size', 'inner', 'count', 'blocks', 'columns'] as const;

function encodeAdd(pages: number): Uint8Array<ArrayBuffer> {
  const module = new KernelModule();
  const [zero, sum] = [zeroElements(module), addElements(module)];
  module.run(ADD_ARGS, (routine, p) => {
    const bytes = routine.let(mul(p.inner, 4));
    routine.for(p.from, p.to, 1, (piece) => {
      const outer = routine.let(div(piece, p.blocks));
      const column = routine.let(mul(rem(piece, p.blocks), p.columns));
      const width = routine.let(min(p.columns, sub(p.inner, column)));
      const y = routine.let(add(p.y, mul(mul(outer, p.size), bytes), mul(column, 4)));
      const from = routine.let(add(p.gradient, mul(mul(outer, p.count), bytes), mul(column, 4)));
      routine.for(0, p.size, 1, (row) => routine.call(zero, add(y, mul(row, bytes)), width));
      routine.for(0, p.count, 1, (k) => {
        const index = at(add(p.indices, mul(k, 4)));
        routine.call(sum, add(y, mul(index, bytes)), from, width);
        routine.step(from, bytes);
      });
    });
  });
  return module.encodeFor(pages);
}

/**
 * Adds rows at the places that indices name, in their order, and zeros elsewhere: the gradient of `copyRows`. Operands of
 * `run`: rows [outer, count, inner], indices (each in [0, size)), y [outer, size, inner].
 */
export function addRows(pool: KernelPool, { outer, size, inner, count }: Selection): VectorOperation {
  // Wide pieces, since rows are read faster in long parts. The sums do not depend on them.
  const share = Math.ceil(inner / pool.threads / FEWEST_COLUMNS) * FEWEST_COLUMNS;
  const columns = outer < pool.threads ? Math.max(FEWEST_COLUMNS, share) : Math.max(1, inner);
  const blocks = Math.ceil(inner / columns);
  const each = (size + count) * Math.min(inner, columns);
  return new VectorOperation(pool, 0, [
    {
      kernel: pool.compile({ rows: 'add' }, encodeAdd),
      total: outer * blocks,
      piece: Math.max(1, Math.floor(PIECE / Math.max(1, each))),
      elements: outer * blocks * each,
      args: ([gradient, indices, y]) =>
        ordered(ADD_ARGS, {
          gradient: gradient!,
          indices: indices!,
          y: y!,
          size,
          inner,
          count,
          blocks,
          columns,
        }),
    },
  ]);
}
