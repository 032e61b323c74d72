import type { Node } from '../../graph/node.js';
import { sizeOf } from '../../graph/types.js';
import { naming, need } from '../operation.js';
import { indexSelect } from '../select.js';
import { reshape } from '../shape.js';
import { select, sliced } from './parts.js';
import { unsqueeze } from './views.js';

/** A range of positions: start, end, step. Default, also for null: from the beginning, to the end, every position. */
export type Range = readonly [start?: number | null, end?: number | null, step?: number | null];

/**
 * One part of an index: a position, a range, positions of an int32 value, a new axis (null), or all remaining axes
 * (`...`).
 */
export type Part<T> = number | null | '...' | Range | T;

const isRange = (part: Part<Node>): part is Range => Array.isArray(part);

/** Python's `x[…]`: parts for the axes in order, at most one of them with positions of a value. */
export function pick(x: Node, parts: readonly Part<Node>[]): Node {
  const real = parts.filter((part) => part !== null && part !== '...').length;
  naming('index', [x], () => {
    need(
      real <= x.shape.length,
      () => `parts for at most ${x.shape.length} axes`,
      () => String(real),
    );
    need(parts.filter((part) => part === '...').length <= 1, 'one “...”', 'several');
    const values = parts.filter((part) => typeof part === 'object' && part !== null && !isRange(part));
    need(values.length <= 1, 'positions of one value', () => `${values.length} values`, 'use gather');
  });
  let [y, axis] = [x, 0];
  for (const part of parts) {
    if (part === '...') axis += x.shape.length - real;
    else if (part === null) y = unsqueeze(y, axis++);
    else if (typeof part === 'number') y = select(y, axis, part);
    else if (isRange(part)) {
      const [start, end, step] = part;
      y = sliced(y, axis++, start ?? undefined, end ?? undefined, step ?? undefined);
    } else {
      const chosen = indexSelect(y, reshape(part, [sizeOf(part.shape)]), axis);
      y = reshape(chosen, [...y.shape.slice(0, axis), ...part.shape, ...y.shape.slice(axis + 1)]);
      axis += part.shape.length;
    }
  }
  return y;
}
