import type { Node } from '../graph/node.js';
import { type Shape, sameShape, showShape, sizeOf } from '../graph/types.js';
import { pad } from './arrange/pad.js';
import { add } from './binary.js';
import { define, floatOf, type NodeMaker, naming, need, needRank } from './operation.js';
import { sum } from './reduce.js';
import { reshape } from './shape.js';

export type Pair = readonly [number, number];
/** One number for both dimensions, or [height, width]. */
export const pair = (size: number | Pair): Pair => (typeof size === 'number' ? [size, size] : size);
export type Conv2dAttrs = {
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly groups: number;
};
type WithShape = Conv2dAttrs & { readonly shape: readonly number[] };

/** Number of positions of a window that slides over `size` cells: ⌊(size + 2p − d(k − 1) − 1) / s⌋ + 1. */
export const windows = (
  size: number,
  kernel: number,
  stride: number,
  padding: number,
  dilation: number,
): number => Math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;

export function checkPair(name: string, values: readonly number[], least: number): void {
  need(
    values.length === 2 && values.every((v) => Number.isInteger(v) && v >= least),
    () => `${name} of two integers of at least ${least}`,
    values,
  );
}

function convolvedShape(x: Shape, w: Shape, { stride, padding, dilation, groups }: Conv2dAttrs): Shape {
  checkPair('stride', stride, 1);
  checkPair('padding', padding, 0);
  checkPair('dilation', dilation, 1);
  need(Number.isInteger(groups) && groups >= 1, 'groups of at least 1', () => String(groups));
  const [n, c, h, width] = x as [number, number, number, number];
  const [out, inPerGroup, kh, kw] = w as [number, number, number, number];
  need(
    c === inPerGroup * groups,
    () => `${inPerGroup * groups} input channels${groups > 1 ? ` (${groups} groups)` : ''}`,
    () => String(c),
  );
  need(
    out % groups === 0,
    () => `a number of output channels divisible by groups (${groups})`,
    () => String(out),
  );
  const oh = windows(h, kh, stride[0], padding[0], dilation[0]);
  const ow = windows(width, kw, stride[1], padding[1], dilation[1]);
  need(
    oh >= 1 && ow >= 1,
    () => `an image at least as large as the kernel, ${kh}×${kw}`,
    () => `${h}×${width}`,
    'use a larger image or more padding',
  );
  return [n, out, oh, ow];
}

/** A gradient has the shape of the convolution's result, otherwise the gradients of its own gradient would not fit. */
const needWindows = (grad: Shape, result: Shape): void =>
  need(sameShape(grad, result), () => `a gradient ${showShape(result)}`, grad);

const convMacs = (w: Shape, out: Shape): number => (sizeOf(out) * sizeOf(w)) / w[0]!;

const gradInput: NodeMaker<WithShape> = define<WithShape>({
  name: 'conv2dGradInput',
  infer: ([grad, w], { shape, ...attrs }) => {
    needWindows(grad!.shape, convolvedShape(shape, w!.shape, attrs));
    return { shape, dtype: floatOf(grad, w) };
  },
  gradient: (node, g) => {
    const [grad, w] = node.inputs as [Node, Node];
    const attrs = plain(node.attrs as WithShape);
    return [forward([g, w], attrs), gradWeight([grad, g], { ...attrs, shape: w.shape })];
  },
  macs: ([grad, w]) => convMacs(w!.shape, grad!.shape),
});

const gradWeight: NodeMaker<WithShape> = define<WithShape>({
  name: 'conv2dGradWeight',
  infer: ([grad, x], { shape, ...attrs }) => {
    needWindows(grad!.shape, convolvedShape(x!.shape, shape, attrs));
    return { shape, dtype: floatOf(grad, x) };
  },
  gradient: (node, g) => {
    const [grad, x] = node.inputs as [Node, Node];
    const attrs = plain(node.attrs as WithShape);
    return [forward([x, g], attrs), gradInput([grad, g], { ...attrs, shape: x.shape })];
  },
  macs: ([grad], _out, { shape }) => convMacs(shape, grad!.shape),
});

const plain = ({ stride, padding, dilation, groups }: Conv2dAttrs): Conv2dAttrs => ({
  stride,
  padding,
  dilation,
  groups,
});

