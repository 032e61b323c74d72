import { isInteger } from '../../../../errors/arguments.js';
import { type Node, scalarLeaf } from '../../../../graph/node.js';
import { showShape } from '../../../../graph/types.js';
import type { Pair } from '../../../../ops/conv2d.js';
import * as ops from '../../../../ops/index.js';
import type { Operator, Rule } from '../operator.js';
import { asImages, asPair, padded, padding, type Side, windowOf } from '../windows.js';

/** Pools images [N, C, H, W] with symmetric padding. */
type Pool = (x: Node, padding: Pair, ceilMode: boolean) => Node;

/** Leaves out windows beyond these numbers of rows and columns. */
const firstWindows = (y: Node, counts: Pair): Node =>
  [0, 1].reduce((all, i) => ops.narrow(all, 2 + i, 0, counts[i]!), y);

/**
 * Pools with asymmetric padding, which the pooling operations do not have: pools with the padding of the first side on
 * both, in ceil mode if more windows are needed, then crops surplus windows. undefined if that gives too few windows.
 */
function uneven(x: Node, begin: Pair, counts: Pair, pool: Pool): Node | undefined {
  const y = pool(x, begin, true);
  if ([0, 1].some((i) => y.shape[2 + i]! < counts[i]!)) return undefined;
  return firstWindows(y, counts);
}

/** Pads an image with a constant; the most negative value has no effect on a maximum. */
function surrounded(x: Node, pads: readonly [Side, Side], value: number): Node {
  const around = padded(x, pads);
  if (value === 0) return around;
  const [h, w] = x.shape.slice(2) as [number, number];
  const inside = padded(ops.broadcastTo(scalarLeaf(1), [1, 1, h, w]), pads);
  return ops.where(inside, around, scalarLeaf(value));
}

/** Means of windows with gaps: a convolution of each channel, divided by the number of elements that count. */
function dilatedMean(
  x: Node,
  { kernel, stride, dilation }: { readonly kernel: Pair; readonly stride: Pair; readonly dilation: Pair },
  {
    pads,
    counts,
    countIncludePad,
  }: { readonly pads: readonly [Side, Side]; readonly counts: Pair; readonly countIncludePad: boolean },
): Node {
  const [n, c, ...size] = x.shape as [number, number, number, number];
  const around = pads.map(([before], i): Side => {
    const last = (counts[i]! - 1) * stride[i]! + dilation[i]! * (kernel[i]! - 1) + 1;
    return [before, last - size[i]! - before];
  }) as unknown as readonly [Side, Side];
  const counted = pads.map(([before, behind], i): Side => {
    const more = countIncludePad ? Math.min(behind, around[i]![1]) : Math.min(0, around[i]![1]);
    return [countIncludePad ? before : 0, more];
  }) as unknown as readonly [Side, Side];
  const ones = (shape: readonly number[]): Node => ops.broadcastTo(scalarLeaf(1), shape);
  const area = ones([1, 1, ...size.map((cells, i) => cells + counted[i]![0] + counted[i]![1])]);
  const mask = padded(
    area,
    around.map(
      ([before, behind], i): Side => [before - counted[i]![0], behind - counted[i]![1]],
    ) as unknown as readonly [Side, Side],
  );
  const sums = (v: Node): Node => ops.conv2d(v, ones([1, 1, ...kernel]), undefined, { stride, dilation });
  const planes = ops.reshape(x, [n * c, 1, ...size]);
  const means = ops.div(sums(padded(planes, around)), sums(mask));
  return ops.reshape(means, [n, c, ...counts]);
}

