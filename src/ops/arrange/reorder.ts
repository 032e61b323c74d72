import { hostLeaf, type Node } from '../../graph/node.js';
import { normalizeAxes } from '../operation.js';
import { concat, indexSelect } from '../select.js';
import { narrow } from './slice.js';

/** The positions of the given axes in reverse order. */
export function flipAlong(x: Node, axes: readonly number[]): Node {
  return normalizeAxes('flip', x, axes).reduce((y, axis) => {
    const size = y.shape[axis]!;
    if (size < 2) return y;
    const back = Int32Array.from({ length: size }, (_, i) => size - 1 - i);
    return indexSelect(y, hostLeaf(back, [size], 'int32'), axis);
  }, x);
}

/** Moves the positions of each axis on by a shift; those beyond the end come in at the beginning. */
export function roll(x: Node, shifts: readonly number[], axes: readonly number[]): Node {
  return normalizeAxes('roll', x, axes).reduce((y, axis, i) => {
    const size = y.shape[axis]!;
    const shift = size === 0 ? 0 : ((shifts[i]! % size) + size) % size;
    if (shift === 0) return y;
    return concat([narrow(y, axis, size - shift, shift), narrow(y, axis, 0, size - shift)], axis);
  }, x);
}
