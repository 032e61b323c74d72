import { isInteger } from '../../../errors/arguments.js';
import { hostLeaf, type Node } from '../../../graph/node.js';
import { showShape } from '../../../graph/types.js';
import type { Pair } from '../../../ops/conv2d.js';
import * as ops from '../../../ops/index.js';
import { MOST_KNOWN } from './fold.js';
import type { Operator } from './operator.js';
import { checkSize, misfit } from './refuse.js';

/** Padding before and after a spatial dimension. */
export type Side = readonly [number, number];
export type Pads = readonly Side[];

/** Window parameters of convolutions and poolings, one value per spatial dimension. */
export interface Geometry {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
}

/** Reads `pads` and `auto_pad`. @returns a function from the image size to the padding */
export function padding(operator: Operator): (size: readonly number[], geometry: Geometry) => Pads {
  const auto = operator.word('auto_pad', ['NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER']);
  const explicit = operator.ints('pads');
  if (explicit && !explicit.every((v) => isInteger(v)))
    operator.refuse('attribute "pads"', 'numbers of at least 0', explicit.slice(0, 10).join(', '));
  return (size, { kernel, stride, dilation }) => {
    if (auto === 'NOTSET' && explicit && explicit.length !== 2 * size.length)
      operator.misfit('attribute "pads"', `${2 * size.length} numbers`, String(explicit.length));
    return size.map((cells, i) => {
      if (auto === 'VALID') return [0, 0];
      if (auto === 'NOTSET') return [explicit?.[i] ?? 0, explicit?.[i + size.length] ?? 0];
      // SAME: ceil(size / stride) windows; an odd cell of padding goes to the end (SAME_UPPER) or the beginning.
      const windows = Math.ceil(cells / stride[i]!);
      const span = (kernel[i]! - 1) * dilation[i]! + 1;
      const total = Math.max(0, (windows - 1) * stride[i]! + span - cells);
      const less = Math.floor(total / 2);
      return auto === 'SAME_UPPER' ? [less, total - less] : [total - less, less];
    });
  };
}

/** Reads `strides` and `dilations`. @returns a function from the number of spatial dimensions to both */
export function windowOf(operator: Operator): (sides: number) => Omit<Geometry, 'kernel'> {
  const read = (name: string) => {
    const given = operator.ints(name);
    if (given && !given.every((v) => isInteger(v, 1)))
      operator.refuse(`attribute "${name}"`, 'numbers of at least 1', given.slice(0, 10).join(', '));
    return (sides: number): readonly number[] => {
      if (given && given.length !== sides)
        operator.misfit(`attribute "${name}"`, `${sides} numbers`, String(given.length));
      return given ?? Array.from({ length: sides }, () => 1);
    };
  };
  const [stride, dilation] = [read('strides'), read('dilations')];
  return (sides) => ({ stride: stride(sides), dilation: dilation(sides) });
}

/** Values for height and width; sequences are treated as images of one row. */
export const asPair = <T>(values: readonly T[], row: T): readonly [T, T] =>
  values.length === 1 ? [row, values[0]!] : [values[0]!, values[1]!];

/**
 * Returns images [N, C, H, W] unchanged and sequences [N, C, L] as images of one row, with a function that converts a
 * result back.
 *
 * @throws ShapeError for other numbers of dimensions
 */
export function asImages(operator: Operator, x: Node): { images: Node; back: (y: Node) => Node } {
  const { shape } = x;
  if (shape.length === 4) return { images: x, back: (y) => y };
  if (shape.length !== 3)
    operator.misfit('its input', 'images [N, C, H, W] or sequences [N, C, L]', showShape(shape));
  const [n, c, length] = shape as [number, number, number];
  return {
    images: ops.reshape(x, [n, c, 1, length]),
    back: (y) => ops.reshape(y, [y.shape[0]!, y.shape[1]!, y.shape[3]!]),
  };
}

/**
 * Pads images [N, C, H, W] with zeros; negative padding crops. The crop treats N × C planes as the channels of one
 * image, because the crop operation takes a position per image.
 */
export function padded(x: Node, [[top, bottom], [left, right]]: readonly [Side, Side]): Node {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const size: Pair = [h + top + bottom, w + left + right];
  checkSize([n, c, ...size]);
  const place = hostLeaf(Int32Array.of(-top, -left), [1, 2], 'int32');
  return ops.reshape(ops.crop(ops.reshape(x, [1, n * c, h, w]), place, size), [n, c, ...size]);
}

/** Gathers `length` positions of an axis: position i of the result is position `from(i)` of x. */
export function picks(x: Node, axis: number, length: number, from: (i: number) => number): Node {
  if (length > MOST_KNOWN)
    misfit('positions of an axis that are taken one by one', `at most ${MOST_KNOWN}`, String(length));
  const positions = Int32Array.from({ length }, (_, i) => from(i));
  return ops.indexSelect(x, hostLeaf(positions, [length], 'int32'), axis);
}
