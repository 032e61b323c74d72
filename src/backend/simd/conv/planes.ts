import { type Epilogue, extraArguments } from '../gemm/epilogue.js';
import { roundUp } from '../gemm/kernel.js';
import { tileOfMachine } from '../gemm/tile.js';
import { ordered } from '../kernel-module.js';
import { VectorOperation } from '../operation.js';
import { CACHE_LINE, type KernelPool, PRODUCTS_PER_ELEMENT } from '../pool.js';
import { type Grid, rowParts, type Strip, stripOf } from './grid.js';
import type { GridJobs, ResultLayout, WeightLayout } from './grid-jobs.js';
import {
  encodePlaneGradient,
  encodePlanes,
  PLANE_ARGS,
  PLANE_GRADIENT_ARGS,
  type PlaneVariant,
  sumBytes,
} from './planes-kernel.js';
import { sourceArguments } from './strip.js';

/** With more taps the weights do not fit into registers, and the code becomes long. */
const MOST_TAPS = 25;
/** Positions of a strip: its input stays in the second-level cache. */
const POSITIONS = 2 ** 14;
/** Positions whose products are added before they are added to the sums of all positions. */
const POSITIONS_TOGETHER = 2 ** 12;

/** Whether the kernels for groups of one plane can compute this. */
export const isOfPlanes = ({ planes, stepColumn, taps }: Grid, count: number): boolean =>
  planes === 1 && count === 1 && stepColumn <= 2 && taps.length > 0 && taps.length <= MOST_TAPS;

/** How a grid is cut into strips, and the kernels' variant. */
function stripsOf(
  grid: Grid,
  offsets?: readonly number[],
): { rows: number; strip: Strip; variant: PlaneVariant } {
  const rows = Math.max(1, Math.min(grid.rows, Math.floor(POSITIONS / grid.columns)));
  const strip = stripOf(grid, rows);
  const { box } = strip;
  const taps = grid.taps.map((tap, t) => ({
    row: tap.row - box.row,
    column: tap.column - box.column,
    weight: offsets?.[t] ?? t,
  }));
  return {
    rows,
    strip,
    variant: {
      taps,
      stepColumn: grid.stepColumn,
      copied: !strip.padded ? 'no' : rows < grid.rows ? 'strip' : 'plane',
      fused: tileOfMachine().fused,
    },
  };
}

/** Arguments of both kernels: how planes are read. */
function readArguments(grid: Grid, strip: Strip, source: number) {
  const above = Math.max(0, -strip.box.row);
  const first = Math.max(0, strip.box.row);
  return {
    ...sourceArguments(grid, strip, source),
    rowBytes: strip.rowBytes,
    copyTo: above * strip.rowBytes + 4 * rowParts(grid, strip).left,
    copyFrom: 4 * first * grid.width,
    copyRows: Math.max(0, Math.min(grid.height - first, strip.rows - above)),
  };
}

/** Like `convolve`, for groups of one plane and one output channel. */
export function convolvePlanes(
  pool: KernelPool,
  grid: Grid,
  weights: WeightLayout,
  target: ResultLayout,
  epilogue: Epilogue,
): GridJobs {
  const { rows: stripRows, strip, variant } = stripsOf(grid, weights.offsets);
  const { images, groups, rows, columns } = grid;
  const strips = Math.max(1, Math.ceil(rows / stripRows));
  const products = images * groups * rows * columns * variant.taps.length;
  const elements = products / PRODUCTS_PER_ELEMENT;
  const own = strip.padded ? roundUp(strip.planeBytes, CACHE_LINE) : 0;
  const threads = pool.divides(elements) ? pool.threads : 1;
  return {
    jobs: [
      {
        kernel: pool.compile({ planes: variant, column: target.column, epilogue }, (pages) =>
          encodePlanes(variant, target.column, epilogue, pages),
        ),
        total: images * groups * strips,
        piece: Math.max(1, Math.floor(2 ** 17 / Math.max(1, variant.taps.length * stripRows * columns))),
        elements,
        args: (at, { work }) =>
          ordered(PLANE_ARGS, {
            ...readArguments(grid, strip, at[0]!),
            weights: at[1]!,
            weightGroup: 4 * weights.group,
            target: at[2]! + 4 * target.offset,
            ...extraArguments(epilogue, at),
            own: work,
            ownBytes: own,
            groups,
            strips,
            rows,
            columns,
            stripRows,
            targetImage: 4 * target.image,
            targetPlane: 4 * target.plane,
            targetRow: 4 * target.row,
          }),
      },
    ],
    preparedBytes: 0,
    tables: [],
    tableBytes: 0,
    workBytes: threads * own,
  };
}

/**
 * The gradient of the weights of groups of one plane and one output channel. Operands of `run`: the gradient of the
 * result, the source, the gradient of the weights.
 */
export function planeGradient(pool: KernelPool, grid: Grid): VectorOperation {
  const { rows: stripRows, strip, variant } = stripsOf(grid);
  const { images, groups, rows, columns } = grid;
  const elements = (images * groups * rows * columns * variant.taps.length) / PRODUCTS_PER_ELEMENT;
  const own = roundUp(sumBytes(variant) + (strip.padded ? strip.planeBytes : 0), CACHE_LINE);
  const threads = pool.divides(elements) ? pool.threads : 1;
  return new VectorOperation(pool, threads * own, [
    {
      kernel: pool.compile({ planeGradient: variant }, (pages) => encodePlaneGradient(variant, pages)),
      total: groups,
      piece: Math.max(1, Math.floor(2 ** 17 / Math.max(1, variant.taps.length * images * rows * columns))),
      elements,
      args: (operands, scratch) =>
        ordered(PLANE_GRADIENT_ARGS, {
          ...readArguments(grid, strip, operands[1]!),
          gradient: operands[0]!,
          gradientImage: 4 * groups * rows * columns,
          gradientPlane: 4 * rows * columns,
          target: operands[2]!,
          own: scratch,
          ownBytes: own,
          images,
          together: stripRows < rows ? 1 : Math.max(1, Math.floor(POSITIONS_TOGETHER / (rows * columns))),
          rows,
          columns,
          stripRows,
        }),
    },
  ]);
}
