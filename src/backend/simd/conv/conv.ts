import type { Epilogue } from '../gemm/epilogue.js';
import { roundUp } from '../gemm/kernel.js';
import { tileOfMachine } from '../gemm/tile.js';
import { ordered } from '../kernel-module.js';
import { type Job, VectorOperation } from '../operation.js';
import { type KernelPool, PRODUCTS_PER_ELEMENT } from '../pool.js';
import { type Algorithm, type Convolution, schemeOf } from './algorithm.js';
import { addChunks, chunksOf } from './chunks.js';
import { convolve, joined } from './convolve.js';
import { type Grid, positionOffsets, stripOf, type Tap, tapOffsets } from './grid.js';
import type { GridJobs } from './grid-jobs.js';
import { isOfPlanes, planeGradient } from './planes.js';
import { sourceArguments } from './strip.js';
import { encodeWeightGradient, WEIGHT_GRADIENT_ARGS, weightGradientBytes } from './weight-gradient.js';
import { convolveTiles } from './winograd.js';
import { tileGradient } from './winograd-gradient.js';

export type { Convolution } from './algorithm.js';

const tapsOf = ({ w, padding, dilation }: Convolution): Tap[] =>
  Array.from({ length: w[2] * w[3] }, (_, index) => ({
    row: Math.floor(index / w[3]) * dilation[0] - padding[0],
    column: (index % w[3]) * dilation[1] - padding[1],
    index,
  }));

/** Makes the jobs of a convolution over a grid. */
function partsOf(shape: Convolution, algorithm: Algorithm): typeof convolve {
  const scheme = algorithm === 'winograd' && schemeOf(shape);
  if (!scheme) return convolve;
  return (pool, grid, weights, target, epilogue) =>
    convolveTiles(pool, scheme, grid, weights, target, epilogue);
}

const forwardGrid = (shape: Convolution): Grid => ({
  images: shape.x[0],
  groups: shape.groups,
  planes: shape.w[1],
  height: shape.x[2],
  width: shape.x[3],
  rows: shape.y[2],
  columns: shape.y[3],
  stepRow: shape.stride[0],
  stepColumn: shape.stride[1],
  taps: tapsOf(shape),
});

/**
 * y = x ∗ w, then the epilogue. Operands of `run`: x, w, y, and what the epilogue reads.
 *
 * @param epilogue its rows are the output channels
 * @param algorithm one that cannot compute it is replaced by 'direct'
 */
export function conv2d(
  pool: KernelPool,
  shape: Convolution,
  epilogue: Epilogue = {},
  algorithm: Algorithm = 'direct',
): VectorOperation {
  const [, out, height, width] = shape.y;
  const k = shape.w[1] * shape.w[2] * shape.w[3];
  const count = out / shape.groups;
  const part = partsOf(shape, algorithm)(
    pool,
    forwardGrid(shape),
    { count, stepI: k, group: count * k },
    { offset: 0, image: out * height * width, plane: height * width, row: width, column: 1 },
    epilogue,
  );
  return joined(pool, [part]);
}

/**
 * The gradient with respect to x. Operands of `run`: the gradient of y, w, the gradient of x.
 *
 * Positions of x that have the same remainders modulo the strides use the same kernel taps. So each such set of
 * positions is one convolution with stride 1.
 */
export function conv2dGradInput(
  pool: KernelPool,
  shape: Convolution,
  epilogue: Epilogue = {},
  algorithm: Algorithm = 'direct',
): VectorOperation {
  const { x, w, y, stride, groups } = shape;
  const [images, channels, height, width] = x;
  const [, perGroup, kh, kw] = w;
  const outPerGroup = y[1] / groups;
  const area = kh * kw;
  const all = tapsOf(shape);
  const parts: GridJobs[] = [];
  for (let row = 0; row < Math.min(stride[0], height); row++)
    for (let column = 0; column < Math.min(stride[1], width); column++) {
      // Input cell a · stride + row is read through tap i at output position a + (row − i) / stride.
      const taps = all.flatMap((tap): Tap[] => {
        const [r, c] = [(row - tap.row) / stride[0], (column - tap.column) / stride[1]];
        return Number.isInteger(r) && Number.isInteger(c) ? [{ row: r, column: c, index: tap.index }] : [];
      });
      const grid: Grid = {
        images,
        groups,
        planes: outPerGroup,
        height: y[2],
        width: y[3],
        rows: Math.ceil((height - row) / stride[0]),
        columns: Math.ceil((width - column) / stride[1]),
        stepRow: 1,
        stepColumn: 1,
        taps,
      };
      const offsets = Array.from({ length: outPerGroup }, (_, plane) =>
        taps.map(({ index }) => plane * perGroup * area + index),
      ).flat();
      const part = partsOf(shape, algorithm)(
        pool,
        grid,
        { count: perGroup, stepI: area, offsets, group: outPerGroup * perGroup * area },
        {
          offset: row * width + column,
          image: channels * height * width,
          plane: height * width,
          row: stride[0] * width,
          column: stride[1],
        },
        epilogue,
      );
      parts.push(part);
    }
  return joined(pool, parts);
}