const pooling = (operator: Operator, kind: 'max' | 'average' | 'power'): ReturnType<Rule> => {
  operator.arity(1);
  const sizes = operator.ints('kernel_shape');
  if (!sizes) operator.refuse('attribute "kernel_shape"', 'a window’s size', 'none');
  if (sizes.length < 1 || sizes.length > 2 || !sizes.every((v) => isInteger(v, 1)))
    operator.refuse(
      'attribute "kernel_shape"',
      'one or two whole numbers of at least 1',
      `[${sizes.slice(0, 10).join(', ')}]`,
      'only one- and two-dimensional windows are supported',
    );
  const window = windowOf(operator)(sizes.length);
  const kernel = asPair(sizes, 1);
  const [stride, dilation] = [asPair(window.stride, 1), asPair(window.dilation, 1)];
  const ceilMode = operator.int('ceil_mode', 0) !== 0;
  const countIncludePad = kind === 'average' && operator.int('count_include_pad', 0) !== 0;
  const p = kind === 'power' ? operator.int('p', 2) : 1;
  if (kind === 'max') operator.ignore('storage_order');
  else if (kind === 'power' && dilation.some((d) => d !== 1))
    operator.refuse('attribute "dilations"', '1 × 1', dilation.join(' × '));
  const padsOf = padding(operator);
  const area = kernel[0] * kernel[1];

  /** Number of windows; in ceil mode none begins in the padding behind the image. */
  const countsOf = (size: readonly number[], pads: readonly [Side, Side]): Pair =>
    [0, 1].map((i) => {
      const [before, behind] = pads[i]!;
      const span = size[i]! + before + behind - dilation[i]! * (kernel[i]! - 1) - 1;
      const count = (ceilMode ? Math.ceil : Math.floor)(span / stride[i]!) + 1;
      return ceilMode && (count - 1) * stride[i]! >= size[i]! + before ? count - 1 : count;
    }) as unknown as Pair;
  /** Padding with which the last window lies inside the image. */
  const reachOf = (
    size: readonly number[],
    pads: readonly [Side, Side],
    counts: Pair,
  ): readonly [Side, Side] =>
    pads.map(([before], i): Side => {
      const last = (counts[i]! - 1) * stride[i]! + dilation[i]! * (kernel[i]! - 1) + 1;
      return [before, Math.max(0, last - size[i]! - before)];
    }) as unknown as readonly [Side, Side];

  const pooled = (images: Node, pads: readonly [Side, Side]): Node => {
    const size = images.shape.slice(2);
    const begin: Pair = [pads[0][0], pads[1][0]];
    const pool: Pool = (input, around, ceil) =>
      kind === 'max'
        ? ops.maxPool2d(input, { kernel, stride, padding: around, dilation, ceilMode: ceil })
        : ops.avgPool2d(input, { kernel, stride, padding: around, ceilMode: ceil, countIncludePad });
    const even = pads.every(([before, behind]) => before === behind);
    const usual = begin.every((before, i) => 2 * before <= kernel[i]!);
    const dense = kind === 'max' || dilation.every((d) => d === 1);
    if (dense && even && usual && !(ceilMode && countIncludePad)) return pool(images, begin, ceilMode);
    const counts = countsOf(size, pads);
    if (!dense) return dilatedMean(images, { kernel, stride, dilation }, { pads, counts, countIncludePad });
    if (kind === 'average' && countIncludePad) {
      // Padding counts in the average; cells beyond it, which the last window may reach, do not.
      const y = ops.avgPool2d(padded(images, pads), { kernel, stride, ceilMode, countIncludePad: false });
      return firstWindows(y, counts);
    }
    const cut = usual ? uneven(images, begin, counts, pool) : undefined;
    if (cut) return cut;
    // More padding than the pooling operation allows: pad explicitly.
    const reach = reachOf(size, pads, counts);
    const most = kind === 'max' ? Number.NEGATIVE_INFINITY : 0;
    const wide = surrounded(images, reach, most);
    const y =
      kind === 'max'
        ? ops.maxPool2d(wide, { kernel, stride, dilation })
        : ops.div(
            ops.avgPool2d(wide, { kernel, stride }),
            ops.avgPool2d(padded(ops.broadcastTo(scalarLeaf(1), [1, 1, ...size]), reach), { kernel, stride }),
          );
    return firstWindows(y, counts);
  };

  /** Whether a window of padding alone has a result: a mean of nothing has none, and a maximum would be -Infinity. */
  const counted = kind === 'power' || countIncludePad;

  return ([x]) => {
    const { images, back } = asImages(operator, x!);
    const sides = x!.shape.slice(2);
    if (sides.length !== sizes.length)
      operator.misfit('its input', `${sizes.length + 2} dimensions`, showShape(x!.shape));
    const pads = asPair<Side>(padsOf(sides, { ...window, kernel: sizes }), [0, 0]);
    if (!counted)
      for (const [i, side] of pads.entries())
        if (side.some((pad) => pad > dilation[i]! * (kernel[i]! - 1)))
          operator.misfit('its pads', `below its window of ${kernel.join(' × ')}`, pads.flat().join(', '));
    if (kind !== 'power') return back(pooled(images, pads));
    const size = images.shape.slice(2);
    const counts = countsOf(size, pads);
    const powers =
      p === 2 ? ops.square(images) : p === 1 ? ops.abs(images) : ops.pow(ops.abs(images), { exponent: p });
    // A sum is the mean times the window size, if padding counts.
    const means = ops.avgPool2d(padded(powers, reachOf(size, pads, counts)), { kernel, stride });
    const sums = ops.scaleBy(firstWindows(means, counts), area);
    return back(p === 2 ? ops.sqrt(sums) : p === 1 ? sums : ops.pow(sums, { exponent: 1 / p }));
  };
};

