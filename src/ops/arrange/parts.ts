import { hostLeaf, type Node } from '../../graph/node.js';
import { sameShape, showShape } from '../../graph/types.js';
import { naming, need, normalizeAxis } from '../operation.js';
import { concat, indexSelect } from '../select.js';
import { reshape } from '../shape.js';
import { narrow } from './slice.js';
import { unsqueeze } from './views.js';

/* Joins and splits tensors along one axis. */

/** Joins tensors of one shape along a new axis. */
export function stack(inputs: readonly Node[], axis = 0): Node {
  const [first] = inputs;
  return naming('stack', inputs, () => {
    need(first !== undefined, 'at least one tensor', 'none');
    for (const { shape } of inputs)
      need(sameShape(shape, first.shape), () => `tensors of one shape (${showShape(first.shape)})`, shape);
    const at = normalizeAxis('stack', first, axis, first.shape.length + 1);
    return concat(
      inputs.map((x) => unsqueeze(x, at)),
      at,
    );
  });
}

/** Parts of `size` positions each, the last one possibly smaller; or parts of the given sizes. */
export function split(x: Node, size: number | readonly number[], axis = 0): Node[] {
  const at = normalizeAxis('split', x, axis);
  const whole = x.shape[at]!;
  naming('split', [x], () =>
    need(typeof size === 'number' || Array.isArray(size), 'a size, or a list of sizes', () => String(size)),
  );
  const sizes = typeof size === 'number' ? partsOf(x, whole, size) : checkedParts(x, whole, size);
  let start = 0;
  return sizes.map((length) => {
    const part = narrow(x, at, start, length);
    start += length;
    return part;
  });
}

function partsOf(x: Node, whole: number, size: number): number[] {
  naming('split', [x], () =>
    need(Number.isInteger(size) && size >= 1, 'parts of at least 1 position', () => String(size)),
  );
  const count = Math.max(1, Math.ceil(whole / size));
  return Array.from({ length: count }, (_, i) => Math.min(size, whole - i * size));
}

function checkedParts(x: Node, whole: number, sizes: readonly number[]): readonly number[] {
  naming('split', [x], () =>
    need(
      sizes.every((d) => Number.isInteger(d) && d >= 0) && sizes.reduce((a, b) => a + b, 0) === whole,
      () => `sizes that make ${whole} together`,
      sizes,
    ),
  );
  return sizes;
}

/** At most `chunks` parts of one size, the last one possibly smaller. */
export function chunk(x: Node, chunks: number, axis = 0): Node[] {
  const at = normalizeAxis('chunk', x, axis);
  naming('chunk', [x], () =>
    need(Number.isInteger(chunks) && chunks >= 1, 'at least 1 chunk', () => String(chunks)),
  );
  return split(x, Math.max(1, Math.ceil(x.shape[at]! / chunks)), at);
}

/** The slice at one position of an axis, without that axis. A negative position counts from the end. */
export function select(x: Node, axis: number, index: number): Node {
  const at = normalizeAxis('select', x, axis);
  const size = x.shape[at]!;
  const position = index < 0 ? index + size : index;
  naming('select', [x], () =>
    need(
      Number.isInteger(index) && position >= 0 && position < size,
      () => `a position in [${-size}, ${size - 1}]`,
      () => String(index),
    ),
  );
  return reshape(
    narrow(x, at, position, 1),
    x.shape.filter((_, i) => i !== at),
  );
}

/** Slices along an axis, each without that axis. */
export function unbind(x: Node, axis = 0): Node[] {
  const at = normalizeAxis('unbind', x, axis);
  return Array.from({ length: x.shape[at]! }, (_, i) => select(x, at, i));
}

/**
 * Every `step`-th position of an axis from `start` up to `end`, as `x[start:end:step]` in Python: negative numbers
 * count from the end, and positions outside of the axis are ignored.
 */
export function sliced(x: Node, axis: number, start = 0, end = Number.POSITIVE_INFINITY, step = 1): Node {
  const at = normalizeAxis('slice', x, axis);
  const size = x.shape[at]!;
  naming('slice', [x], () => {
    need(Number.isInteger(step) && step >= 1, 'a step of at least 1', () => String(step));
    for (const bound of [start, end])
      need(Number.isInteger(bound) || bound === Number.POSITIVE_INFINITY, 'whole numbers', () =>
        String(bound),
      );
  });
  const place = (bound: number): number => Math.min(size, Math.max(0, bound < 0 ? bound + size : bound));
  const [from, to] = [place(start), place(end)];
  const length = Math.max(0, to - from);
  if (step === 1) return narrow(x, at, from, length);
  const positions = Int32Array.from({ length: Math.ceil(length / step) }, (_, i) => from + i * step);
  return indexSelect(x, hostLeaf(positions, [positions.length], 'int32'), at);
}
