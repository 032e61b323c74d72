import type { Code } from '../../../webassembly/encoder.js';
import { V } from '../../../webassembly/instructions.js';
import {
  add,
  bitsOf,
  equal,
  less,
  min,
  mul,
  notEqual,
  type Routine,
  sub,
} from '../../../webassembly/terms.js';
import type { KernelModule } from '../kernel-module.js';

/** Size of the block of C that stays in registers while a panel of A is multiplied by a panel of B. */
export interface Tile {
  readonly rows: number;
  /** A multiple of 4. */
  readonly columns: number;
  /** Whether a product is computed and added in one instruction (FMA), which rounds once. */
  readonly fused: boolean;
}

/** Rows of C whose panels of A together stay in the second-level cache. */
const ROWS_IN_CACHE = 240;

/** acc += a · b. */
export function multiplyAdd(code: Code, fused: boolean, acc: number, a: number, b: number): void {
  if (fused) code.get(a).get(b).get(acc).v(V.f32RelaxedMadd).set(acc);
  else code.get(acc).get(a).get(b).v(V.f32Mul).v(V.f32Add).set(acc);
}

/**
 * `(k, a, b, c, stepC, alpha, beta)`: C = alpha · A · B + beta · C for the first `rows` rows of a tile, and the first
 * `vectors` vectors of each; C is not read if beta is 0.
 */
function tileOf(module: KernelModule, tile: Tile, rows: number, vectors: number): Routine {
  return module.define(7, (routine, k, a, b, c, stepC, alpha, beta) => {
    const { code } = routine;
    const sums = Array.from({ length: rows }, () => Array.from({ length: vectors }, () => code.vector()));
    for (const sum of sums.flat()) code.f32(0).set(sum);
    const right = Array.from({ length: vectors }, () => code.vector());
    const left = code.vector();
    const end = routine.let(add(a, mul(k, 4 * tile.rows)));
    routine.if(less(0, k), () =>
      routine.repeat(
        () => {
          right.forEach((vector, j) => {
            code
              .get(b.local)
              .memory(V.load, 16 * j)
              .set(vector);
          });
          sums.forEach((row, i) => {
            code
              .get(a.local)
              .memory(V.load32Splat, 4 * i)
              .set(left);
            row.forEach((sum, j) => {
              multiplyAdd(code, tile.fused, sum, left, right[j]!);
            });
          });
          routine.step(a, 4 * tile.rows);
          routine.step(b, 4 * tile.columns);
        },
        notEqual(a, end),
      ),
    );
    const scale = code.vector();
    code.get(alpha.local).v(V.splatI32).set(scale);
    routine.if(notEqual(alpha, bitsOf(1)), () => {
      for (const sum of sums.flat()) code.get(sum).get(scale).v(V.f32Mul).set(sum);
    });
    routine.if(notEqual(beta, 0), () => {
      code.get(beta.local).v(V.splatI32).set(scale);
      const row = routine.let(c);
      for (const sums_ of sums) {
        sums_.forEach((sum, j) => {
          code
            .get(sum)
            .get(row.local)
            .memory(V.load, 16 * j)
            .get(scale)
            .v(V.f32Mul)
            .v(V.f32Add)
            .set(sum);
        });
        routine.step(row, stepC);
      }
    });
    for (const row of sums) {
      row.forEach((sum, j) => {
        routine.save(c, sum, 16 * j);
      });
      routine.step(c, stepC);
    }
  });
}

/**
 * `(rows, …)`: calls the routine for this number of rows, from 1 to the tile's rows.
 * @param whole the routine for all rows
 */
function tilesOf(
  module: KernelModule,
  tile: Tile,
  vectors: number,
  whole = tileOf(module, tile, tile.rows, vectors),
): Routine {
  const fewer = Array.from({ length: tile.rows - 1 }, (_, i) => tileOf(module, tile, i + 1, vectors));
  const byRows = [...fewer, whole];
  return module.define(8, (routine, rows, ...rest) => {
    const choose = (count: number): void => {
      const run = () => routine.call(byRows[count - 1]!, ...rest);
      if (count === 1) run();
      else routine.if(less(count - 1, rows), run, () => choose(count - 1));
    };
    choose(tile.rows);
  });
}

/** `(c, stepC, from, rows, columns, stepFrom, beta)`: C = from + beta · C, number by number. */
function addPart(module: KernelModule): Routine {
  return module.define(7, (routine, c, stepC, from, rows, columns, stepFrom, beta) => {
    const { code } = routine;
    const scale = code.vector();
    code.get(beta.local).v(V.splatI32).set(scale);
    routine.for(0, rows, 1, () => {
      routine.for(0, columns, 1, (j) => {
        const value = routine.load(add(from, mul(j, 4)), 0, V.load32Splat);
        const place = routine.let(add(c, mul(j, 4)));
        routine.if(notEqual(beta, 0), () => {
          const old = routine.load(place, 0, V.load32Splat);
          code.get(value).get(old).get(scale).v(V.f32Mul).v(V.f32Add).set(value);
        });
        routine.saveLane(place, value);
      });
      routine.step(c, stepC);
      routine.step(from, stepFrom);
    });
  });
}

/** Bytes of the memory that the routine of `multiplyPanels` needs for itself. */
export const spareBytes = ({ rows, columns }: Tile): number => 4 * rows * columns;

/**
 * `(rows, columns, k, a, b, c, stepC, alpha, beta, spare)`: C = alpha · A · B + beta · C, from packed panels. Each number
 * of C is the sum of its products in the order of k.
 */
export function multiplyPanels(module: KernelModule, tile: Tile): Routine {
  const vectors = tile.columns / 4;
  const whole = tileOf(module, tile, tile.rows, vectors);
  const wide = tilesOf(module, tile, vectors, whole);
  // For the last columns, if they are at most four.
  const narrow = tilesOf(module, tile, 1);
  const part = addPart(module);
  const blockRows = Math.floor(ROWS_IN_CACHE / tile.rows) * tile.rows;
  return module.define(10, (routine, rows, columns, k, a, b, c, stepC, alpha, beta, spare) => {
    routine.for(0, rows, blockRows, (first) => {
      const end = routine.let(min(rows, add(first, blockRows)));
      routine.for(0, columns, tile.columns, (j) => {
        const right = routine.let(add(b, mul(mul(j, k), 4)));
        const width = routine.let(min(tile.columns, sub(columns, j)));
        routine.for(first, end, tile.rows, (i) => {
          const left = add(a, mul(mul(i, k), 4));
          const place = routine.let(add(c, mul(i, stepC), mul(j, 4)));
          const height = routine.let(min(tile.rows, sub(rows, i)));
          const inPlace = [place, stepC, alpha, beta] as const;
          /** Computes columns of which some do not exist. */
          const inSpare = (multiply: Routine): void => {
            routine.call(multiply, height, k, left, right, spare, 4 * tile.columns, alpha, 0);
            routine.call(part, place, stepC, spare, height, width, 4 * tile.columns, beta);
          };
          const lastColumns = (): void =>
            routine.if(
              less(4, width),
              () => inSpare(wide),
              () =>
                routine.if(
                  equal(width, 4),
                  () => routine.call(narrow, height, k, left, right, ...inPlace),
                  () => inSpare(narrow),
                ),
            );
          routine.if(
            equal(width, tile.columns),
            () =>
              routine.if(
                equal(height, tile.rows),
                () => routine.call(whole, k, left, right, ...inPlace),
                () => routine.call(wide, height, k, left, right, ...inPlace),
              ),
            lastColumns,
          );
        });
      });
    });
  });
}
