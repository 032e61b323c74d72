import { CheckpointError, ShapeError } from '../../../errors/errors.js';

/** Ends the reading of a file. {@link importOnnx} puts the file's name in front. @throws CheckpointError */
export function refuse(what: string, expected?: string, got?: string, next?: string): never {
  throw new CheckpointError({
    what,
    ...(expected === undefined ? {} : { expected }),
    ...(got === undefined ? {} : { got }),
    ...(next === undefined ? {} : { next }),
  });
}

/** Ends a pass through a graph that a shape or a value does not fit. @throws ShapeError */
export function misfit(what: string, expected: string, got: string, next?: string): never {
  throw new ShapeError({ what, expected, got, ...(next === undefined ? {} : { next }) });
}

/** Most elements of one value: 8 GB of float32. Paddings and expansions could otherwise ask for anything. */
const MAX_ELEMENTS = 2 ** 31;

/** @throws ShapeError for a value that is too large to be meant */
export function checkSize(shape: readonly number[]): void {
  if (!(shape.reduce((a, b) => a * b, 1) <= MAX_ELEMENTS))
    misfit('a value is too large', `at most ${MAX_ELEMENTS} elements`, shape.join(' × '));
}

/** Longest text of a file that a message repeats. */
const SHOWN = 80;

/** A text from a file, for a message: cut, quoted, and without anything that a terminal would obey. */
export function quoted(text: string): string {
  const cut = text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
  return JSON.stringify(cut).replaceAll(/\p{Cc}/gu, '?');
}
