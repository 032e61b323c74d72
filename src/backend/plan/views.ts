import { type Shape, sizeOf } from '../../graph/types.js';

/** One dimension: its size, and the distance between its elements. */
export interface Axis {
  readonly size: number;
  readonly stride: number;
}

/**
 * Elements of a row-major value, in an order of their own: row-major over `axes`, whose sizes need not be those of a
 * node's shape, but have the same product. Axes of size 1 are left out.
 */
export interface View {
  /** The node whose value is read. */
  readonly base: number;
  /** The first element. */
  readonly offset: number;
  readonly axes: readonly Axis[];
}

/** All axes of a row-major value of this shape. */
export const axesOf = (shape: Shape): Axis[] =>
  shape.flatMap((size, i) => (size === 1 ? [] : [{ size, stride: sizeOf(shape.slice(i + 1)) }]));

/**
 * The axes, divided so that each belongs to one dimension of `shape`, which has as many elements. Returns the axes of each
 * dimension; undefined if an axis reaches across a boundary at which it cannot be divided.
 */
export function dividedAxes(axes: readonly Axis[], shape: Shape): Axis[][] | undefined {
  const left = [...axes];
  const divided: Axis[][] = [];
  for (let d = shape.length - 1; d >= 0; d--) {
    const own: Axis[] = [];
    let missing = shape[d]!;
    while (missing > 1) {
      const axis = left.pop();
      if (!axis) return undefined;
      const { size, stride } = axis;
      if (size > missing) {
        if (size % missing !== 0) return undefined;
        own.unshift({ size: missing, stride });
        left.push({ size: size / missing, stride: stride * missing });
        missing = 1;
      } else {
        if (missing % size !== 0) return undefined;
        own.unshift(axis);
        missing /= size;
      }
    }
    divided.unshift(own);
  }
  return divided;
}

/** A view with the dimensions of `shape` in another order. */
export function permuted(view: View, shape: Shape, order: readonly number[]): View | undefined {
  const own = dividedAxes(view.axes, shape);
  return own && { ...view, axes: order.flatMap((axis) => own[axis]!) };
}

/** `length` positions of a dimension of `shape`, from `start` on. */
export function sliced(
  view: View,
  shape: Shape,
  { axis, start, length }: { axis: number; start: number; length: number },
): View | undefined {
  const own = dividedAxes(view.axes, shape);
  if (!own) return undefined;
  const [only, ...more] = own[axis]!;
  if (!only) return view;
  if (more.length > 0) return undefined;
  own[axis] = length === 1 ? [] : [{ size: length, stride: only.stride }];
  return { ...view, offset: view.offset + start * only.stride, axes: own.flat() };
}
