import { around } from '../../../graph/types.js';
import type { Kernel } from './kernel.js';

const cumsum: Kernel = ({ inputs: [x], specs: [spec], output, attrs }) => {
  const { outer, length, inner } = around(spec!.shape, attrs.axis as number);
  const [first, step] = attrs.reverse ? [length - 1, -1] : [0, 1];
  for (let block = 0; block < outer; block++)
    for (let i = 0; i < inner; i++) {
      let total = 0;
      for (let n = 0, at = (block * length + first) * inner + i; n < length; n++, at += step * inner) {
        total += x![at]!;
        output[at] = total;
      }
    }
};

/** NaN is the largest number, and equal to itself. */
function compare(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

const argsort: Kernel = ({ inputs: [x], specs: [spec], output, attrs }) => {
  const { outer, length, inner } = around(spec!.shape, attrs.axis as number);
  const sign = attrs.descending ? -1 : 1;
  const values = new Float64Array(length);
  for (let block = 0; block < outer; block++)
    for (let i = 0; i < inner; i++) {
      const start = block * length * inner + i;
      for (let n = 0; n < length; n++) values[n] = x![start + n * inner]!;
      // Arrays sort stably, so equal values keep their order.
      const order = Int32Array.from(values.keys()).sort(
        (a, b) => sign * compare(values[a]!, values[b]!) || a - b,
      );
      for (let n = 0; n < length; n++) output[start + n * inner] = order[n]!;
    }
};

export const order: Readonly<Record<string, Kernel>> = { cumsum, argsort };
