import { type Node, scalarLeaf } from '../graph/node.js';
import { type Shape, sameShape } from '../graph/types.js';
import { pad } from './arrange/pad.js';
import { sliced } from './arrange/parts.js';
import { equal, less } from './binary.js';
import { checkPair, type Pair, windows } from './conv2d.js';
import { define, floatOf, type NodeMaker, need, needRank } from './operation.js';
import { where } from './select.js';

export type MaxPoolAttrs = {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly ceilMode: boolean;
};
export type AvgPoolAttrs = {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;
};

type Windowed = Omit<MaxPoolAttrs, 'dilation'> & { readonly dilation?: Pair };

function pooledShape(x: Shape, { kernel, stride, padding, dilation = [1, 1], ceilMode }: Windowed): Shape {
  checkPair('kernel', kernel, 1);
  checkPair('stride', stride, 1);
  checkPair('padding', padding, 0);
  need(
    padding.every((p, i) => 2 * p <= kernel[i]!),
    'padding of at most half the kernel',
    padding.join('×'),
  );
  const out = [0, 1].map((i) => {
    const size = x[2 + i]!;
    const span = size + 2 * padding[i]! - dilation[i]! * (kernel[i]! - 1) - 1;
    if (!ceilMode) return windows(size, kernel[i]!, stride[i]!, padding[i]!, dilation[i]!);
    const count = Math.ceil(span / stride[i]!) + 1;
    // The last window must start inside the image or its left padding, as in PyTorch.
    return (count - 1) * stride[i]! >= size + padding[i]! ? count - 1 : count;
  });
  need(
    out[0]! >= 1 && out[1]! >= 1,
    () => `an image at least as large as the window, ${kernel.join('×')}`,
    () => `${x[2]}×${x[3]}`,
  );
  return [x[0]!, x[1]!, ...out];
}

/** The elements of `h` where x has the first maximum of each window; both have the same shape. */
function atMaxima(h: Node, x: Node, shape: Shape, { kernel, stride, padding, dilation }: MaxPoolAttrs): Node {
  const [rows, columns] = [0, 1].map((i) => {
    const first = shape[2 + i]! - 1;
    const end = first * stride[i]! + dilation[i]! * (kernel[i]! - 1) + 1;
    return { length: first * stride[i]! + 1, more: end - padding[i]! - x.shape[2 + i]! };
  }) as [{ length: number; more: number }, { length: number; more: number }];
  const padded = (v: Node, value: number): Node =>
    pad(v, [padding[1], columns.more, padding[0], rows.more], 'constant', value);
  const [values, others] = [padded(x, Number.NEGATIVE_INFINITY), padded(h, 0)];
  let found: { best: Node; at: Node } | undefined;
  for (let i = 0; i < kernel[0]; i++)
    for (let j = 0; j < kernel[1]; j++) {
      const [top, left] = [i * dilation[0], j * dilation[1]];
      const [value, other] = [values, others].map((v) =>
        sliced(sliced(v, 2, top, top + rows.length, stride[0]), 3, left, left + columns.length, stride[1]),
      ) as [Node, Node];
      if (!found) found = { best: value, at: other };
      else {
        // NaN counts as the largest; of several, the last one.
        const larger = where(equal(value, value), less(found.best, value), scalarLeaf(1, value.dtype));
        found = { best: where(larger, value, found.best), at: where(larger, other, found.at) };
      }
    }
  return found!.at;
}

