import type { Shape } from '../../../src/graph/types.js';
import * as ops from '../../../src/ops/index.js';
import type { Draw } from '../draw.js';
import type { Given, Kind } from '../program.js';
import { largest } from './elementwise.js';

/** A value [N, C, H, W]. */
const images = (draw: Draw): number => draw.ofRank(4);
const pair = (draw: Draw, one: () => number): [number, number] => {
  const first = one();
  return draw.chance(0.6) ? [first, first] : [first, one()];
};

function windows(draw: Draw, [, , h, w]: Shape, mostPadding: (kernel: number) => number) {
  const kernel = [h!, w!].map((size) => draw.integer(1, Math.min(size, 5)));
  const padding = kernel.map((k) => draw.integer(0, mostPadding(k)));
  return { kernel, padding, stride: pair(draw, () => draw.pick([1, 1, 2, 2, 3])) };
}

/** Whether each window has a unique maximum. */
function peaks({ inputs: [x], shapes: [shape], output, attrs, before }: Given, margin: number): boolean {
  const [n, c, h, w] = shape as [number, number, number, number];
  const { kernel, stride, padding, dilation } = attrs as unknown as ops.MaxPoolAttrs;
  const planes = n * c;
  const oh = Math.floor(
    output.length / planes / widthOf(w, kernel[1], stride[1], padding[1], dilation[1], attrs),
  );
  const ow = output.length / planes / oh;
  const least = margin * largest(x!);
  for (let p = 0; p < planes; p++)
    for (let i = 0; i < oh; i++)
      for (let j = 0; j < ow; j++) {
        let [first, second] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
        for (let ki = 0; ki < kernel[0]; ki++)
          for (let kj = 0; kj < kernel[1]; kj++) {
            const y = i * stride[0] - padding[0] + ki * dilation[0];
            const z = j * stride[1] - padding[1] + kj * dilation[1];
            if (y < 0 || z < 0 || y >= h || z >= w) continue;
            const v = x![(p * h + y) * w + z]!;
            if (v > first) [first, second] = [v, first];
            else second = Math.max(second, v);
          }
        if (!(first - second > least || (before === 'relu' && first === 0))) return false;
      }
  return true;
}

/** Width of the result, by the shape rule. */
function widthOf(size: number, k: number, s: number, p: number, d: number, attrs: Given['attrs']): number {
  const span = size + 2 * p - d * (k - 1) - 1;
  if (!attrs.ceilMode) return Math.floor(span / s) + 1;
  const count = Math.ceil(span / s) + 1;
  return (count - 1) * s >= size + p ? count - 1 : count;
}

/** Whether each bin of adaptive pooling has a unique maximum. */
function peaksOfBins({ inputs: [x], shapes: [shape], attrs, before }: Given, margin: number): boolean {
  const [n, c, h, w] = shape as [number, number, number, number];
  const [rows, columns] = attrs.size as [number, number];
  const bin = (i: number, all: number, count: number) =>
    [Math.floor((i * all) / count), Math.ceil(((i + 1) * all) / count)] as const;
  const least = margin * largest(x!);
  for (let p = 0; p < n * c; p++)
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++) {
        let [first, second] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
        const [[top, bottom], [left, right]] = [bin(i, h, rows), bin(j, w, columns)];
        for (let y = top; y < bottom; y++)
          for (let z = left; z < right; z++) {
            const v = x![(p * h + y) * w + z]!;
            if (v > first) [first, second] = [v, first];
            else second = Math.max(second, v);
          }
        if (!(first - second > least || (before === 'relu' && first === 0))) return false;
      }
  return true;
}

/** How patches are cut out of an image. */
function patches(draw: Draw) {
  const sizes = (most: number) => pair(draw, () => draw.integer(1, most));
  const padding = draw.chance(0.5) ? [0, 0] : pair(draw, () => draw.integer(0, 2));
  const dilation: [number, number] = draw.chance(0.8) ? [1, 1] : sizes(3);
  return { kernel: sizes(3), stride: sizes(3), padding: padding as [number, number], dilation };
}

/** Rows and columns from the first to the last cell of a patch. */
const spans = ({ kernel, dilation }: ReturnType<typeof patches>): number[] =>
  kernel.map((k, i) => dilation[i]! * (k - 1) + 1);

