import { roundUp } from '../gemm/kernel.js';
import type { Tile } from '../gemm/micro.js';
import { tileOfMachine } from '../gemm/tile.js';
import { ordered } from '../kernel-module.js';
import { VectorOperation } from '../operation.js';
import { CACHE_LINE, type KernelPool, PRODUCTS_PER_ELEMENT } from '../pool.js';
import { addChunks, type Chunks, chunksOf } from './chunks.js';
import { type Grid, stripOf } from './grid.js';
import { sourceArguments } from './strip.js';
import { placed } from './winograd.js';
import {
  encodeWinogradGradient,
  type GradientVariant,
  gradientArguments,
  WINOGRAD_GRADIENT_ARGS,
  winogradGradientBytes,
} from './winograd-gradient-kernel.js';
import { PLACES, type Scheme } from './winograd-scheme.js';

/** Most rows and columns of a block of the sums: these stay in the second-level cache. */
const BLOCK = 64;
/** Up to this size smaller blocks are taken, so that there are several. */
const SMALL = 64;
/** Transformed inputs and gradients of a product. */
const BYTES = 2 ** 18;
/** Fewest tiles of a product, and of a chunk of the batch, whose sums are transformed once. */
const FEWEST_TILES = 16;
const FEWEST_OF_CHUNK = 32;

/**
 * The gradient of the weights, in Winograd's tiles. Operands of `run`: the gradient of the result, the source, the
 * gradient of the weights.
 *
 * @param grid of the convolution
 * @param m output channels of each group
 */
export function tileGradient(pool: KernelPool, scheme: Scheme, grid: Grid, m: number): VectorOperation {
  const { images, groups, planes, rows, columns } = grid;
  const { results, kernel } = scheme;
  const [tileRows, tileColumns] = [rows, columns].map((size) => Math.ceil(size / results)) as [
    number,
    number,
  ];
  // The panels of other tiles do not have whole vectors of planes.
  const tile: Tile = { rows: 4, columns: 8, fused: tileOfMachine().fused };
  const block = Math.max(m, planes) <= SMALL ? BLOCK / 2 : BLOCK;
  const blockRows = Math.min(block, roundUp(m, tile.rows));
  const blockColumns = Math.min(block, roundUp(planes, tile.columns));
  const [rowBlocks, columnBlocks] = [Math.ceil(m / blockRows), Math.ceil(planes / blockColumns)];

  const fitting = Math.max(FEWEST_TILES, Math.floor(BYTES / (4 * PLACES * (blockRows + blockColumns))));
  const stripRows = Math.min(tileRows, Math.max(1, Math.floor(fitting / tileColumns)));
  const each = stripRows * tileColumns;
  const numbers = groups * m * planes * kernel ** 2;
  const chunks: Chunks = chunksOf({
    images,
    fewest: Math.ceil(FEWEST_OF_CHUNK / (tileRows * tileColumns)),
    blocks: groups * rowBlocks * columnBlocks,
    products: PLACES * blockRows * blockColumns * tileRows * tileColumns,
    numbers,
  });
  const together =
    stripRows < tileRows ? 1 : Math.max(1, Math.min(chunks.images, Math.floor(fitting / each)));

  // The tiles cover more than the results: what they read beyond is 0.
  const covered: Grid = { ...grid, rows: results * tileRows, columns: results * tileColumns };
  const gradient: Grid = {
    ...covered,
    planes: m,
    height: rows,
    width: columns,
    taps: [{ row: 0, column: 0, index: 0 }],
  };
  const [strip, gradientStrip] = [covered, gradient].map((one) => stripOf(one, results * stripRows)) as [
    ReturnType<typeof stripOf>,
    ReturnType<typeof stripOf>,
  ];
  const variant: GradientVariant = {
    scheme,
    tile,
    padded: strip.padded,
    gradientPadded: gradientStrip.padded,
  };
  const distances = {
    leftBytes: placed(together * each * blockRows),
    rightBytes: placed(together * each * blockColumns),
    sumBytes: placed(blockRows * blockColumns),
  };
  const copyBytes = strip.padded ? roundUp(planes * strip.planeBytes, CACHE_LINE) : 0;
  const copies = copyBytes + (gradientStrip.padded ? m * gradientStrip.planeBytes : 0);
  const own = roundUp(winogradGradientBytes(variant, { ...distances, copies }), CACHE_LINE);
  const elements = (images * groups * m * planes * PLACES * tileRows * tileColumns) / PRODUCTS_PER_ELEMENT;
  const threads = pool.divides(elements) ? pool.threads : 1;
  const ownAt = roundUp(chunks.bytes, CACHE_LINE);
  return new VectorOperation(pool, ownAt + threads * own, [
    {
      kernel: pool.compile({ winogradGradient: variant }, (pages) => encodeWinogradGradient(variant, pages)),
      total: groups * rowBlocks * columnBlocks * chunks.count,
      piece: 1,
      elements,
      args: (operands, scratch) =>
        ordered(WINOGRAD_GRADIENT_ARGS, {
          ...sourceArguments(covered, strip, operands[1]!),
          ...gradientArguments(sourceArguments(gradient, gradientStrip, operands[0]!)),
          target: chunks.count > 1 ? scratch : operands[2]!,
          own: scratch + ownAt,
          ownBytes: own,
          ...distances,
          copyBytes,
          groups,
          images,
          chunkImages: chunks.images,
          chunkBytes: chunks.each,
          together,
          tileRows,
          stripRows,
          tileColumns,
          blockRows,
          blockColumns,
          rowBlocks,
          columnBlocks,
          rowBytes: strip.rowBytes,
          gradientRowBytes: gradientStrip.rowBytes,
        }),
    },
    ...addChunks(pool, chunks, 0),
  ]);
}
