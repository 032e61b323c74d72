import { hostLeaf, type Node, scalarLeaf } from '../../graph/node.js';
import { naming, need } from '../operation.js';
import { concat, indexSelect } from '../select.js';
import { broadcastTo } from '../shape.js';
import { narrow } from './slice.js';

export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular';

/** Index of the element that is copied to position i outside of an axis. */
const SOURCE: Readonly<Record<Exclude<PadMode, 'constant'>, (i: number, size: number) => number>> = {
  replicate: (i, size) => Math.max(0, Math.min(size - 1, i)),
  circular: (i, size) => (i + size) % size,
  reflect: (i, size) => (i < 0 ? -i : i < size ? i : 2 * (size - 1) - i),
};

/** How many positions each mode can add at one end. */
const MOST: Readonly<Record<PadMode, (size: number) => number>> = {
  constant: () => Number.POSITIVE_INFINITY,
  replicate: (size) => (size > 0 ? Number.POSITIVE_INFINITY : 0),
  circular: (size) => size,
  reflect: (size) => size - 1,
};

/**
 * Pads the last axes, as PyTorch's `F.pad`: `pads` are the numbers of positions before and after the last axis, then
 * the one before it, and so on. Negative numbers cut off.
 */
export function pad(x: Node, pads: readonly number[], mode: PadMode = 'constant', value = 0): Node {
  naming('pad', [x], () => {
    need(
      pads.length % 2 === 0 && pads.length <= 2 * x.shape.length && pads.every(Number.isInteger),
      () => `pairs of numbers for at most ${x.shape.length} axes, the last axis first`,
      pads,
    );
    need(Object.hasOwn(MOST, mode), Object.keys(MOST).join(', '), () => String(mode));
  });
  let y = x;
  for (let i = 0; i < pads.length; i += 2)
    y = along(y, x.shape.length - 1 - i / 2, [pads[i]!, pads[i + 1]!], mode, value);
  return y;
}

function along(
  x: Node,
  axis: number,
  [before, after]: readonly [number, number],
  mode: PadMode,
  value: number,
): Node {
  const size = x.shape[axis]!;
  const length = size + before + after;
  const [from, kept] = [Math.max(0, -before), size + Math.min(0, before) + Math.min(0, after)];
  // As in PyTorch, circular padding goes around what is left after cutting off.
  const most = MOST[mode](mode === 'circular' ? kept : size);
  naming('pad', [x], () => {
    // Zeros may be cut off as well: the gradient of a window that lies in the padding is such a result.
    const left = mode === 'constant' && value === 0 ? length : kept;
    need(
      left >= 0,
      () => `to cut off at most ${size} positions of axis ${axis}`,
      () => String(size - left),
    );
    need(
      Math.max(before, after) <= most,
      () => `at most ${most} positions at an end of axis ${axis} (${mode})`,
      () => `${Math.max(before, after)}`,
    );
  });
  if (before === 0 && after === 0) return x;
  if (mode === 'circular' && kept < size)
    return along(narrow(x, axis, from, kept), axis, [Math.max(0, before), Math.max(0, after)], mode, value);
  if (mode !== 'constant') {
    const sources = Int32Array.from({ length }, (_, i) => SOURCE[mode](i - before, size));
    return indexSelect(x, hostLeaf(sources, [length], 'int32'), axis);
  }
  if (value === 0) return narrow(x, axis, -before, length);
  const middle = narrow(x, axis, from, kept);
  const filled = (count: number): Node[] => {
    if (count <= 0) return [];
    const one = scalarLeaf(value, x.dtype);
    return [
      broadcastTo(
        one,
        x.shape.map((d, i) => (i === axis ? count : d)),
      ),
    ];
  };
  return concat([...filled(before), middle, ...filled(after)], axis);
}