const maxBackward: NodeMaker<MaxPoolAttrs> = define<MaxPoolAttrs>({
  name: 'maxPool2dGrad',
  infer: ([grad, x]) => ({ shape: x!.shape, dtype: floatOf(grad, x) }),
  // It only moves the gradient, so it depends on x by steps.
  gradient: (node, g) => {
    const [grad, x] = node.inputs as [Node, Node];
    return [atMaxima(g, x, grad.shape, node.attrs as MaxPoolAttrs), null];
  },
});
const maxForward: NodeMaker<MaxPoolAttrs> = define<MaxPoolAttrs>({
  name: 'maxPool2d',
  infer: ([x], attrs) => {
    needRank(x!, 4, 'images [N, C, H, W]');
    checkPair('dilation', attrs.dilation, 1);
    return { shape: pooledShape(x!.shape, attrs), dtype: floatOf(x) };
  },
  gradient: (node, grad) => [maxBackward([grad, node.inputs[0]!], node.attrs as MaxPoolAttrs)],
});

/** Largest value of each window. Windows overlap if stride < kernel. The gradient flows to the first maximum, or the last NaN. */
export function maxPool2d(x: Node, attrs: Partial<MaxPoolAttrs> & { kernel: Pair }): Node {
  const { kernel, stride = kernel, padding = [0, 0], dilation = [1, 1], ceilMode = false } = attrs;
  return maxForward([x], { kernel, stride, padding, dilation, ceilMode });
}

type WithShape = AvgPoolAttrs & { readonly shape: readonly number[] };
const avgBackward: NodeMaker<WithShape> = define<WithShape>({
  name: 'avgPool2dGrad',
  infer: ([grad], { shape }) => ({ shape, dtype: floatOf(grad) }),
  gradient: (node, g) => {
    const { kernel, stride, padding, ceilMode, countIncludePad } = node.attrs as WithShape;
    return [avgForward([g], { kernel, stride, padding, ceilMode, countIncludePad })];
  },
});
const avgForward: NodeMaker<AvgPoolAttrs> = define<AvgPoolAttrs>({
  name: 'avgPool2d',
  infer: ([x], attrs) => {
    needRank(x!, 4, 'images [N, C, H, W]');
    return { shape: pooledShape(x!.shape, attrs), dtype: floatOf(x) };
  },
  gradient: (node, grad) => [
    avgBackward([grad], { ...(node.attrs as AvgPoolAttrs), shape: node.inputs[0]!.shape }),
  ],
});

/** Mean of each window; padding counts as zeros unless `countIncludePad` is false. */
export function avgPool2d(x: Node, attrs: Partial<AvgPoolAttrs> & { kernel: Pair }): Node {
  const { kernel, stride = kernel, padding = [0, 0], ceilMode = false, countIncludePad = true } = attrs;
  return avgForward([x], { kernel, stride, padding, ceilMode, countIncludePad });
}

type Sized = { readonly size: Pair };
const adaptiveBackward: NodeMaker<Sized & { readonly shape: readonly number[] }> = define<
  Sized & { readonly shape: readonly number[] }
>({
  name: 'adaptiveAvgPool2dGrad',
  infer: ([grad], { shape }) => ({ shape, dtype: floatOf(grad) }),
  gradient: (node, g) => [adaptiveForward([g], { size: node.attrs.size as unknown as Pair })],
});
const adaptiveForward: NodeMaker<Sized> = define<Sized>({
  name: 'adaptiveAvgPool2d',
  infer: ([x], { size }) => {
    needRank(x!, 4, 'images [N, C, H, W]');
    checkPair('size', size, 1);
    need(x!.shape[2]! > 0 && x!.shape[3]! > 0, 'images of at least one pixel', x!.shape);
    return { shape: [x!.shape[0]!, x!.shape[1]!, ...size], dtype: floatOf(x) };
  },
  gradient: (node, grad) => [
    adaptiveBackward([grad], { size: node.attrs.size as unknown as Pair, shape: node.inputs[0]!.shape }),
  ],
});

/** Mean of the bins [⌊i·H/h⌋, ⌈(i+1)·H/h⌉), as in PyTorch: an image of any size becomes h × w. */
export function adaptiveAvgPool2d(x: Node, size: Pair): Node {
  // Bins of one cell each are the identity.
  return x.shape.length === 4 && sameShape(x.shape.slice(2), size) ? x : adaptiveForward([x], { size });
}
