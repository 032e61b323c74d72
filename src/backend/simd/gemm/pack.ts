import { V } from '../../../webassembly/instructions.js';
import {
  add,
  at,
  bitsOf,
  both,
  div,
  equal,
  less,
  min,
  mul,
  notEqual,
  type Routine,
  rem,
  sub,
  type Variable,
} from '../../../webassembly/terms.js';
import { KernelModule } from '../kernel-module.js';
import { interleave, transpose } from './transpose.js';

/**
 * A routine `(to, from, stepK, stepI, k, valid)` that packs a panel: `k` times `width` numbers, which the micro-kernels
 * read one after another. Number i of step p is at `from + p · stepK + i · stepI` bytes; from `valid` on they are 0.
 */
export function packPanel(module: KernelModule, width: number): Routine {
  return module.define(6, (routine, to, from, stepK, stepI, k, valid) => {
    const end = routine.let(add(to, mul(k, 4 * width)));
    const steps = (count: number, body: () => void): void =>
      routine.while(less(4 * width * count - 1, sub(end, to)), () => {
        body();
        routine.step(to, 4 * width * count);
      });
    const full = equal(valid, width);
    routine.if(
      both(full, equal(stepI, 4)),
      () =>
        steps(1, () => {
          copyRow(routine, to, from, width);
          routine.step(from, stepK);
        }),
      () =>
        routine.if(
          full,
          () => {
            const rows = Array.from({ length: width }, (_, i) => routine.let(add(from, mul(stepI, i))));
            routine.if(equal(stepK, 4), () =>
              steps(4, () => {
                transposeRows(routine, to, rows, width);
                for (const row of rows) routine.step(row, 16);
              }),
            );
            steps(1, () => {
              for (const [i, row] of rows.entries()) {
                routine.store(to, at(row), 4 * i);
                routine.step(row, stepK);
              }
            });
          },
          () => {
            const zero = routine.code.vector();
            routine.code.f32(0).set(zero);
            if (width === 8)
              routine.if(both(equal(valid, 4), equal(stepI, 4)), () =>
                steps(1, () => {
                  routine.save(to, routine.load(from));
                  routine.save(to, zero, 16);
                  routine.step(from, stepK);
                }),
              );
            routine.for(0, width, 1, (i) => {
              const target = routine.let(add(to, mul(i, 4)));
              const stop = routine.let(add(end, mul(i, 4)));
              const column = (body: () => void): void =>
                routine.while(notEqual(target, stop), () => {
                  body();
                  routine.step(target, 4 * width);
                });
              routine.if(
                less(i, valid),
                () => {
                  const source = routine.let(add(from, mul(i, stepI)));
                  column(() => {
                    routine.copy(target, source);
                    routine.step(source, stepK);
                  });
                },
                () => column(() => routine.store(target, 0)),
              );
            });
          },
        ),
    );
  });
}

/** Copies `width` adjacent numbers. */
function copyRow(routine: Routine, to: Variable, from: Variable, width: number): void {
  let i = 0;
  for (; i + 4 <= width; i += 4) routine.save(to, routine.load(from, 4 * i), 4 * i);
  if (i === width) return;
  const rest = routine.load(from, 4 * i, V.load64Zero);
  routine
    .push(to)
    .get(rest)
    .memory(V.store64Lane, 4 * i, 0);
}

/** Copies four numbers of each row to four steps of the panel. */
function transposeRows(routine: Routine, to: Variable, rows: readonly Variable[], width: number): void {
  let i = 0;
  for (; i + 4 <= width; i += 4) {
    const [a, b, c, d] = [0, 1, 2, 3].map((r) => routine.load(rows[i + r]!)) as [
      number,
      number,
      number,
      number,
    ];
    transpose(routine.code, [a, b, c, d]).forEach((step, p) => {
      routine.save(to, step, 4 * (p * width + i));
    });
  }
  if (i === width) return;
  const halves = interleave(routine.code, routine.load(rows[i]!), routine.load(rows[i + 1]!));
  halves.forEach((half, h) => {
    for (const lane of [0, 1])
      routine
        .push(to)
        .get(half)
        .memory(V.store64Lane, 4 * ((2 * h + lane) * width + i), lane);
  });
}

/** A routine `(to, from, stepK, stepI, k, count)` that packs panels for `count` numbers, one after another. */
export function packPanels(module: KernelModule, panel: Routine, width: number): Routine {
  return module.define(6, (routine, to, from, stepK, stepI, k, count) => {
    routine.for(0, count, width, (i) => {
      routine.call(panel, to, from, stepK, stepI, k, min(width, sub(count, i)));
      routine.step(to, mul(k, 4 * width));
      routine.step(from, mul(stepI, width));
    });
  });
}

/** A routine `(at, count, factor)` that multiplies `count` numbers by the number with the bits `factor`. */
export function scaleNumbers(module: KernelModule): Routine {
  return module.define(3, (routine, place, count, factor) => {
    const { code } = routine;
    const scale = code.vector();
    code.get(factor.local).v(V.splatI32).set(scale);
    const next = (width: 4 | 1): void => {
      const value = routine.load(place, 0, width === 4 ? V.load : V.load32Splat);
      code.get(value).get(scale).v(V.f32Mul).set(value);
      if (width === 4) routine.save(place, value);
      else routine.saveLane(place, value);
      routine.step(place, 4 * width);
      routine.step(count, -width);
    };
    routine.if(notEqual(factor, bitsOf(1)), () => {
      routine.while(less(3, count), () => next(4));
      routine.while(less(0, count), () => next(1));
    });
  });
}

/** Arguments of the kernel that packs a whole operand, for all threads to read. Steps are in bytes. */
export const PACK_ARGS = [
  'source',
  'target',
  'stepK',
  'stepI',
  'count',
  'k',
  'block',
  'inner',
  'sourceOuter',
  'sourceInner',
  'targetOuter',
  'targetInner',
  'factor',
] as const;

/**
 * A kernel whose pieces are the panels of all matrices of a batch. The panels of the first `block` steps of k come first,
 * then those of the next.
 */
export function encodePack(width: number, pages: number): Uint8Array<ArrayBuffer> {
  const module = new KernelModule();
  const panel = packPanel(module, width);
  const scale = scaleNumbers(module);
  module.run(PACK_ARGS, (routine, p) => {
    const panels = routine.let(div(add(p.count, width - 1), width));
    routine.for(p.from, p.to, 1, (piece) => {
      const first = routine.let(mul(rem(piece, panels), width));
      const matrix = routine.let(div(piece, panels));
      const [outer, inner] = [div(matrix, p.inner), rem(matrix, p.inner)];
      const from = routine.let(
        add(p.source, mul(outer, p.sourceOuter), mul(inner, p.sourceInner), mul(first, p.stepI)),
      );
      const to = routine.let(add(p.target, mul(outer, p.targetOuter), mul(inner, p.targetInner)));
      routine.for(0, p.k, p.block, (start) => {
        const k = routine.let(min(p.block, sub(p.k, start)));
        const place = routine.let(add(to, mul(mul(start, panels), 4 * width), mul(mul(first, k), 4)));
        routine.call(
          panel,
          place,
          add(from, mul(start, p.stepK)),
          p.stepK,
          p.stepI,
          k,
          min(width, sub(p.count, first)),
        );
        routine.call(scale, place, mul(k, width), p.factor);
      });
    });
  });
  return module.encodeFor(pages);
}
