import { add, bitsOf, div, less, min, mul, rem, sub } from '../../../webassembly/terms.js';
import { type Epilogue, EXTRA_ARGS, extrasAt, finish, isEmpty } from '../gemm/epilogue.js';
import { multiplyPanels, spareBytes, type Tile } from '../gemm/micro.js';
import { KernelModule } from '../kernel-module.js';
import { panelWords } from './grid.js';
import { packPatch, scatter } from './patches.js';
import { SOURCE_ARGS, stripReader } from './strip.js';

/** Variants of the kernel. */
export interface Variant {
  readonly tile: Tile;
  /** Whether a strip is copied and padded with zeros. */
  readonly padded: boolean;
  /** Whether results go to offsets from a table instead of adjacent addresses. */
  readonly scattered: boolean;
  readonly epilogue: Epilogue;
}

/** Arguments of the kernel: addresses, distances in bytes, and counts. */
export const CONVOLUTION_ARGS = [
  ...SOURCE_ARGS,
  'weights',
  'target',
  ...EXTRA_ARGS,
  'taps',
  /** Number of panels of a whole strip, and of the last strip. */
  'panels',
  'lastPanels',
  'places',
  'own',
  'ownBytes',
  'groups',
  'strips',
  'rowTiles',
  /** Output channels: of each group, of each tile, and of all panels together. */
  'm',
  'tileRows',
  'mUp',
  'k',
  'block',
  /** The grid and its strips. */
  'rows',
  'columns',
  'stripRows',
  'tileColumns',
  'targetImage',
  'targetPlane',
  'targetRow',
] as const;

/** Bytes of scratch memory for each thread. */
export function ownBytes(
  { tile, scattered, padded }: Variant,
  { tileColumns, block, m, strip }: { tileColumns: number; block: number; m: number; strip: number },
): number {
  return (
    spareBytes(tile) + 4 * tileColumns * block + (scattered ? 4 * m * tileColumns : 0) + (padded ? strip : 0)
  );
}

/**
 * A kernel whose pieces are strips of a group's results in one image. Each result is the sum over channels and taps, in
 * this order.
 */
export function encodeConvolution(variant: Variant, pages: number): Uint8Array<ArrayBuffer> {
  const { tile, padded, scattered, epilogue } = variant;
  const module = new KernelModule();
  const readStrip = stripReader(module, padded);
  const pack = packPatch(module, tile.columns);
  const multiply = multiplyPanels(module, tile);
  const complete = isEmpty(epilogue) ? undefined : finish(module, epilogue);
  const spread = scattered ? scatter(module) : undefined;
  const panelBytes = 4 * panelWords(tile.columns);

  module.run(CONVOLUTION_ARGS, (routine, p) => {
    const spare = routine.let(add(p.own, mul(p.thread, p.ownBytes)));
    const packed = routine.let(add(spare, spareBytes(tile)));
    const afterPacked = routine.let(add(packed, mul(mul(p.tileColumns, p.block), 4)));
    const results = afterPacked;
    const strip = spread ? routine.let(add(results, mul(mul(p.tileRows, p.tileColumns), 4))) : afterPacked;
    routine.for(p.from, p.to, 1, (piece) => {
      const rowTile = routine.let(mul(rem(piece, p.rowTiles), p.tileRows));
      const third = routine.let(div(piece, p.rowTiles));
      const firstRow = routine.let(mul(rem(third, p.strips), p.stripRows));
      const second = routine.let(div(third, p.strips));
      const group = routine.let(rem(second, p.groups));
      const image = routine.let(div(second, p.groups));
      const rows = routine.let(min(p.stripRows, sub(p.rows, firstRow)));
      const positions = routine.let(mul(rows, p.columns));
      const m = routine.let(min(p.tileRows, sub(p.m, rowTile)));
      const plane = routine.let(add(mul(group, p.m), rowTile));
      const base = readStrip(routine, p, strip, {
        image,
        group,
        row: firstRow,
        rows,
        firstPlane: 0,
        planes: p.planes,
      });
      const to = routine.let(
        add(p.target, mul(image, p.targetImage), mul(plane, p.targetPlane), mul(firstRow, p.targetRow)),
      );
      const weights = routine.let(add(p.weights, mul(mul(group, mul(p.mUp, p.k)), 4)));
      routine.for(0, positions, p.tileColumns, (first) => {
        const columns = routine.let(min(p.tileColumns, sub(positions, first)));
        const panels = routine.let(p.panels);
        routine.if(less(rows, p.stripRows), () => routine.set(panels, p.lastPanels));
        routine.step(panels, mul(div(first, tile.columns), panelBytes));
        const c = spread ? results : routine.let(add(to, mul(first, 4)));
        const stepC = spread ? routine.let(mul(p.tileColumns, 4)) : p.targetPlane;
        const beta = routine.let(0);
        const start = routine.let(0);
        routine.repeat(
          () => {
            const k = routine.let(min(p.block, sub(p.k, start)));
            routine.for(0, columns, tile.columns, (j) => {
              routine.call(
                pack,
                add(packed, mul(mul(j, k), 4)),
                base,
                add(p.taps, mul(start, 4)),
                k,
                add(panels, mul(div(j, tile.columns), panelBytes)),
              );
            });
            const left = add(weights, mul(add(mul(start, p.mUp), mul(rowTile, k)), 4));
            routine.call(multiply, m, columns, k, left, packed, c, stepC, bitsOf(1), beta, spare);
            routine.set(beta, bitsOf(1));
            routine.step(start, p.block);
          },
          less(start, p.k),
        );
        const extras = extrasAt(epilogue, p, { row: plane, column: 0 });
        if (complete) routine.call(complete, c, stepC, m, columns, ...extras);
        if (spread)
          routine.call(spread, c, stepC, m, columns, to, p.targetPlane, add(p.places, mul(first, 4)));
      });
    });
  });
  return module.encodeFor(pages);
}