/** Average over the first of three dimensions, [k, 1, 1]; PyTorch exports local response normalisation that way. */
const averageOfDepth: Rule = (operator) => {
  operator.arity(1);
  const kernel = operator.sizes('kernel_shape', 3, 1)!;
  const strides = operator.sizes('strides', 3, 1) ?? [1, 1, 1];
  const pads = operator.sizes('pads', 6, 0) ?? [0, 0, 0, 0, 0, 0];
  operator.word('auto_pad', ['NOTSET', 'VALID']);
  operator.only('ceil_mode', 0);
  operator.ignore('count_include_pad');
  if ([...kernel.slice(1), ...strides.slice(1)].some((v) => v !== 1) || pads.some((v) => v !== 0))
    operator.refuse('a window of three dimensions', '[k, 1, 1] without padding', `[${kernel.join(', ')}]`);
  return ([x]) => {
    const { shape } = x!;
    if (shape.length !== 5) operator.misfit('its input', '[N, C, D, H, W]', showShape(shape));
    const [n, c, d, h, w] = shape as [number, number, number, number, number];
    const flat = ops.avgPool2d(ops.reshape(x!, [n, c, d, h * w]), {
      kernel: [kernel[0]!, 1],
      stride: [strides[0]!, 1],
    });
    return ops.reshape(flat, [n, c, flat.shape[2]!, h, w]);
  };
};

const overAll =
  (pool: (x: Node) => Node): Rule =>
  (operator) => {
    operator.arity(1);
    return ([x]) => {
      if (x!.shape.length < 3) operator.misfit('its input', '[N, C, …]', showShape(x!.shape));
      return pool(x!);
    };
  };

const sidesOf = (x: Node): number[] => x.shape.map((_, i) => i).slice(2);

export const pools: Readonly<Record<string, Rule>> = {
  MaxPool: (operator) => pooling(operator, 'max'),
  AveragePool: (operator) =>
    operator.ints('kernel_shape')?.length === 3 ? averageOfDepth(operator) : pooling(operator, 'average'),
  LpPool: (operator) => pooling(operator, 'power'),
  GlobalAveragePool: overAll((x) =>
    x.shape.length === 4 ? ops.adaptiveAvgPool2d(x, [1, 1]) : ops.mean(x, sidesOf(x), true),
  ),
  GlobalMaxPool: overAll((x) => ops.max(x, sidesOf(x), true)),
};
