import { V } from '../../../webassembly/instructions.js';
import { add, bitsOf, div, equal, less, min, mul, rem, sub } from '../../../webassembly/terms.js';
import { multiplyPanels, spareBytes, type Tile } from '../gemm/micro.js';
import { packPanel } from '../gemm/pack.js';
import { KernelModule } from '../kernel-module.js';
import { packTaps } from './patches.js';
import { SOURCE_ARGS, stripReader } from './strip.js';

/** Arguments of the kernel: addresses, distances in bytes, and counts. */
export const WEIGHT_GRADIENT_ARGS = [
  'gradient',
  ...SOURCE_ARGS,
  'target',
  'taps',
  'positions',
  'own',
  'ownBytes',
  /**
   * Pieces have four dimensions: tiles of steps (input channel, then tap), tiles of output channels, groups, and chunks
   * of the batch.
   */
  'stepTiles',
  'rowTiles',
  'groups',
  'images',
  'chunkImages',
  'chunkBytes',
  /** Images whose positions are packed at a time. */
  'together',
  'm',
  'tileRows',
  'k',
  'tileSteps',
  'block',
  'tapCount',
  'gradientImage',
  'gradientPlane',
  'rows',
  'columns',
  'stripRows',
] as const;

/** Bytes of scratch memory for each thread. */
export const weightGradientBytes = (
  tile: Tile,
  {
    block,
    tileRows,
    tileSteps,
    strip,
  }: { block: number; tileRows: number; tileSteps: number; strip: number },
): number => spareBytes(tile) + 4 * block * (tileRows + tileSteps) + strip;

/**
 * A kernel whose pieces are tiles of a group's weights, summed over a chunk of the batch. Each weight's gradient is the
 * sum over images and positions, in this order.
 */
export function encodeWeightGradient(tile: Tile, padded: boolean, pages: number): Uint8Array<ArrayBuffer> {
  const module = new KernelModule();
  const readStrip = stripReader(module, padded);
  const packGradient = packPanel(module, tile.rows);
  const packSource = packTaps(module, tile.columns);
  const multiply = multiplyPanels(module, tile);

  module.run(WEIGHT_GRADIENT_ARGS, (routine, p) => {
    const spare = routine.let(add(p.own, mul(p.thread, p.ownBytes)));
    const right = routine.let(add(spare, spareBytes(tile)));
    const left = routine.let(add(right, mul(mul(p.tileSteps, p.block), 4)));
    const strip = routine.let(add(left, mul(mul(p.tileRows, p.block), 4)));
    routine.for(p.from, p.to, 1, (piece) => {
      const firstStep = routine.let(mul(rem(piece, p.stepTiles), p.tileSteps));
      const third = routine.let(div(piece, p.stepTiles));
      const firstRow = routine.let(mul(rem(third, p.rowTiles), p.tileRows));
      const second = routine.let(div(third, p.rowTiles));
      const group = routine.let(rem(second, p.groups));
      const chunk = routine.let(div(second, p.groups));
      const steps = routine.let(min(p.tileSteps, sub(p.k, firstStep)));
      const m = routine.let(min(p.tileRows, sub(p.m, firstRow)));
      const plane = add(mul(group, p.m), firstRow);
      const c = routine.let(add(p.target, mul(chunk, p.chunkBytes), mul(add(mul(plane, p.k), firstStep), 4)));
      // Only the channels that these steps read are copied; the strip has room for all.
      const firstPlane = routine.let(div(firstStep, p.tapCount));
      const planes = routine.let(add(1, sub(div(sub(add(firstStep, steps), 1), p.tapCount), firstPlane)));
      const end = routine.let(min(p.images, mul(add(chunk, 1), p.chunkImages)));
      const beta = routine.let(0);
      routine.for(mul(chunk, p.chunkImages), end, p.together, (first) => {
        const last = routine.let(min(end, add(first, p.together)));
        routine.for(0, p.rows, p.stripRows, (row) => {
          const rows = routine.let(min(p.stripRows, sub(p.rows, row)));
          const positions = routine.let(mul(rows, p.columns));
          routine.for(0, positions, p.block, (position) => {
            const each = routine.let(min(p.block, sub(positions, position)));
            const total = routine.let(mul(each, sub(last, first)));
            const done = routine.let(0);
            routine.for(first, last, 1, (image) => {
              const base = readStrip(routine, p, strip, { image, group, row, rows, firstPlane, planes });
              routine.for(0, steps, tile.columns, (j) => {
                routine.call(
                  packSource,
                  add(right, mul(add(mul(j, total), mul(done, tile.columns)), 4)),
                  base,
                  add(p.taps, mul(add(firstStep, j), 4)),
                  add(p.positions, mul(position, 4)),
                  each,
                );
              });
              const gradient = routine.let(
                add(
                  p.gradient,
                  mul(image, p.gradientImage),
                  mul(plane, p.gradientPlane),
                  mul(add(mul(row, p.columns), position), 4),
                ),
              );
              routine.for(0, m, tile.rows, (i) => {
                routine.call(
                  packGradient,
                  add(left, mul(add(mul(i, total), mul(done, tile.rows)), 4)),
                  add(gradient, mul(i, p.gradientPlane)),
                  4,
                  p.gradientPlane,
                  each,
                  min(tile.rows, sub(m, i)),
                );
              });
              routine.step(done, each);
            });
            routine.call(multiply, m, steps, total, left, right, c, mul(p.k, 4), bitsOf(1), beta, spare);
            routine.set(beta, bitsOf(1));
          });
        });
      });
      // The sum over no images is 0.
      routine.if(equal(beta, 0), () =>
        routine.call(multiply, m, steps, 0, left, right, c, mul(p.k, 4), bitsOf(1), 0, spare),
      );
    });
  });
  return module.encodeFor(pages);
}

/** Arguments of the kernel that adds the chunks' sums. */
export const ADD_ARGS = ['source', 'target', 'chunks', 'chunkBytes', 'count'] as const;

/** A kernel whose pieces are vectors of four numbers of the target, of which there are `count`. */
export function encodeAdd(pages: number): Uint8Array<ArrayBuffer> {
  const module = new KernelModule();
  module.run(ADD_ARGS, (routine, p) => {
    const { code } = routine;
    const sum = code.vector();
    routine.for(p.from, p.to, 1, (piece) => {
      const offset = routine.let(mul(piece, 16));
      const source = routine.let(add(p.source, offset));
      code.f32(0).set(sum);
      routine.for(0, p.chunks, 1, () => {
        const value = routine.load(source);
        code.get(sum).get(value).v(V.f32Add).set(sum);
        routine.step(source, p.chunkBytes);
      });
      const left = routine.let(sub(p.count, mul(piece, 4)));
      routine.if(
        less(3, left),
        () => routine.save(add(p.target, offset), sum),
        () => {
          for (let lane = 0; lane < 3; lane++)
            routine.if(less(lane, left), () => routine.saveLane(add(p.target, offset), sum, lane, 4 * lane));
        },
      );
    });
  });
  return module.encodeFor(pages);
}
