import { CheckpointError, ShapeError } from '../../../errors.js';

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
export function misfit(what: string, expected: string, got: string): never {
  throw new ShapeError({ what, expected, got });
}

/** Longest text of a file that a message repeats. */
const SHOWN = 80;

/** A text from a file, for a message: cut, quoted, and without anything that a terminal would obey. */
export function quoted(text: string): string {
  const cut = text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
  return JSON.stringify(cut).replaceAll(/\p{Cc}/gu, '?');
}
