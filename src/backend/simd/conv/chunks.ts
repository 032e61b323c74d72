import { roundUp } from '../gemm/kernel.js';
import { ordered } from '../kernel-module.js';
import type { Job } from '../operation.js';
import type { KernelPool } from '../pool.js';
import { ADD_ARGS, encodeAdd } from './weight-gradient.js';

/**
 * With fewer blocks of weights than this the batch is divided too. The number of threads plays no part, so that sums do
 * not depend on it.
 */
const BLOCKS = 16;
/** Maximum number of multiplications in a piece, unless a single image needs more: about a tenth of a second. */
const MOST_PRODUCTS = 2 ** 31;

/** Parts of a batch whose sums of the weights' gradients are computed separately, and then added. */
export interface Chunks {
  readonly count: number;
  /** Images of a chunk; the last one may have fewer. */
  readonly images: number;
  /** Numbers of a chunk's sums, and their bytes. */
  readonly numbers: number;
  readonly each: number;
  /** Scratch memory for the sums of all chunks. */
  readonly bytes: number;
}

/**
 * @param options.fewest images of a chunk, unless they are too much work
 * @param options.blocks blocks of weights that are separate pieces
 * @param options.products multiplications of a block for an image
 * @param options.numbers the weights
 */
export function chunksOf({
  images,
  fewest = 1,
  blocks,
  products,
  numbers,
}: {
  readonly images: number;
  readonly fewest?: number;
  readonly blocks: number;
  readonly products: number;
  readonly numbers: number;
}): Chunks {
  const most = Math.floor(MOST_PRODUCTS / Math.max(1, products));
  const wanted = Math.max(fewest, Math.ceil(images / Math.max(1, Math.ceil(BLOCKS / blocks))));
  const each = Math.max(1, Math.min(images, wanted, most));
  const count = Math.max(1, Math.ceil(images / each));
  const bytes = 4 * roundUp(numbers, 4);
  return { count, images: each, numbers, each: bytes, bytes: count > 1 ? count * bytes : 0 };
}

/**
 * The job that adds the sums of all chunks, if there are several.
 * @param at where the sums begin in an operation's scratch memory; its third operand is the result
 */
export const addChunks = (pool: KernelPool, { count, numbers, each }: Chunks, at: number): Job[] =>
  count === 1
    ? []
    : [
        {
          kernel: pool.compile({ add: 'chunks' }, encodeAdd),
          total: Math.ceil(numbers / 4),
          piece: Math.ceil(4096 / count),
          elements: numbers * count,
          args: (operands, scratch) =>
            ordered(ADD_ARGS, {
              source: scratch + at,
              target: operands[2]!,
              chunks: count,
              chunkBytes: each,
              count: numbers,
            }),
        },
      ];
