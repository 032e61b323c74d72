import { CheckpointError, ShapeError } from '../../../errors/errors.js';
import { sizeOf } from '../../../graph/types.js';

/** Rejects a file. {@link importOnnx} adds the file name. @throws CheckpointError */
export function refuse(what: string, expected?: string, got?: string, next?: string): never {
  throw new CheckpointError({
    what,
    ...(expected === undefined ? {} : { expected }),
    ...(got === undefined ? {} : { got }),
    ...(next === undefined ? {} : { next }),
  });
}

/** Rejects a shape or value in a forward pass. @throws ShapeError */
export function misfit(what: string, expected: string, got: string, next?: string): never {
  throw new ShapeError({ what, expected, got, ...(next === undefined ? {} : { next }) });
}

/** Maximum number of elements of a value: 8 GB of float32. Padding and expansion could otherwise exhaust memory. */
const MAX_ELEMENTS = 2 ** 31;

/**
 * Maximum number of elements of a value in a pass over inputs and weights of `given` elements. A file of a few bytes could
 * otherwise fill the memory. Real networks stay far below: a convolution's output has some hundred elements for each of an
 * image.
 */
export const mostElements = (given: number): number =>
  Math.min(MAX_ELEMENTS, Math.max(2 ** 26, 4096 * given));

/** @throws ShapeError for more than {@link MAX_ELEMENTS} elements */
export function checkSize(shape: readonly number[]): void {
  if (!(sizeOf(shape) <= MAX_ELEMENTS))
    misfit('a value is too large', `at most ${MAX_ELEMENTS} elements`, shape.join(' × '));
}
