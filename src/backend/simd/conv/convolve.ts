import type { Epilogue } from '../gemm/epilogue.js';
import { roundUp } from '../gemm/kernel.js';
import { tileOfMachine } from '../gemm/tile.js';
import { ordered } from '../kernel-module.js';
import { type Table, VectorOperation } from '../operation.js';
import { CACHE_LINE, type KernelPool, PRODUCTS_PER_ELEMENT } from '../pool.js';
import { type Grid, panelTable, positionOffsets, stripOf, tapOffsets } from './grid.js';
import type { GridJobs, ResultLayout, WeightLayout } from './grid-jobs.js';
import { CONVOLUTION_ARGS, encodeConvolution, ownBytes, type Variant } from './kernel.js';
import { convolvePlanes, isOfPlanes } from './planes.js';
import { sourceArguments } from './strip.js';
import { encodeWeights, WEIGHT_ARGS } from './weights.js';

/** Approximate number of grid positions in a strip, whose panels are packed together. */
const POSITIONS = 240;
const FEWEST_POSITIONS = 48;
const BLOCK = 320;
const PIECES = 4;

/** One operation that runs several parts one after another, in the same scratch memory. */
export function joined(pool: KernelPool, parts: readonly GridJobs[]): VectorOperation {
  const starts: number[] = [];
  let tableBytes = 0;
  for (const part of parts) {
    starts.push(tableBytes);
    tableBytes += part.tableBytes;
  }
  return new VectorOperation(
    pool,
    tableBytes + Math.max(0, ...parts.map(({ workBytes }) => workBytes)),
    parts.flatMap(({ jobs }, i) =>
      jobs.map((job) => ({
        ...job,
        args: (operands, scratch) => job.args(operands, scratch + starts[i]!, scratch + tableBytes),
      })),
    ),
    parts.flatMap(({ tables }, i) => tables.map(({ at, values }) => ({ at: at + starts[i]!, values }))),
  );
}

/**
 * For each position of a grid, the sum of weight times input over channels and taps. Operands: source, weights, target,
 * bias.
 */
export function convolve(
  pool: KernelPool,
  grid: Grid,
  weights: WeightLayout,
  target: ResultLayout,
  epilogue: Epilogue,
): GridJobs {
  if (isOfPlanes(grid, weights.count)) return convolvePlanes(pool, grid, weights, target, epilogue);
  const tile = tileOfMachine();
  const { images, groups, planes, taps } = grid;
  const m = weights.count;
  const k = planes * taps.length;
  const products = images * groups * m * k * grid.rows * grid.columns;
  const elements = products / PRODUCTS_PER_ELEMENT;
  const threads = pool.divides(elements) ? pool.threads : 1;
  const wanted = threads === 1 ? 1 : PIECES * threads;

  let stripRows = Math.min(grid.rows, Math.max(1, Math.floor(POSITIONS / grid.columns)));
  const strips = (): number => Math.ceil(grid.rows / stripRows);
  while (images * groups * strips() < wanted && stripRows > 1 && stripRows * grid.columns > FEWEST_POSITIONS)
    stripRows = Math.ceil(stripRows / 2);
  let tileRows = roundUp(Math.max(1, m), tile.rows);
  while (images * groups * strips() * Math.ceil(m / tileRows) < wanted && tileRows > 4 * tile.rows)
    tileRows = roundUp(tileRows / 2, tile.rows);
  const strip = stripOf(grid, stripRows);
  const blocks = Math.max(1, Math.ceil(k / BLOCK));
  const block = Math.max(1, Math.ceil(k / blocks));
  const tileColumns = roundUp(Math.min(stripRows * grid.columns, POSITIONS), tile.columns);
  const scattered = target.column !== 1 || target.row !== grid.columns;
  const variant: Variant = { tile, padded: strip.padded, scattered, epilogue };
  const own = roundUp(
    ownBytes(variant, { tileColumns, block, m: tileRows, strip: planes * strip.planeBytes }),
    CACHE_LINE,
  );
  const mUp = roundUp(m, tile.rows);

  const tables: Table[] = [];
  let used = 0;
  const place = (values: readonly number[]): number => {
    const at = used;
    tables.push({ at, values: Int32Array.from(values) });
    used = roundUp(used + 4 * values.length, CACHE_LINE);
    return at;
  };
  const offsets = weights.offsets && place(weights.offsets.map((offset) => 4 * offset));
  const tapTable = place(tapOffsets(grid, strip));
  const panelsOf = (rows: number): number =>
    place(panelTable(positionOffsets(grid, strip, rows), tile.columns));
  const panels = panelsOf(stripRows);
  // No panel of the last strip reads beyond the image.
  const lastPanels = panelsOf(grid.rows - (strips() - 1) * stripRows);
  const places = variant.scattered
    ? place(
        Array.from(
          { length: stripRows * grid.columns },
          (_, at) => 4 * (Math.floor(at / grid.columns) * target.row + (at % grid.columns) * target.column),
        ),
      )
    : 0;
  const ownAt = roundUp(4 * groups * mUp * k, CACHE_LINE);
  const rowTiles = Math.ceil(m / tileRows);
  const adjacent = offsets === undefined;

  const pack: GridJobs['jobs'][number] = {
    kernel: pool.compile({ weights: tile.rows, adjacent }, (pages) =>
      encodeWeights(tile.rows, adjacent, pages),
    ),
    total: groups * (mUp / tile.rows),
    piece: Math.ceil(8192 / (tile.rows * Math.max(1, k))),
    elements: groups * mUp * k,
    args: (at, base, work) =>
      ordered(WEIGHT_ARGS, {
        source: at[1]!,
        target: work,
        offsets: base + (offsets ?? 0),
        stepI: 4 * weights.stepI,
        count: m,
        k,
        block,
        group: 4 * weights.group,
      }),
  };
  const multiply: GridJobs['jobs'][number] = {
    kernel: pool.compile({ convolution: variant }, (pages) => encodeConvolution(variant, pages)),
    total: images * groups * strips() * rowTiles,
    piece: Math.max(1, Math.floor(2 ** 17 / (tileRows * Math.max(1, k) * stripRows * grid.columns))),
    elements,
    args: (at, base, work) =>
      ordered(CONVOLUTION_ARGS, {
        weights: work,
        target: at[2]! + 4 * target.offset,
        bias: at[3] ?? 0,
        taps: base + tapTable,
        panels: base + panels,
        lastPanels: base + lastPanels,
        places: base + places,
        own: work + ownAt,
        ownBytes: own,
        groups,
        strips: strips(),
        rowTiles,
        m,
        tileRows,
        mUp,
        k,
        block,
        ...sourceArguments(grid, strip, at[0]!),
        rows: grid.rows,
        columns: grid.columns,
        stripRows,
        tileColumns,
        targetImage: 4 * target.image,
        targetPlane: 4 * target.plane,
        targetRow: 4 * target.row,
      }),
  };
  return { jobs: [pack, multiply], tables, tableBytes: used, workBytes: ownAt + threads * own };
}
