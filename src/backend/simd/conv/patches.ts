import { add, at, equal, less, mul, notEqual, type Routine, sub } from '../../../webassembly/terms.js';
import { transpose } from '../gemm/transpose.js';
import type { KernelModule } from '../kernel-module.js';
import { PanelLayout } from './grid.js';

/** Every second number of two vectors. */
export const EVEN = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27];
/** Like EVEN for a second vector that was loaded one number early: its second and fourth number. */
export const EVEN_THEN_ODD = [0, 1, 2, 3, 8, 9, 10, 11, 20, 21, 22, 23, 28, 29, 30, 31];

/**
 * `(to, from, taps, k, panel)`: packs a panel of positions: for each of `k` taps the numbers that a panel's positions
 * read. `taps` and `panel` are addresses of tables.
 */
export function packPatch(module: KernelModule, width: number): Routine {
  return module.define(5, (routine, to, from, taps, k, panel) => {
    const { code } = routine;
    const end = routine.let(add(taps, mul(k, 4)));
    const each = (body: () => void): void =>
      routine.while(notEqual(taps, end), () => {
        body();
        routine.step(taps, 4);
        routine.step(to, 4 * width);
      });
    const layout = routine.let(at(panel));
    const first = routine.let(add(from, at(panel, 4)));
    routine.if(
      equal(layout, PanelLayout.adjacent),
      () =>
        each(() => {
          const source = routine.let(add(first, at(taps)));
          for (let i = 0; i < width; i += 4) routine.save(to, routine.load(source, 4 * i), 4 * i);
        }),
      () =>
        routine.if(
          equal(layout, PanelLayout.alternate),
          () =>
            each(() => {
              const source = routine.let(add(first, at(taps)));
              for (let i = 0; i < width; i += 4) {
                const low = routine.load(source, 8 * i);
                // Nothing beyond the last number of the panel is read.
                const early = i + 4 === width;
                const high = routine.load(source, 8 * i + (early ? 12 : 16));
                code
                  .get(low)
                  .get(high)
                  .shuffle(early ? EVEN_THEN_ODD : EVEN)
                  .set(low);
                routine.save(to, low, 4 * i);
              }
            }),
          () => {
            const sources = Array.from({ length: width }, (_, i) =>
              routine.let(add(from, at(panel, 4 * (i + 1)))),
            );
            each(() => {
              const tap = routine.let(at(taps));
              for (const [i, source] of sources.entries()) routine.store(to, at(add(source, tap)), 4 * i);
            });
          },
        ),
    );
  });
}

/**
 * `(to, from, taps, positions, count)`: packs a panel of taps: for each of `count` positions the numbers that `width` taps
 * read. `taps` and `positions` are addresses of tables.
 */
export function packTaps(module: KernelModule, width: number): Routine {
  return module.define(5, (routine, to, from, taps, positions, count) => {
    const end = routine.let(add(positions, mul(count, 4)));
    const sources = Array.from({ length: width }, (_, i) => routine.let(add(from, at(taps, 4 * i))));
    const single = (): void => {
      const position = routine.let(at(positions));
      for (const [i, source] of sources.entries()) routine.store(to, at(add(source, position)), 4 * i);
      routine.step(positions, 4);
      routine.step(to, 4 * width);
    };
    routine.while(less(12, sub(end, positions)), () => {
      const position = routine.let(at(positions));
      routine.if(
        equal(sub(at(positions, 12), position), 12),
        () => {
          for (let i = 0; i < width; i += 4) {
            const rows = [0, 1, 2, 3].map((r) => routine.load(add(sources[i + r]!, position))) as [
              number,
              number,
              number,
              number,
            ];
            transpose(routine.code, rows).forEach((step, p) => {
              routine.save(to, step, 4 * (p * width + i));
            });
          }
          routine.step(positions, 16);
          routine.step(to, 16 * width);
        },
        single,
      );
    });
    routine.while(notEqual(positions, end), single);
  });
}

/** `(c, stepC, rows, columns, to, stepTo, places)`: writes the numbers of each row to the offsets in a table. */
export const scatter = (module: KernelModule): Routine =>
  module.define(7, (routine, c, stepC, rows, columns, to, stepTo, places) => {
    routine.for(0, rows, 1, () => {
      routine.for(0, mul(columns, 4), 4, (j) => {
        routine.copy(add(to, at(add(places, j))), add(c, j));
      });
      routine.step(c, stepC);
      routine.step(to, stepTo);
    });
  });
