import { Generator } from '../../src/random.js';
import { pick } from '../mutate.js';
import type { Leaf, Program, Statement } from './program.js';

/*
 * Single layers with awkward sizes, forward and backward: a library chooses among its implementations by shape, and some
 * of them are wrong or crash for some shapes.
 */

export const THEMES = ['known', 'linear', 'narrow', 'conv', 'pool', 'lrn', 'norm'] as const;
export type Theme = (typeof THEMES)[number];

const SIZES = [
  1, 2, 3, 4, 5, 7, 8, 10, 12, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65, 100, 127, 128, 129, 255, 256, 257,
  511, 512, 513, 1000, 1023, 1024, 1025, 1088, 2047, 2048, 4096, 4097, 9216, 16384, 65536, 65537,
];
const BATCHES = [1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 256, 511, 512];
/** Elements of the largest array of a layer. */
const MOST = 2 ** 21;

const real = (shape: readonly number[], seed: number, low: number, high: number, stored = false): Leaf => ({
  shape,
  dtype: 'real',
  fill: { seed, low, high },
  stored,
});

/** A single layer with all of its gradients. */
function layer(kind: string, leaves: readonly Leaf[], attrs: Statement['attrs'], twoRuns = false): Program {
  return {
    real: 'float32',
    leaves,
    body: [{ kind, inputs: leaves.map((_, i) => i), attrs }],
    outputs: [leaves.length],
    loss: [{ value: leaves.length, as: 'weighted' }],
    twice: false,
    changes: twoRuns ? [{ leaf: 1, by: 'gradient' }] : [],
  };
}

function linear(random: Generator, sizes: () => [number, number, number]): Program {
  for (;;) {
    const [n, inputs, outputs] = sizes();
    if (inputs * outputs > MOST || n * Math.max(inputs, outputs) > MOST || n * inputs * outputs > 6e8)
      continue;
    const limit = 1.7 / Math.sqrt(inputs);
    const leaves = [
      real([n, inputs], 1, -1.5, 1.5),
      real([outputs, inputs], 2, -limit, limit, random.integer(2) === 0),
    ];
    return layer('linear', leaves, {});
  }
}

const upTo = (random: Generator, most: number): number => 1 + random.integer(most);

function images(random: Generator, most: number): [number, number, number, number] {
  for (;;) {
    const c = random.integer(3) === 0 ? pick(random, [16, 32, 48, 64, 96, 128]) : upTo(random, 40);
    const shape: [number, number, number, number] = [upTo(random, 5), c, upTo(random, 20), upTo(random, 20)];
    if (random.integer(4) === 0) shape[2] = shape[3] = 1;
    if (random.integer(12) === 0) shape[0] = pick(random, [16, 32, 64]);
    if (shape.reduce((a, b) => a * b) <= most) return shape;
  }
}

function conv(random: Generator): Program {
  for (;;) {
    const x = images(random, 12000);
    const [, c, h, w] = x;
    const groups = pick(random, [1, 1, 1, c, ...[2, 3, 4, 8, 16].filter((g) => c % g === 0)]);
    const out =
      groups * (groups === c ? upTo(random, 2) : pick(random, [1, 2, 3, 4, 5, 8, 15, 16, 17, 32, 33]));
    const two = (one: () => number): [number, number] => {
      const first = one();
      return random.integer(2) === 0 ? [first, first] : [first, one()];
    };
    const kernel = two(() => pick(random, [1, 1, 2, 3, 3, 3, 4, 5, 7, 11]));
    const stride = two(() => pick(random, [1, 1, 1, 2, 2, 3, 4]));
    const padding = two(() => pick(random, [0, 0, 1, 1, 2, 3, 5]));
    const dilation = random.integer(5) === 0 ? two(() => upTo(random, 3)) : [1, 1];
    const size = [h, w].map((d, i) => d + 2 * padding[i]! - dilation[i]! * (kernel[i]! - 1) - 1);
    if (size.some((s) => s < 0)) continue;
    const y = size.map((s, i) => Math.floor(s / stride[i]!) + 1);
    const fan = (c / groups) * kernel[0] * kernel[1];
    if (x[0] * out * y[0]! * y[1]! * fan > 3e6) continue;
    const limit = 1.7 / Math.sqrt(fan);
    const leaves = [real(x, 1, -1.5, 1.5), real([out, c / groups, ...kernel], 2, -limit, limit, true)];
    if (random.integer(2) === 0) leaves.push(real([out], 3, -1, 1));
    return layer('conv2d', leaves, { stride, padding, dilation, groups }, random.integer(4) === 0);
  }
}

