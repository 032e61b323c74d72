import type { Dims, Md } from './constants.js';

/**
 * Whether the library must not compute something with the implementation that it prefers: some crash for some
 * shapes. The sweeps of `fuzz/graphs` find such regions; these are their bounds, with some room.
 *
 * - Version 2.6.3, a linear layer's input gradient by brgemm: ends the process on two threads or more where 1 to 16
 *   or 32 inputs meet more than 1,024 outputs in whole blocks of 64, at up to 128 rows at least.
 * - Versions 2.6.3 and 3.2, LRN of size 1, backward in channels-last layout: reads beyond its memory.
 */
export function isFaulty(
  version: string,
  kind: string,
  implementation: string,
  args: readonly (number | Md | Dims | null)[],
  dims: (md: Md) => number[],
): boolean {
  if (kind === 'inner_product_backward_data' && implementation.startsWith('brgemm_bwd_d')) {
    const [outputs, inputs] = dims(args[1] as Md) as [number, number];
    return version.startsWith('2.') && inputs <= 64 && outputs > 1024;
  }
  return kind.startsWith('lrn') && implementation.startsWith('lrn_jit') && args[4] === 1;
}
