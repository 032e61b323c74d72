import {
  add,
  bitsOf,
  div,
  type Int,
  less,
  min,
  mul,
  type Routine,
  rem,
  sub,
  type Variable,
} from '../../../webassembly/terms.js';
import { KernelModule } from '../kernel-module.js';

import { type Epilogue, EXTRA_ARGS, extrasAt, finish, isEmpty } from './epilogue.js';
import { multiplyPanels, spareBytes, type Tile } from './micro.js';
import { packPanel, packPanels, scaleNumbers } from './pack.js';

/** The operand that has been packed for all threads. Each piece packs the other operand, or both for 'none'. */
export type Shared = 'a' | 'b' | 'none';

/** Arguments of the kernel. Steps are in bytes; factors, `alpha` and `beta` are the bits of float32 numbers. */
export const PRODUCT_ARGS = [
  'a',
  'b',
  'c',
  ...EXTRA_ARGS,
  'shared',
  'own',
  'ownBytes',
  'm',
  'n',
  'k',
  'block',
  'aRow',
  'aColumn',
  'bRow',
  'bColumn',
  'cRow',
  'inner',
  'aOuter',
  'aInner',
  'bOuter',
  'bInner',
  'cOuter',
  'cInner',
  'sharedOuter',
  'sharedInner',
  'factorA',
  'factorB',
  'alpha',
  'beta',
  'rows',
  'columns',
  'rowTiles',
  'columnTiles',
] as const;

/** Bytes of scratch memory for each thread: packed operands of one piece, and a spare tile. */
export const ownBytes = (
  tile: Tile,
  shared: Shared,
  rows: number,
  columns: number,
  block: number,
): number => {
  const ownRows = shared === 'a' ? 0 : roundUp(rows, tile.rows);
  const ownColumns = shared === 'b' ? 0 : roundUp(columns, tile.columns);
  return spareBytes(tile) + 4 * block * (ownRows + ownColumns);
};

export const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to;

/** How the range of a kernel is divided: by blocks of C of all matrices of a batch, or by the rows of one matrix. */
export type Range = 'blocks' | 'rows';

/** What decides a kernel's code. */
export interface ProductKernel {
  readonly tile: Tile;
  readonly shared: Shared;
  readonly epilogue: Epilogue;
  readonly range: Range;
}

/** A kernel that computes blocks of C of `rows` times `columns` numbers. */
export function encodeProduct(
  { tile, shared, epilogue, range }: ProductKernel,
  pages: number,
): Uint8Array<ArrayBuffer> {
  const module = new KernelModule();
  const pack = (width: number): Routine => packPanels(module, packPanel(module, width), width);
  const packA = shared === 'a' ? undefined : pack(tile.rows);
  const packB = shared === 'b' ? undefined : pack(tile.columns);
  const scale = scaleNumbers(module);
  const multiply = multiplyPanels(module, tile);
  const complete = isEmpty(epilogue) ? undefined : finish(module, epilogue);

  module.run(PRODUCT_ARGS, (routine, p) => {
    const spare = routine.let(add(p.own, mul(p.thread, p.ownBytes)));
    const ownB = routine.let(add(spare, spareBytes(tile)));
    // Panels of B begin at multiples of their rows' 32 bytes.
    const ownA = packB ? routine.let(add(ownB, mul(mul(up(p.columns, tile.columns), p.block), 4))) : ownB;
    const [rowsUp, columnsUp] = [routine.let(up(p.m, tile.rows)), routine.let(up(p.n, tile.columns))];
    const compute = (outer: Int, inner: Int, row: Variable, rows: Variable, column: Int, columns: Int) => {
      const place = (base: Variable, byOuter: Variable, byInner: Variable): Int =>
        add(base, mul(outer, byOuter), mul(inner, byInner));
      const a = routine.let(add(place(p.a, p.aOuter, p.aInner), mul(row, p.aRow)));
      const b = routine.let(add(place(p.b, p.bOuter, p.bInner), mul(column, p.bColumn)));
      const c = routine.let(add(place(p.c, p.cOuter, p.cInner), mul(row, p.cRow), mul(column, 4)));
      const packed = routine.let(place(p.shared, p.sharedOuter, p.sharedInner));
      /** Address of the packed block that begins at step `start` and has `k` steps. */
      const inShared = (start: Int, k: Int, whole: Int, first: Int): Int =>
        add(packed, mul(add(mul(start, whole), mul(first, k)), 4));
      const beta = routine.let(p.beta);
      const start = routine.let(0);
      routine.repeat(
        () => {
          const k = routine.let(min(p.block, sub(p.k, start)));
          if (packA) {
            routine.call(packA, ownA, add(a, mul(start, p.aColumn)), p.aColumn, p.aRow, k, rows);
            routine.call(scale, ownA, mul(up(rows, tile.rows), k), p.factorA);
          }
          if (packB) {
            routine.call(packB, ownB, add(b, mul(start, p.bRow)), p.bRow, p.bColumn, k, columns);
            routine.call(scale, ownB, mul(up(columns, tile.columns), k), p.factorB);
          }
          const left = packA ? ownA : inShared(start, k, rowsUp, row);
          const right = packB ? ownB : inShared(start, k, columnsUp, column);
          routine.call(multiply, rows, columns, k, left, right, c, p.cRow, p.alpha, beta, spare);
          routine.set(beta, bitsOf(1));
          routine.step(start, p.block);
        },
        less(start, p.k),
      );
      if (complete)
        routine.call(complete, c, p.cRow, rows, columns, ...extrasAt(epilogue, p, { row, column }));
    };
    if (range === 'rows') {
      routine.for(p.from, p.to, p.rows, (row) =>
        compute(0, 0, row, routine.let(min(p.rows, sub(p.to, row))), 0, p.n),
      );
      return;
    }
    routine.for(p.from, p.to, 1, (piece) => {
      const column = routine.let(mul(rem(piece, p.columnTiles), p.columns));
      const rest = routine.let(div(piece, p.columnTiles));
      const row = routine.let(mul(rem(rest, p.rowTiles), p.rows));
      const matrix = div(rest, p.rowTiles);
      const outer = routine.let(div(matrix, p.inner));
      const inner = routine.let(rem(matrix, p.inner));
      const rows = routine.let(min(p.rows, sub(p.m, row)));
      compute(outer, inner, row, rows, column, routine.let(min(p.columns, sub(p.n, column))));
    });
  });
  return module.encodeFor(pages);
}

const up = (n: Int, to: number): Int => mul(div(add(n, to - 1), to), to);