function pool(random: Generator): Program {
  for (;;) {
    const x = images(random, 12000);
    const kernel = [2, 3].map((i) => Math.min(x[i]!, pick(random, [1, 2, 2, 3, 3, 4, 5, 7, 13, 20])));
    const padding = kernel.map((k) => random.integer(Math.floor(k / 2) + 1));
    const stride = [pick(random, [1, 2, 2, 3, 5]), pick(random, [1, 2, 2, 3, 5])];
    const ceilMode = random.integer(3) === 0;
    const leaves = [real(x, 1, -1.5, 1.5)];
    if (random.integer(2) === 0)
      return layer('avgPool2d', leaves, {
        kernel,
        padding,
        stride,
        ceilMode,
        countIncludePad: random.integer(2) === 0,
      });
    return layer('maxPool2d', leaves, { kernel, padding, stride, dilation: [1, 1], ceilMode });
  }
}

function lrn(random: Generator): Program {
  const x = images(random, 12000);
  if (random.integer(2) === 0) x[1] = pick(random, [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 32]);
  const attrs = {
    size: pick(random, [1, 2, 3, 5, 5, 7, 9, 15, 17]),
    alpha: pick(random, [1e-4, 0.1, 1]),
    beta: pick(random, [0.5, 0.75, 1]),
    k: pick(random, [1, 2]),
  };
  return layer('localResponseNorm', [real(x, 1, -1.5, 1.5)], attrs);
}

function norm(random: Generator): Program {
  const x = random.integer(4) === 0 ? [upTo(random, 70) + 1, upTo(random, 130)] : images(random, 12000);
  const c = [x[1]!];
  const [gamma, beta] = [real(c, 2, 0.5, 1.5, true), real(c, 3, -1, 1)];
  const image = real(x, 1, -1.5, 1.5);
  if (random.integer(3) === 0)
    return layer('batchNorm', [image, gamma, beta, real(c, 4, -0.5, 0.5), real(c, 5, 0.3, 2)], { eps: 1e-5 });
  return layer('batchNormTrain', [image, gamma, beta], { eps: 1e-5 }, random.integer(4) === 0);
}

/** Layers that crashed or were wrong in the past. */
function known(number: number): Program {
  const shapes: readonly (readonly [number, number, number])[] = [
    [32, 16, 4096],
    [7, 15, 9216],
    [31, 12, 1088],
    [1, 1, 2048],
    [128, 32, 1088],
    // Many inputs, and a number of outputs that is not a multiple of 64.
    [33, 9216, 103],
    [2, 16384, 78],
  ];
  const sizes = shapes[number % (shapes.length + 2)];
  if (sizes) return linear(new Generator(number), () => [...sizes]);
  const image = number % (shapes.length + 2) === shapes.length ? [17, 1, 1, 1] : [4, 1, 2, 2];
  const attrs = { size: 1, alpha: 0.1, beta: 0.75, k: 2 };
  return layer('localResponseNorm', [real(image, 1, -1.5, 1.5)], attrs);
}

/** The layer with this number; it depends only on seed and number. */
export function shapeOf(theme: Theme, seed: number, number: number): Program {
  const random = new Generator(seed, number);
  const size = (): number => (random.integer(3) === 0 ? upTo(random, 300) : pick(random, SIZES));
  const batch = (): number => pick(random, BATCHES);
  switch (theme) {
    case 'known':
      return known(number);
    case 'linear':
      return linear(random, () => [batch(), size(), size()]);
    case 'narrow':
      // One dimension small, the other large: libraries then split the sum between threads.
      return linear(random, () => {
        const [narrow, wide] = [
          upTo(random, 130),
          pick(random, [1000, 1024, 1025, 1087, 1088, 2047, 2048, 4096, 9216, 16384]),
        ];
        return random.integer(4) === 0 ? [batch(), wide, narrow] : [batch(), narrow, wide];
      });
    case 'conv':
      return conv(random);
    case 'pool':
      return pool(random);
    case 'lrn':
      return lrn(random);
    case 'norm':
      return norm(random);
  }
}
