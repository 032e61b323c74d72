import type { Dims, Md } from './constants.js';

/**
 * Whether an implementation of the library is known to crash or to access invalid memory for these shapes. The sweeps of
 * `fuzz/graphs` found these cases; the conditions below are slightly wider.
 *
 * - Version 2.6.3, input gradient of a linear layer with brgemm: crashes with two or more threads for 1 to 16 or 32
 *   inputs and more than 1,024 outputs (a multiple of 64), for at least up to 128 rows.
 * - Versions 2.6.3 and 3.2, backward LRN of size 1 in channels-last layout: reads out of bounds.
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
