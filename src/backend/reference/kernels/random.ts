import type { Kernel } from './kernel.js';

/** The high 32 bits of the product of two 32-bit words; the second is given as two 16-bit halves. */
function highWord(a: number, bLow: number, bHigh: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const middle = Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16);
  const middle2 = Math.imul(aLow, bHigh) + (middle & 0xffff);
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (middle2 >>> 16)) | 0;
}

const TWO32 = 2 ** 32;

/**
 * The mask of `dropout`. Element i uses the 16-bit number i mod 8 (low halves first) of the Philox4x32-10 block ⌊i / 8⌋,
 * and is dropped if the number is below the threshold p · 2^16. A key of six words says how many elements come before the first one.
 * The rounds are inlined here instead of calling random.ts, since the masks of a training step have millions of elements.
 */
const dropoutMask: Kernel = ({ inputs: [words], output, attrs }) => {
  const threshold = attrs.threshold as number;
  const kept = attrs.kept as number;
  const length = output.length;
  const before = words!.length === 6 ? (words![4]! >>> 0) + (words![5]! >>> 0) * TWO32 : 0;
  let block = Math.floor(before / 8);
  for (let at = -(before % 8); at < length; block++) {
    let c0 = block | 0;
    let c1 = (block / TWO32) | 0;
    let c2 = words![2]! | 0;
    let c3 = words![3]! | 0;
    let k0 = words![0]! | 0;
    let k1 = words![1]! | 0;
    for (let round = 0; round < 10; round++) {
      const high0 = highWord(c0, 0x1f53, 0xd251);
      const high1 = highWord(c2, 0x8d57, 0xcd9e);
      const low0 = Math.imul(0xd2511f53, c0);
      const low1 = Math.imul(0xcd9e8d57, c2);
      c0 = high1 ^ c1 ^ k0;
      c1 = low1;
      c2 = high0 ^ c3 ^ k1;
      c3 = low0;
      k0 = (k0 + 0x9e3779b9) | 0;
      k1 = (k1 + 0xbb67ae85) | 0;
    }
    if (at < 0 || at + 8 > length) {
      const halves = [c0, c0 >>> 16, c1, c1 >>> 16, c2, c2 >>> 16, c3, c3 >>> 16];
      for (const half of halves) {
        if (at >= 0 && at < length) output[at] = (half & 0xffff) < threshold ? 0 : kept;
        at++;
      }
      continue;
    }
    output[at] = (c0 & 0xffff) < threshold ? 0 : kept;
    output[at + 1] = c0 >>> 16 < threshold ? 0 : kept;
    output[at + 2] = (c1 & 0xffff) < threshold ? 0 : kept;
    output[at + 3] = c1 >>> 16 < threshold ? 0 : kept;
    output[at + 4] = (c2 & 0xffff) < threshold ? 0 : kept;
    output[at + 5] = c2 >>> 16 < threshold ? 0 : kept;
    output[at + 6] = (c3 & 0xffff) < threshold ? 0 : kept;
    output[at + 7] = c3 >>> 16 < threshold ? 0 : kept;
    at += 8;
  }
};

export const random: Readonly<Record<string, Kernel>> = { dropoutMask };
