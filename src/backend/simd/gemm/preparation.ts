import { bitsOf } from '../../../webassembly/terms.js';
import { ordered } from '../kernel-module.js';
import type { Job, Preparation } from '../operation.js';
import { CACHE_LINE, type KernelPool } from '../pool.js';
import { roundUp } from './kernel.js';
import type { Tile } from './micro.js';
import { encodePack, PACK_ARGS } from './pack.js';
import type { Product } from './product.js';

/** Packs a whole operand. @returns with the distances between packed matrices, along the batch's two dimensions */
export function packing(
  pool: KernelPool,
  { m, n, k, a, b, batch = [1, 1], factors = [1, 1] }: Product,
  shared: 'a' | 'b',
  tile: Tile,
  block: number,
): { preparation: Preparation; steps: readonly [number, number] } {
  const [operand, count, width, from, stepI, stepK] =
    shared === 'a' ? [0, m, tile.rows, a, a.row, a.column] : [1, n, tile.columns, b, b.column, b.row];
  const steps = from.batch ?? [0, 0];
  const distinct = [steps[0] === 0 ? 1 : batch[0], steps[1] === 0 ? 1 : batch[1]] as const;
  const whole = 4 * roundUp(count, width) * k;
  const targets = [steps[0] === 0 ? 0 : whole * distinct[1], steps[1] === 0 ? 0 : whole] as const;
  const total = Math.ceil(count / width) * distinct[0] * distinct[1];
  const job: Job = {
    kernel: pool.compile({ pack: width }, (pages) => encodePack(width, pages)),
    total,
    piece: Math.ceil(8192 / (width * Math.max(1, k))),
    elements: total * width * k,
    args: (operands, _, prepared) =>
      ordered(PACK_ARGS, {
        source: operands[operand]! + 4 * (from.offset ?? 0),
        target: prepared,
        stepK: 4 * stepK,
        stepI: 4 * stepI,
        count,
        k,
        block,
        inner: distinct[1],
        sourceOuter: 4 * steps[0],
        sourceInner: 4 * steps[1],
        targetOuter: targets[0],
        targetInner: targets[1],
        factor: bitsOf(factors[operand]!),
      }),
  };
  const bytes = roundUp(whole * distinct[0] * distinct[1], CACHE_LINE);
  return { preparation: { operand, bytes, job }, steps: targets };
}