export const image: readonly Kind[] = [
  {
    name: 'conv2d',
    draw: (draw) => {
      const x = images(draw);
      const [, c, h, w] = draw.shapeOf(x) as [number, number, number, number];
      const divisors = Array.from({ length: c }, (_, i) => i + 1).filter((d) => c % d === 0);
      const groups = draw.chance(0.6) ? 1 : draw.pick(divisors);
      const out = groups * (groups > 4 ? draw.integer(1, 2) : draw.dim(17));
      const per = c / groups;
      const padding = pair(draw, () => draw.pick([0, 1, 1, 2, 3]));
      const dilation = draw.chance(0.8) ? [1, 1] : pair(draw, () => draw.integer(1, 3));
      const kernel = [h, w].map((size, i) => {
        const room = Math.floor((size + 2 * padding[i]! - 1) / dilation[i]!) + 1;
        return draw.chance(0.5) ? Math.min(3, room) : draw.integer(1, Math.min(5, room));
      }) as [number, number];
      const stride = pair(draw, () => draw.pick([1, 1, 1, 2, 3]));
      const fan = per * kernel[0] * kernel[1];
      const limit = 1.7 / Math.sqrt(fan);
      const inputs = [x, draw.leaf([out, per, ...kernel], -limit, limit)];
      if (draw.chance(0.6)) inputs.push(draw.leaf([out]));
      const made = draw.emit('conv2d', inputs, { stride, padding, dilation, groups });
      return (
        made !== undefined && (draw.chance(0.6) || draw.add(draw.pick(['relu', 'tanh', 'sigmoid']), [made]))
      );
    },
    make: ([x, w, b], attrs) => ops.conv2d(x!, w!, b, attrs as unknown as ops.Conv2dAttrs),
  },
  {
    name: 'maxPool2d',
    draw: (draw) => {
      const x = images(draw);
      const shape = draw.shapeOf(x);
      const { kernel, padding, stride } = windows(draw, shape, (k) => Math.floor(k / 2));
      const fits = (d: number) => kernel.every((k, i) => d * (k - 1) + 1 <= shape[2 + i]! + 2 * padding[i]!);
      const d = draw.chance(0.15) && fits(2) ? 2 : 1;
      return draw.add('maxPool2d', [x], {
        kernel,
        padding,
        stride,
        dilation: [d, d],
        ceilMode: draw.chance(0.3),
      });
    },
    make: ([x], attrs) => ops.maxPool2d(x!, attrs as unknown as ops.MaxPoolAttrs),
    clear: peaks,
  },
  {
    name: 'avgPool2d',
    draw: (draw) => {
      const x = images(draw);
      const window = windows(draw, draw.shapeOf(x), (k) => Math.floor(k / 2));
      return draw.add('avgPool2d', [x], {
        ...window,
        ceilMode: draw.chance(0.25),
        countIncludePad: draw.chance(0.6),
      });
    },
    make: ([x], attrs) => ops.avgPool2d(x!, attrs as unknown as ops.AvgPoolAttrs),
  },
  {
    name: 'adaptiveAvgPool2d',
    draw: (draw) => {
      const x = images(draw);
      const [, , h, w] = draw.shapeOf(x) as [number, number, number, number];
      const size = draw.chance(0.4)
        ? [1, 1]
        : [draw.integer(1, Math.min(h + 2, 7)), draw.integer(1, Math.min(w + 2, 7))];
      return draw.add('adaptiveAvgPool2d', [x], { size });
    },
    make: ([x], { size }) => ops.adaptiveAvgPool2d(x!, size as unknown as ops.Pair),
  },
  {
    name: 'adaptiveMaxPool2d',
    draw: (draw) => {
      const x = images(draw);
      const [, , h, w] = draw.shapeOf(x) as [number, number, number, number];
      const size = [h, w].map((all) => draw.integer(1, Math.min(all + 2, 7)));
      return draw.add('adaptiveMaxPool2d', [x], { size });
    },
    make: ([x], { size }) => ops.adaptiveMaxPool2d(x!, size as unknown as ops.Pair),
    clear: peaksOfBins,
  },
  {
    name: 'unfold',
    draw: (draw) => {
      const x = images(draw);
      const attrs = patches(draw);
      const fits = spans(attrs).every((span, i) => span <= draw.shapeOf(x)[2 + i]! + 2 * attrs.padding[i]!);
      return fits && draw.add('unfold', [x], attrs);
    },
    make: ([x], attrs) => ops.unfold(x!, attrs as unknown as ops.PatchAttrs),
  },
  {
    name: 'fold',
    draw: (draw) => {
      const attrs = patches(draw);
      const counts = [draw.integer(1, 4), draw.integer(1, 4)];
      // Rows and columns behind the last patch stay zero.
      const size = spans(attrs).map(
        (span, i) =>
          span +
          (counts[i]! - 1) * attrs.stride[i]! -
          2 * attrs.padding[i]! +
          draw.integer(0, attrs.stride[i]! - 1),
      );
      if (size.some((all) => all < 1)) return false;
      const area = attrs.kernel[0] * attrs.kernel[1];
      const x = draw.leaf([draw.dim(4), area * draw.dim(4), counts[0]! * counts[1]!]);
      return draw.add('fold', [x], { ...attrs, size });
    },
    make: ([x], { size, ...attrs }) =>
      ops.fold(x!, size as unknown as ops.Pair, attrs as unknown as ops.PatchAttrs),
  },
  {
    name: 'localResponseNorm',
    draw: (draw) => {
      const attrs = {
        size: draw.integer(1, 7),
        alpha: draw.pick([1e-4, 0.1, 1]),
        beta: draw.pick([0.5, 0.75, 1]),
        k: draw.pick([1, 2]),
      };
      return draw.add('localResponseNorm', [images(draw)], attrs);
    },
    make: ([x], attrs) => ops.localResponseNorm(x!, attrs as unknown as { size: number }),
  },
  {
    name: 'batchNormTrain',
    draw: (draw) => {
      const x = draw.ofRank(draw.chance(0.3) ? 2 : 4);
      const c = draw.shapeOf(x)[1]!;
      const eps = draw.pick([1e-5, 1e-3, 0.1]);
      const made = draw.emit('batchNormTrain', [x, draw.leaf([c], 0.5, 1.5), draw.leaf([c])], { eps });
      if (made === undefined) return false;
      return draw.chance(0.5) || draw.add('batchStats', [x]);
    },
    make: ([x, gamma, beta], { eps }) => ops.batchNormTrain(x!, gamma!, beta!, eps as number),
    clear: spread,
  },
  {
    name: 'batchStats',
    draw: (draw) => draw.add('batchStats', [draw.ofRank(draw.chance(0.3) ? 2 : 4)]),
    // Detached, since batchStats has no gradient.
    make: ([x]) => ops.detach(ops.batchStats(x!)),
  },
  {
    name: 'batchNorm',
    draw: (draw) => {
      const x = draw.ofRank(draw.chance(0.3) ? 2 : 4);
      const c = [draw.shapeOf(x)[1]!];
      const inputs = [x, draw.leaf(c, 0.5, 1.5), draw.leaf(c), draw.leaf(c, -0.5, 0.5), draw.leaf(c, 0.3, 2)];
      return draw.add('batchNorm', inputs, { eps: draw.pick([1e-5, 1e-3]) });
    },
    make: ([x, gamma, beta, mean, variance], { eps }) =>
      ops.batchNorm(x!, gamma!, beta!, mean!, variance!, eps as number),
  },
  {
    name: 'crop',
    draw: (draw) => {
      const x = images(draw);
      const [n, , h, w] = draw.shapeOf(x) as [number, number, number, number];
      const [height, width] = [draw.integer(1, h + 3), draw.integer(1, w + 3)];
      const same = draw.chance(0.5) ? [draw.integer(-2, 3), draw.integer(-2, 3)] : undefined;
      const offsets = same ? draw.repeated([n, 2], same) : draw.integers([n, 2], -2, Math.max(2, h - height));
      return draw.add('crop', [x, offsets], { size: [height, width] });
    },
    make: ([x, offsets], { size }) => ops.crop(x!, offsets!, size as unknown as ops.Pair),
  },
  {
    name: 'flip',
    draw: (draw) => {
      const x = images(draw);
      return draw.add('flip', [x, draw.integers([draw.shapeOf(x)[0]!], 0, 1)]);
    },
    make: ([x, flags]) => ops.flip(x!, flags!),
  },
];

/** Whether each channel varies enough: dividing by a tiny standard deviation amplifies rounding errors. */
function spread({ inputs: [x], shapes: [shape] }: Given): boolean {
  const [n, c] = shape as [number, number];
  const area = x!.length / n / c;
  return Array.from({ length: c }, (_, channel) => {
    let [sum, squares] = [0, 0];
    for (let i = 0; i < n; i++)
      for (let j = 0; j < area; j++) {
        const v = x![(i * c + channel) * area + j]!;
        sum += v;
        squares += v * v;
      }
    const mean = sum / (n * area);
    return squares / (n * area) - mean * mean > 0.01 * (1e-3 + mean * mean);
  }).every(Boolean);
}