const forward: NodeMaker<Conv2dAttrs> = define<Conv2dAttrs>({
  name: 'conv2d',
  infer: ([x, w, b], attrs) => {
    needRank(x!, 4, 'images [N, C, H, W]');
    needRank(w!, 4, 'weights [out, in / groups, kH, kW]');
    need(!b || sameShape(b.shape, [w!.shape[0]!]), () => `a bias [${w!.shape[0]}]`, b?.shape ?? '');
    return { shape: convolvedShape(x!.shape, w!.shape, attrs), dtype: floatOf(x, w, b) };
  },
  gradient: (node, grad) => {
    const [x, w, b] = node.inputs as [Node, Node, Node | undefined];
    const attrs = node.attrs as Conv2dAttrs;
    const both = [
      gradInput([grad, w], { ...attrs, shape: x.shape }),
      gradWeight([grad, x], { ...attrs, shape: w.shape }),
    ];
    return b ? [...both, sum(grad, [0, 2, 3])] : both;
  },
  macs: ([, w], output) => convMacs(w!.shape, output.shape),
});

/**
 * Two-dimensional cross-correlation, as in every deep-learning library.
 * @param x [N, C, H, W] @param w [out, C / groups, kH, kW] @param b [out]
 * @returns [N, out, H', W'] with H' = ⌊(H + 2p − d(kH − 1) − 1) / s⌋ + 1
 */
export function conv2d(x: Node, w: Node, b: Node | undefined, attrs: Partial<Conv2dAttrs> = {}): Node {
  const { stride = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1 } = attrs;
  return forward(b ? [x, w, b] : [x, w], { stride, padding, dilation, groups });
}

export type ConvTranspose2dAttrs = Conv2dAttrs & { readonly outputPadding: Pair };

/**
 * Transposed convolution: the gradient of {@link conv2d} with respect to its input, as an operation.
 * @param x [N, C, H, W] @param w [C, out / groups, kH, kW] @param b [out]
 * @returns [N, out, H', W'] with H' = (H − 1)·s − 2p + d(kH − 1) + outputPadding + 1
 */
export function convTranspose2d(
  x: Node,
  w: Node,
  b: Node | undefined,
  attrs: Partial<ConvTranspose2dAttrs> = {},
): Node {
  const { stride = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1, outputPadding = [0, 0] } = attrs;
  const shape = naming('convTranspose2d', b ? [x, w, b] : [x, w], () => {
    needRank(x, 4, 'images [N, C, H, W]');
    needRank(w, 4, 'weights [C, out / groups, kH, kW]');
    checkPair('stride', stride, 1);
    checkPair('padding', padding, 0);
    checkPair('dilation', dilation, 1);
    checkPair('outputPadding', outputPadding, 0);
    need(Number.isInteger(groups) && groups >= 1, 'groups of at least 1', () => String(groups));
    const [n, c, ...size] = x.shape as [number, number, number, number];
    need(
      c === w.shape[0],
      () => `${w.shape[0]} input channels`,
      () => String(c),
    );
    need(
      c % groups === 0,
      () => `a number of input channels divisible by groups (${groups})`,
      () => String(c),
    );
    need(
      outputPadding.every((p, i) => p < Math.max(stride[i]!, dilation[i]!)),
      'an outputPadding smaller than the stride or the dilation',
      outputPadding,
    );
    const out = w.shape[1]! * groups;
    need(!b || sameShape(b.shape, [out]), () => `a bias [${out}]`, b?.shape ?? '');
    const large = size.map(
      (d, i) =>
        (d - 1) * stride[i]! - 2 * padding[i]! + dilation[i]! * (w.shape[i + 2]! - 1) + outputPadding[i]! + 1,
    );
    need(
      large.every((d) => d >= 1),
      'a result of at least one pixel',
      large,
      'use less padding',
    );
    return [n, out, ...large];
  });
  // Beyond the stride, outputPadding makes room for further windows, over which the convolution would slide too.
  const more = outputPadding.map((p, i) => Math.floor(p / stride[i]!));
  const wide = more.some((n) => n > 0) ? pad(x, [0, more[1]!, 0, more[0]!]) : x;
  const y = gradInput([wide, w], { stride, padding, dilation, groups, shape });
  return b ? add(y, reshape(b, [b.shape[0]!, 1, 1])) : y;
}
