import { around, type Shape, type TypedArray } from '../../../graph/types.js';
import type { Kernel } from './kernel.js';

/** Adjacent dimensions that are all reduced or all kept, merged. */
interface Run {
  size: number;
  readonly reduced: boolean;
}

function runsOf(shape: Shape, axes: readonly number[]): Run[] {
  const runs: Run[] = [];
  shape.forEach((size, i) => {
    if (size === 1) return;
    const reduced = axes.includes(i);
    const last = runs.at(-1);
    if (last && last.reduced === reduced) last.size *= size;
    else runs.push({ size, reduced });
  });
  return runs.length > 0 ? runs : [{ size: 1, reduced: false }];
}

/** Accumulates `n` values, beginning with `x[at]`, into one accumulator or into `n` of them. */
interface Fold {
  readonly start: number;
  into(total: Float64Array, position: number, x: TypedArray, at: number, n: number): void;
  across(total: Float64Array, position: number, x: TypedArray, at: number, n: number): void;
}

const adding: Fold = {
  start: 0,
  into(total, position, x, at, n) {
    let sum = 0;
    for (let i = at; i < at + n; i++) sum += x[i]!;
    total[position]! += sum;
  },
  across(total, position, x, at, n) {
    for (let i = 0; i < n; i++) total[position + i]! += x[at + i]!;
  },
};

// NaN counts as the largest.
const larger = (a: number, b: number): number => (b > a || Number.isNaN(b) ? b : a);
const largest: Fold = {
  start: Number.NEGATIVE_INFINITY,
  into(total, position, x, at, n) {
    let best = total[position]!;
    for (let i = at; i < at + n; i++) best = larger(best, x[i]!);
    total[position] = best;
  },
  across(total, position, x, at, n) {
    for (let i = 0; i < n; i++) total[position + i] = larger(total[position + i]!, x[at + i]!);
  },
};

const least: Fold = {
  start: Number.POSITIVE_INFINITY,
  into(total, position, x, at, n) {
    for (let i = at; i < at + n; i++) total[position] = Math.min(total[position]!, x[i]!);
  },
  across(total, position, x, at, n) {
    for (let i = 0; i < n; i++) total[position + i] = Math.min(total[position + i]!, x[at + i]!);
  },
};

const reduction =
  (fold: Fold): Kernel =>
  ({ inputs: [x], specs: [spec], output, attrs }) => {
    const total = new Float64Array(output.length).fill(fold.start);
    const runs = runsOf(spec!.shape, attrs.axes as readonly number[]);
    const inner = runs.pop()!;
    const outer = runs.reverse();
    // The output stride of each outer run.
    let stride = inner.reduced ? 1 : inner.size;
    const steps = outer.map((run) => {
      if (run.reduced) return 0;
      const step = stride;
      stride *= run.size;
      return step;
    });
    const counter = outer.map(() => 0);
    for (let at = 0, position = 0; at < x!.length; at += inner.size) {
      if (inner.reduced) fold.into(total, position, x!, at, inner.size);
      else fold.across(total, position, x!, at, inner.size);
      for (let d = 0; d < outer.length; d++) {
        position += steps[d]!;
        if (++counter[d]! < outer[d]!.size) break;
        counter[d] = 0;
        position -= steps[d]! * outer[d]!.size;
      }
    }
    output.set(total);
  };

const sumOfSquares: Kernel = ({ inputs: [x], output }) => {
  const values = x!;
  // Four independent sums, so that additions do not wait for each other.
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = values.length - (values.length % 4);
  for (let i = 0; i < whole; i += 4) {
    a += values[i]! * values[i]!;
    b += values[i + 1]! * values[i + 1]!;
    c += values[i + 2]! * values[i + 2]!;
    d += values[i + 3]! * values[i + 3]!;
  }
  for (let i = whole; i < values.length; i++) a += values[i]! * values[i]!;
  output[0] = a + b + c + d;
};

const argmax: Kernel = ({ inputs: [x], specs: [spec], output, attrs }) => {
  const { outer, length, inner } = around(spec!.shape, attrs.axis as number);
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      const start = o * length * inner + i;
      let best = x![start]!;
      let at = 0;
      for (let j = 1; j < length && !Number.isNaN(best); j++) {
        const v = x![start + j * inner]!;
        if (v > best || Number.isNaN(v)) {
          best = v;
          at = j;
        }
      }
      output[o * inner + i] = at;
    }
};

/** The smallest values along axes. */
export const smallest: Kernel = reduction(least);

export const reduce: Readonly<Record<string, Kernel>> = {
  sum: reduction(adding),
  max: reduction(largest),
  argmax,
  sumOfSquares,
};
