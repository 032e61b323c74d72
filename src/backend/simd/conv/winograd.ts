import { type Epilogue, extraArguments } from '../gemm/epilogue.js';
import { roundUp } from '../gemm/kernel.js';
import { tileOfMachine } from '../gemm/tile.js';
import { ordered } from '../kernel-module.js';
import { CACHE_LINE, type KernelPool, PRODUCTS_PER_ELEMENT } from '../pool.js';
import { type Grid, stripOf } from './grid.js';
import type { GridJob, GridJobs, ResultLayout, WeightLayout } from './grid-jobs.js';
import { sourceArguments } from './strip.js';
import {
  encodeWinograd,
  PANEL,
  WINOGRAD_ARGS,
  type WinogradVariant,
  winogradBytes,
} from './winograd-kernel.js';
import { PLACES, type Scheme } from './winograd-scheme.js';
import { encodeWinogradWeights, WINOGRAD_WEIGHT_ARGS } from './winograd-weights.js';

/** Transformed inputs and results of a piece: they stay in the second-level cache. */
const PIECE_BYTES = 2 ** 19;
/** Fewest tiles of a piece, if images are that small. */
const FEWEST_TILES = 16;
/** Pieces for each thread, so that none waits long for another. */
const PIECES = 2;
/** Most planes: a panel of as many stays in the first-level cache. */
export const MOST_PLANES = 512;

/** The taps' positions in `grid.taps`, row by row: a gradient's taps are turned. */
function kernelOrder({ taps }: Grid, side: number): number[] {
  const [top, left] = [
    Math.min(...taps.map(({ row }) => row)),
    Math.min(...taps.map(({ column }) => column)),
  ];
  return taps.map((_, k) =>
    taps.findIndex(({ row, column }) => row === top + Math.floor(k / side) && column === left + (k % side)),
  );
}

/** Bytes from one place to the next: one cache line more, since powers of two would share few places of the cache. */
export const placed = (numbers: number): number => roundUp(4 * numbers, CACHE_LINE) + CACHE_LINE;

/** How the results are divided into tiles. */
export interface Tiling {
  /** Tiles of a vector that lie side by side. */
  readonly across: WinogradVariant['across'];
  /** Rows and columns of tiles of an image, in whole vectors. */
  readonly rows: number;
  readonly columns: number;
}

export function tilingOf({ results }: Scheme, rows: number, columns: number): Tiling {
  const [down, side] = [rows, columns].map((size) => Math.ceil(size / results)) as [number, number];
  const across = side > 2 ? 4 : side === 2 || results === 2 ? 2 : 1;
  return { across, rows: roundUp(down, 4 / across), columns: roundUp(side, across) };
}

/** Like `convolve`, for square kernels without strides and dilation, and results side by side. */
export function convolveTiles(
  pool: KernelPool,
  scheme: Scheme,
  grid: Grid,
  weights: WeightLayout,
  target: ResultLayout,
  epilogue: Epilogue,
): GridJobs {
  const tile = tileOfMachine();
  const { images, groups, planes, rows, columns } = grid;
  const m = weights.count;
  const order = kernelOrder(grid, scheme.kernel);
  const offset = (t: number): number => weights.offsets?.[t] ?? t;
  const tiling = tilingOf(scheme, rows, columns);
  const products = images * groups * PLACES * m * planes * tiling.rows * tiling.columns;
  const elements = products / PRODUCTS_PER_ELEMENT;
  const threads = pool.divides(elements) ? pool.threads : 1;

  const mostTiles = PIECE_BYTES / (4 * PLACES * (planes + m));
  const down = 4 / tiling.across;
  const fitting = down * Math.max(1, Math.floor(mostTiles / tiling.columns / down));
  const stripRows = Math.min(tiling.rows, fitting);
  const strips = Math.ceil(tiling.rows / stripRows);
  const each = stripRows * tiling.columns;
  let together = strips > 1 ? 1 : Math.max(1, Math.min(images, Math.floor(mostTiles / each)));
  const wanted = threads === 1 ? 1 : PIECES * threads;
  while (Math.ceil(images / together) * groups < wanted && together > 1 && together * each > FEWEST_TILES)
    together = Math.ceil(together / 2);
  const most = roundUp(together * each, PANEL);

  // The tiles cover more than the results: what they read beyond the image is 0.
  const covered: Grid = {
    ...grid,
    rows: scheme.results * tiling.rows,
    columns: scheme.results * tiling.columns,
  };
  const strip = stripOf(covered, scheme.results * stripRows);
  const variant: WinogradVariant = { tile, scheme, padded: strip.padded, across: tiling.across, epilogue };
  const weightBytes = placed(roundUp(m, tile.rows) * planes);
  const [inputBytes, resultBytes] = [placed(most * planes), placed(most * m)];
  const copied = strip.padded ? planes * strip.planeBytes : 0;
  const own = roundUp(winogradBytes(variant, { inputBytes, resultBytes, strip: copied }), CACHE_LINE);
  const taps = order.map((t) => 4 * offset(t));
  const prepare: GridJob = {
    kernel: pool.compile({ winogradWeights: tile.rows, taps }, (pages) =>
      encodeWinogradWeights(tile.rows, taps, pages),
    ),
    total: groups * Math.ceil(m / tile.rows),
    piece: Math.ceil(4096 / (PLACES * planes * tile.rows)),
    elements: groups * m * planes * PLACES,
    args: (at, { prepared }) =>
      ordered(WINOGRAD_WEIGHT_ARGS, {
        source: at[1]!,
        target: prepared,
        group: 4 * weights.group,
        stepI: 4 * weights.stepI,
        planeStep: 4 * (offset(order.length) - offset(0)),
        planes,
        count: m,
        placeBytes: weightBytes,
      }),
  };
  const multiply: GridJob = {
    kernel: pool.compile({ winograd: variant }, (pages) => encodeWinograd(variant, pages)),
    total: Math.ceil(images / together) * groups * strips,
    piece: Math.max(1, Math.floor(2 ** 17 / (PLACES * m * planes * most))),
    elements,
    args: (at, { prepared, work }) =>
      ordered(WINOGRAD_ARGS, {
        ...sourceArguments(covered, strip, at[0]!),
        weights: prepared,
        weightBytes,
        inputBytes,
        resultBytes,
        target: at[2]! + 4 * target.offset,
        ...extraArguments(epilogue, at),
        own: work,
        ownBytes: own,
        groups,
        images,
        together,
        strips,
        tileRows: tiling.rows,
        stripRows,
        tileColumns: tiling.columns,
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
  return {
    prepare,
    isPlain: true,
    preparedBytes: roundUp(groups * PLACES * weightBytes, CACHE_LINE),
    jobs: [multiply],
    tables: [],
    tableBytes: 0,
    workBytes: threads * own,
  };
}
