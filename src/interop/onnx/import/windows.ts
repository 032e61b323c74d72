import { hostLeaf, type Node } from '../../../graph/node.js';
import { sizeOf } from '../../../graph/types.js';
import type { Pair } from '../../../ops/conv2d.js';
import * as ops from '../../../ops/index.js';
import type { Operator } from './operator.js';
import { checkSize } from './refuse.js';

/** Cells around an image: top, left, bottom, right. */
export type Pads = readonly [number, number, number, number];

/** What a convolution and a pooling have in common. */
export interface Geometry {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
}

/** Reads `pads` and `auto_pad`; the result gives the padding of an image of some size. */
export function padding(operator: Operator): (size: readonly number[], geometry: Geometry) => Pads {
  const auto = operator.word('auto_pad', ['NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER']);
  const explicit = (operator.sizes('pads', 4, 0) ?? [0, 0, 0, 0]) as unknown as Pads;
  if (auto === 'NOTSET') return () => explicit;
  if (auto === 'VALID') return () => [0, 0, 0, 0];
  return (size, { kernel, stride, dilation }) => {
    const [vertical, horizontal] = ([0, 1] as const).map((i): Pair => {
      // As many windows as there are whole strides in the image, the odd cell at the end or at the beginning.
      const windows = Math.ceil(size[i]! / stride[i]);
      const span = (kernel[i] - 1) * dilation[i] + 1;
      const total = Math.max(0, (windows - 1) * stride[i] + span - size[i]!);
      const less = Math.floor(total / 2);
      return auto === 'SAME_UPPER' ? [less, total - less] : [total - less, less];
    });
    return [vertical![0], horizontal![0], vertical![1], horizontal![1]];
  };
}

/**
 * Adds zeros around images [N, C, H, W], or takes edges away where a number is negative. The images are cut as
 * the channels of one, since a cut has one place for each image.
 */
export function padded(x: Node, [top, left, bottom, right]: Pads): Node {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const size: Pair = [h + top + bottom, w + left + right];
  checkSize([n, c, ...size]);
  const place = hostLeaf(Int32Array.of(-top, -left), [1, 2], 'int32');
  return ops.reshape(ops.crop(ops.reshape(x, [1, n * c, h, w]), place, size), [n, c, ...size]);
}

/** `length` positions of one axis from `start` on, in a tensor of any rank; what lies outside is 0. */
export function cut(x: Node, axis: number, start: number, length: number): Node {
  const before = sizeOf(x.shape.slice(0, axis));
  const after = sizeOf(x.shape.slice(axis + 1));
  const size = x.shape[axis]!;
  if (start === 0 && length === size) return x;
  // The axis becomes the rows of images with one channel.
  const rows = padded(ops.reshape(x, [before, 1, size, after]), [-start, 0, start + length - size, 0]);
  return ops.reshape(rows, [...x.shape.slice(0, axis), length, ...x.shape.slice(axis + 1)]);
}