/** Size of the tile of weights that is one piece: steps (input channel and tap) and output channels. */
const STEPS = 192;
const ROWS = 192;
const BLOCK = 320;
/** The gradient with respect to w. Operands of `run`: the gradient of y, x, the gradient of w. */
export function conv2dGradWeight(
  pool: KernelPool,
  shape: Convolution,
  algorithm: Algorithm = 'direct',
): VectorOperation {
  const grid = forwardGrid(shape);
  if (isOfPlanes(grid, shape.y[1] / shape.groups)) return planeGradient(pool, grid);
  const scheme = algorithm === 'winograd' && schemeOf(shape);
  if (scheme) return tileGradient(pool, scheme, grid, shape.y[1] / shape.groups);
  const tile = tileOfMachine();
  const { images, groups, planes, rows, columns } = grid;
  const m = shape.y[1] / groups;
  const tapCount = grid.taps.length;
  const k = planes * tapCount;
  const positions = rows * columns;
  const numbers = groups * m * k;
  const stripRows = Math.min(rows, Math.max(1, Math.floor(BLOCK / columns)));
  const strip = stripOf(grid, stripRows);
  const stripPositions = stripRows * columns;
  // Small images are packed together.
  const together = stripRows < rows || positions > BLOCK ? 1 : Math.max(1, Math.floor(BLOCK / positions));
  const block = Math.max(1, Math.min(BLOCK, stripPositions * together));
  const tileSteps = roundUp(Math.max(1, Math.min(k, STEPS)), tile.columns);
  const tileRows = roundUp(Math.max(1, Math.min(m, ROWS)), tile.rows);
  const stepTiles = Math.ceil(k / tileSteps);
  const rowTiles = Math.ceil(m / tileRows);
  const tiles = groups * stepTiles * rowTiles;
  const perImage = Math.min(m, ROWS) * Math.min(k, STEPS) * positions;
  const chunks = chunksOf({ images, blocks: tiles, products: perImage, numbers });
  const elements = (images * groups * m * k * positions) / PRODUCTS_PER_ELEMENT;
  const threads = pool.divides(elements) ? pool.threads : 1;
  const own = roundUp(
    weightGradientBytes(tile, {
      block,
      tileRows,
      tileSteps,
      strip: strip.padded ? planes * strip.planeBytes : 0,
    }),
    64,
  );
  const taps = tapOffsets(grid, strip);
  const tapTable = [...taps, ...Array.from({ length: tile.columns }, () => taps.at(-1) ?? 0)];
  const positionTable = positionOffsets(grid, strip, stripRows);
  const positionsAt = roundUp(4 * tapTable.length, 64);
  const sumsAt = roundUp(positionsAt + 4 * positionTable.length, 64);
  const ownAt = roundUp(sumsAt + chunks.bytes, 64);
  const padded = strip.padded;
  const jobs: Job[] = [
    {
      kernel: pool.compile({ weightGradient: tile, padded }, (pages) =>
        encodeWeightGradient(tile, padded, pages),
      ),
      total: tiles * chunks.count,
      piece: 1,
      elements,
      args: (operands, scratch) =>
        ordered(WEIGHT_GRADIENT_ARGS, {
          gradient: operands[0]!,
          target: chunks.count > 1 ? scratch + sumsAt : operands[2]!,
          taps: scratch,
          positions: scratch + positionsAt,
          own: scratch + ownAt,
          ownBytes: own,
          stepTiles,
          rowTiles,
          groups,
          images,
          chunkImages: chunks.images,
          chunkBytes: chunks.each,
          together,
          m,
          tileRows,
          k,
          tileSteps,
          block,
          tapCount,
          gradientImage: 4 * groups * m * positions,
          gradientPlane: 4 * positions,
          ...sourceArguments(grid, strip, operands[1]!),
          rows,
          columns,
          stripRows,
        }),
    },
    ...addChunks(pool, chunks, sumsAt),
  ];
  return new VectorOperation(pool, ownAt + threads * own, jobs, [
    { at: 0, values: Int32Array.from(tapTable) },
    { at: positionsAt, values: Int32Array.from(positionTable) },
  ]);
}
