import { type Epilogue, extraArguments } from '../gemm/epilogue.js';
import { roundUp } from '../gemm/kernel.js';
import { tileOfMachine } from '../gemm/tile.js';
import { ordered } from '../kernel-module.js';
import { type Job, type Table, VectorOperation } from '../operation.js';
import { CACHE_LINE, type KernelPool, PRODUCTS_PER_ELEMENT } from '../pool.js';
import { type Grid, panelTable, positionOffsets, stripOf, tapOffsets } from './grid.js';
import type { GridJob, GridJobs, ResultLayout, WeightLayout } from './grid-jobs.js';
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
  const preparedBytes = Math.max(0, ...parts.map((part) => part.preparedBytes));
  // The weights of a single part may be prepared ahead; several parts prepare theirs in turn in the same memory.
  const [first, ...others] = parts;
  const prepare = others.length === 0 && first?.isPlain ? first.prepare : undefined;
  const workAt = tableBytes + (prepare ? 0 : preparedBytes);
  const bound = (part: number, { args, ...job }: GridJob): Job => ({
    ...job,
    args: (operands, scratch, prepared) =>
      args(operands, {
        tables: scratch + starts[part]!,
        prepared: prepare ? prepared : scratch + tableBytes,
        work: scratch + workAt,
      }),
  });
  return new VectorOperation(
    pool,
    roundUp(workAt + Math.max(0, ...parts.map(({ workBytes }) => workBytes)), CACHE_LINE),
    parts.flatMap((part, i) =>
      [...(prepare || !part.prepare ? [] : [part.prepare]), ...part.jobs].map((job) => bound(i, job)),
    ),
    parts.flatMap(({ tables }, i) => tables.map(({ at, values }) => ({ at: at + starts[i]!, values }))),
    undefined,
    prepare && { operand: 1, bytes: preparedBytes, job: bound(0, prepare) },
  );
}

/**
 * For each position of a grid, the sum of weight times input over channels and taps. Operands: source, weights, target,
 * and what the epilogue reads.
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
  const rowTiles = Math.ceil(m / tileRows);
  const adjacent = offsets === undefined;

  const prepare: GridJob = {
    kernel: pool.compile({ weights: tile.rows, adjacent }, (pages) =>
      encodeWeights(tile.rows, adjacent, pages),
    ),
    total: groups * (mUp / tile.rows),
    piece: Math.ceil(8192 / (tile.rows * Math.max(1, k))),
    elements: groups * mUp * k,
    args: (at, { tables, prepared }) =>
      ordered(WEIGHT_ARGS, {
        source: at[1]!,
        target: prepared,
        offsets: tables + (offsets ?? 0),
        stepI: 4 * weights.stepI,
        count: m,
        k,
        block,
        group: 4 * weights.group,
      }),
  };
  const multiply: GridJob = {
    kernel: pool.compile({ convolution: variant }, (pages) => encodeConvolution(variant, pages)),
    total: images * groups * strips() * rowTiles,
    piece: Math.max(1, Math.floor(2 ** 17 / (tileRows * Math.max(1, k) * stripRows * grid.columns))),
    elements,
    args: (at, { tables: base, prepared, work }) =>
      ordered(CONVOLUTION_ARGS, {
        weights: prepared,
        target: at[2]! + 4 * target.offset,
        ...extraArguments(epilogue, at),
        taps: base + tapTable,
        panels: base + panels,
        lastPanels: base + lastPanels,
        places: base + places,
        own: work,
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
  return {
    prepare,
    isPlain: adjacent,
    preparedBytes: roundUp(4 * groups * mUp * k, CACHE_LINE),
    jobs: [multiply],
    tables,
    tableBytes: used,
    workBytes: threads * own,
  };
}
