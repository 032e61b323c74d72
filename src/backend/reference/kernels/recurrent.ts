import type { TypedArray } from '../../../graph/types.js';
import {
  CELLS,
  type Cell,
  type RecurrentAttrs,
  type RecurrentStartAttrs,
} from '../../../ops/sequence/recurrent.js';
import type { Kernel, KernelCall } from './kernel.js';

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Values of a record, or of gradients: part p of unit k of example n at position t. */
class Parts {
  constructor(
    readonly values: TypedArray | Float64Array,
    readonly n: number,
    readonly parts: number,
    readonly size: number,
  ) {}

  at(t: number, n: number, part: number, k: number): number {
    return ((t * this.n + n) * this.parts + part) * this.size + k;
  }

  get(t: number, n: number, part: number, k: number): number {
    return this.values[this.at(t, n, part, k)]!;
  }
}

/** Positions in the order in which they are read. */
const order = (length: number, reverse: boolean): number[] =>
  Array.from({ length }, (_, i) => (reverse ? length - 1 - i : i));

const forward: Kernel = ({ inputs: [x, w, h0, second], specs, output, attrs }) => {
  const { cell, reverse } = attrs as RecurrentAttrs;
  const { gates, record } = CELLS[cell];
  const [length, count, rows] = specs[0]!.shape as [number, number, number];
  const size = rows / gates;
  const made = new Parts(output, count, record, size);
  const sums = new Float64Array(rows);
  let before: number | undefined;
  for (const t of order(length, reverse)) {
    for (let n = 0; n < count; n++) {
      const state = (part: number, k: number, first: TypedArray): number =>
        before === undefined ? first[n * size + k]! : made.get(before, n, part, k);
      for (let j = 0; j < rows; j++) {
        let sum = 0;
        for (let k = 0; k < size; k++) sum += w![j * size + k]! * state(record - 1, k, h0!);
        sums[j] = sum;
      }
      const given = (gate: number, k: number): number => x![(t * count + n) * rows + gate * size + k]!;
      for (let k = 0; k < size; k++) {
        const sum = (gate: number): number => sums[gate * size + k]!;
        const values = (): number[] => {
          if (cell === 'tanh') return [Math.tanh(given(0, k) + sum(0))];
          if (cell === 'relu') return [Math.max(0, given(0, k) + sum(0))];
          if (cell === 'gru') {
            const product = (gate: number): number => sum(gate) + second![gate * size + k]!;
            const [r, z] = [sigmoid(given(0, k) + product(0)), sigmoid(given(1, k) + product(1))];
            const q = product(2);
            const fresh = Math.tanh(given(2, k) + r * q);
            return [r, z, fresh, q, fresh + z * (state(record - 1, k, h0!) - fresh)];
          }
          const [i, f, o] = [0, 1, 3].map((gate) => sigmoid(given(gate, k) + sum(gate))) as [
            number,
            number,
            number,
          ];
          const g = Math.tanh(given(2, k) + sum(2));
          const c = f * state(4, k, second!) + i * g;
          return [i, f, g, o, c, o * Math.tanh(c)];
        };
        for (const [part, value] of values().entries()) output[made.at(t, n, part, k)] = value;
      }
    }
    before = t;
  }
};

/** Gradients of the gates of one unit, and what reaches the state before without passing the weights: h, and c. */
type Step = (
  d: number,
  dc: number,
  get: (part: number) => number,
  before: { readonly h: number; readonly c: number },
) => { readonly grads: readonly number[]; readonly h: number; readonly c: number };

const BACK: Readonly<Record<Cell, Step>> = {
  lstm: (d, dc, get, before) => {
    const [i, f, g, o, c] = [0, 1, 2, 3, 4].map(get) as [number, number, number, number, number];
    const t = Math.tanh(c);
    const memory = dc + d * o * (1 - t * t);
    return {
      grads: [
        memory * g * i * (1 - i),
        memory * before.c * f * (1 - f),
        memory * i * (1 - g * g),
        d * t * o * (1 - o),
      ],
      h: 0,
      c: memory * f,
    };
  },
  gru: (d, _, get, before) => {
    const [r, z, fresh, q] = [0, 1, 2, 3].map(get) as [number, number, number, number];
    const inner = d * (1 - z) * (1 - fresh * fresh);
    return {
      grads: [inner * q * r * (1 - r), d * (before.h - fresh) * z * (1 - z), inner * r, inner],
      h: d * z,
      c: 0,
    };
  },
  tanh: (d, _, get) => ({ grads: [d * (1 - get(0) ** 2)], h: 0, c: 0 }),
  relu: (d, _, get) => ({ grads: [get(0) > 0 ? d : 0], h: 0, c: 0 }),
};

/** Runs the backward pass. `grads` gets the gradients of all positions; returns those of the first state. */
function back({ inputs, specs, attrs }: KernelCall, grads: TypedArray): { h: Float64Array; c: Float64Array } {
  const { cell, reverse } = attrs as RecurrentAttrs;
  const sizes = CELLS[cell];
  const [dy, record, w, h0] = inputs as [TypedArray, TypedArray, TypedArray, TypedArray];
  const [c0, dc] = inputs.slice(4);
  const [length, count, size] = specs[0]!.shape as [number, number, number];
  const kept = new Parts(record, count, sizes.record, size);
  const made = new Parts(grads, count, sizes.grads, size);
  const h = new Float64Array(count * size);
  const c = dc ? Float64Array.from(dc) : new Float64Array(count * size);
  const positions = order(length, reverse);
  for (let step = length - 1; step >= 0; step--) {
    const t = positions[step]!;
    const before = positions[step - 1];
    for (let n = 0; n < count; n++)
      for (let k = 0; k < size; k++) {
        const unit = n * size + k;
        const state = (part: number, first: TypedArray | undefined): number =>
          before === undefined ? (first?.[unit] ?? 0) : kept.get(before, n, part, k);
        const found = BACK[cell](
          dy[(t * count + n) * size + k]! + h[unit]!,
          c[unit]!,
          (part) => kept.get(t, n, part, k),
          { h: state(sizes.record - 1, h0), c: cell === 'lstm' ? state(4, c0) : 0 },
        );
        for (const [part, value] of found.grads.entries()) grads[made.at(t, n, part, k)] = value;
        h[unit] = found.h;
        c[unit] = found.c;
      }
    for (let n = 0; n < count; n++)
      for (let j = 0; j < sizes.gates * size; j++) {
        const grad = grads[made.at(t, n, 0, j)]!;
        for (let k = 0; k < size; k++) h[n * size + k] = h[n * size + k]! + grad * w[j * size + k]!;
      }
  }
  return { h, c };
}

const backward: Kernel = (call) => void back(call, call.output);

const start: Kernel = (call) => {
  const { cell, of } = call.attrs as RecurrentStartAttrs;
  const [length, count, size] = call.specs[0]!.shape as [number, number, number];
  const grads = new Float64Array(length * count * CELLS[cell].grads * size);
  call.output.set(back(call, grads)[of] as never);
};

export const recurrent: Readonly<Record<string, Kernel>> = {
  recurrent: forward,
  recurrentGrad: backward,
  recurrentGradStart: start,
};
