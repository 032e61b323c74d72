import type { Epilogue } from '../gemm/epilogue.js';
import { roundUp } from '../gemm/kernel.js';
import { tileOfMachine } from '../gemm/tile.js';
import { ordered } from '../kernel-module.js';
import { CACHE_LINE, type KernelPool, PRODUCTS_PER_ELEMENT } from '../pool.js';
import { type Grid, stripOf } from './grid.js';
import type { GridJobs, ResultLayout, WeightLayout } from './grid-jobs.js';
import { sourceArguments } from './strip.js';
import {
  encodeWinograd,
  encodeWinogradWeights,
  PLACES,
  WINOGRAD_ARGS,
  WINOGRAD_WEIGHT_ARGS,
  type WinogradVariant,
  winogradBytes,
} from './winograd-kernel.js';

const KERNEL = 3;
/** Transformed inputs and results of a strip: they stay in the second-level cache. */
const STRIP_BYTES = 2 ** 19;
/** Most planes: a panel of as many stays in the first-level cache. */
export const MOST_PLANES = 512;

/** The taps' positions in `grid.taps`, row by row: a gradient's taps are turned. */
function kernelOrder({ taps }: Grid): number[] {
  const [top, left] = [
    Math.min(...taps.map(({ row }) => row)),
    Math.min(...taps.map(({ column }) => column)),
  ];
  return taps.map((_, k) =>
    taps.findIndex(
      ({ row, column }) => row === top + Math.floor(k / KERNEL) && column === left + (k % KERNEL),
    ),
  );
}

/** Like `convolve`, for 3 × 3 kernels without strides and dilation, and results side by side. */
export function convolveTiles(
  pool: KernelPool,
  grid: Grid,
  weights: WeightLayout,
  target: ResultLayout,
  epilogue: Epilogue,
): GridJobs {
  const tile = tileOfMachine();
  const { images, groups, planes, rows, columns } = grid;
  const m = weights.count;
  const order = kernelOrder(grid);
  const offset = (t: number): number => weights.offsets?.[t] ?? t;
  const planeStep = offset(order.length) - offset(0);
  const tileRows = Math.ceil(rows / 2);
  const tileColumns = roundUp(Math.ceil(columns / 2), 4);
  const mostTiles = STRIP_BYTES / (4 * PLACES * (planes + m));
  const stripRows = Math.max(1, Math.min(tileRows, Math.floor(mostTiles / tileColumns)));
  const most = roundUp(stripRows * tileColumns, tile.columns);
  const strips = Math.ceil(tileRows / stripRows);
  // The tiles cover more than the results: what they read beyond the image is 0.
  const covered: Grid = { ...grid, rows: 2 * tileRows, columns: 2 * tileColumns };
  const strip = stripOf(covered, 2 * stripRows);
  const variant: WinogradVariant = { tile, padded: strip.padded, epilogue };
  const products = images * groups * PLACES * m * planes * tileRows * tileColumns;
  const elements = products / PRODUCTS_PER_ELEMENT;
  const threads = pool.divides(elements) ? pool.threads : 1;
  const own = roundUp(winogradBytes(variant, { planes, m, most, strip: strip.planeBytes }), CACHE_LINE);
  const placeBytes = 4 * roundUp(m, tile.rows) * planes;
  const ownAt = roundUp(groups * PLACES * placeBytes, CACHE_LINE);
  const taps = order.map((t) => 4 * offset(t));
  const transform: GridJobs['jobs'][number] = {
    kernel: pool.compile({ winogradWeights: tile.rows, taps }, (pages) =>
      encodeWinogradWeights(tile.rows, taps, pages),
    ),
    total: groups * m,
    piece: Math.ceil(4096 / (PLACES * planes)),
    elements: groups * m * planes * PLACES,
    args: (at, _, work) =>
      ordered(WINOGRAD_WEIGHT_ARGS, {
        source: at[1]!,
        target: work,
        group: 4 * weights.group,
        stepI: 4 * weights.stepI,
        planeStep: 4 * planeStep,
        planes,
        count: m,
        placeBytes,
      }),
  };
  const multiply: GridJobs['jobs'][number] = {
    kernel: pool.compile({ winograd: variant }, (pages) => encodeWinograd(variant, pages)),
    total: images * groups * strips,
    piece: Math.max(1, Math.floor(2 ** 17 / (PLACES * m * planes * most))),
    elements,
    args: (at, _, work) =>
      ordered(WINOGRAD_ARGS, {
        ...sourceArguments(covered, strip, at[0]!),
        weights: work,
        placeBytes,
        target: at[2]! + 4 * target.offset,
        bias: at[3] ?? 0,
        own: work + ownAt,
        ownBytes: own,
        groups,
        strips,
        tileRows,
        stripRows,
        tileColumns,
        most,
        m,
        rows,
        columns,
        rowBytes: strip.rowBytes,
        targetImage: 4 * target.image,
        targetPlane: 4 * target.plane,
        targetRow: 4 * target.row,
      }),
  };
  return { jobs: [transform, multiply], tables: [], tableBytes: 0, workBytes: ownAt + threads * own };
}
