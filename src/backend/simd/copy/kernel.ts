import {
  add,
  div,
  less,
  min,
  mul,
  type Routine,
  rem,
  sub,
  type Variable,
} from '../../../webassembly/terms.js';
import { transpose } from '../gemm/transpose.js';
import { KernelModule } from '../kernel-module.js';
import { copyElements } from './elements.js';

/** How numbers of the inner dimensions are moved: rows that are adjacent on both sides, tiles of 4 × 4, or one by one. */
export type Inner = 'rows' | 'tiles' | 'single';

/** Number of dimensions around the two inner ones. */
export const OUTER = 4;
const outerNames = Array.from(
  { length: OUTER },
  (_, d) => [`size${d}`, `from${d}`, `to${d}`] as const,
).flat();

/** Arguments: addresses, sizes, and distances in bytes. Rows are divided into blocks, each of which is a piece. */
export const COPY_ARGS = [
  'source',
  'target',
  'rows',
  'columns',
  'rowBlock',
  'rowFrom',
  'rowTo',
  'columnFrom',
  'columnTo',
  ...outerNames,
];

/** `(from, to, rows, columns, columnFrom, rowTo)`: transposes; rows are adjacent in `from`, columns in `to`. */
function transposeTiles(module: KernelModule): Routine {
  return module.define(6, (routine, from, to, rows, columns, columnFrom, rowTo) => {
    const single = (source: Variable, target: Variable): void => {
      routine.copy(target, source);
    };
    const row = routine.let(0);
    routine.while(less(add(row, 3), rows), () => {
      const source = routine.let(add(from, mul(row, 4)));
      const target = routine.let(add(to, mul(row, rowTo)));
      const column = routine.let(0);
      routine.while(less(add(column, 3), columns), () => {
        const vectors = [0, 1, 2, 3].map((i) => routine.load(add(source, mul(columnFrom, i)))) as [
          number,
          number,
          number,
          number,
        ];
        transpose(routine.code, vectors).forEach((vector, i) => {
          routine.save(add(target, mul(rowTo, i)), vector);
        });
        routine.step(source, mul(columnFrom, 4));
        routine.step(target, 16);
        routine.step(column, 4);
      });
      routine.while(less(column, columns), () => {
        for (let i = 0; i < 4; i++) routine.copy(add(target, mul(rowTo, i)), add(source, 4 * i));
        routine.step(source, columnFrom);
        routine.step(target, 4);
        routine.step(column, 1);
      });
      routine.step(row, 4);
    });
    routine.for(row, rows, 1, (last) => {
      const source = routine.let(add(from, mul(last, 4)));
      const target = routine.let(add(to, mul(last, rowTo)));
      routine.for(0, columns, 1, () => {
        single(source, target);
        routine.step(source, columnFrom);
        routine.step(target, 4);
      });
    });
  });
}

/** A kernel that copies numbers from one set of strides to another. */
export function encodeCopy(inner: Inner, pages: number): Uint8Array<ArrayBuffer> {
  const module = new KernelModule();
  const tiles = inner === 'tiles' ? transposeTiles(module) : undefined;
  const row = inner === 'rows' ? copyElements(module) : undefined;
  module.run(COPY_ARGS, (routine, p) => {
    const blocks = routine.let(div(sub(add(p.rows!, p.rowBlock!), 1), p.rowBlock!));
    routine.for(p.from!, p.to!, 1, (piece) => {
      const first = routine.let(mul(rem(piece, blocks), p.rowBlock!));
      const rows = routine.let(min(p.rowBlock!, sub(p.rows!, first)));
      const rest = routine.let(div(piece, blocks));
      const from = routine.let(add(p.source!, mul(first, p.rowFrom!)));
      const to = routine.let(add(p.target!, mul(first, p.rowTo!)));
      for (let d = OUTER - 1; d >= 0; d--) {
        const index = routine.let(rem(rest, p[`size${d}`]!));
        routine.step(from, mul(index, p[`from${d}`]!));
        routine.step(to, mul(index, p[`to${d}`]!));
        routine.set(rest, div(rest, p[`size${d}`]!));
      }
      if (tiles) {
        routine.call(tiles, from, to, rows, p.columns!, p.columnFrom!, p.rowTo!);
        return;
      }
      routine.for(0, rows, 1, () => {
        if (row) routine.call(row, to, from, p.columns!);
        else {
          const source = routine.let(from);
          const target = routine.let(to);
          routine.for(0, p.columns!, 1, () => {
            routine.copy(target, source);
            routine.step(source, p.columnFrom!);
            routine.step(target, p.columnTo!);
          });
        }
        routine.step(from, p.rowFrom!);
        routine.step(to, p.rowTo!);
      });
    });
  });
  return module.encodeFor(pages);
}
