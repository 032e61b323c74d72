import { joined } from './bytes.js';

/**
 * Makes an input smaller while it stays interesting, by removing pieces, large ones first.
 *
 * @param tries maximum number of inputs to try
 */
export async function shrink(
  input: Uint8Array,
  keeps: (input: Uint8Array) => Promise<boolean>,
  tries = 3000,
): Promise<Uint8Array> {
  let best = input;
  let left = tries;
  for (let size = best.length >> 1; size > 0; size >>= 1)
    for (let at = 0; at < best.length && left > 0; left--) {
      const smaller = joined(best.subarray(0, at), best.subarray(at + size));
      if (await keeps(smaller)) best = smaller;
      else at += size;
    }
  return best;
}
