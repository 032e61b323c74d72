import { printable } from '../../errors/printable.js';
import { shellWord } from '../../errors/shell-word.js';

/** How this program was called: through npm in a clone, or by its name. */
const PROGRAM = process.env.npm_lifecycle_event ? 'npm run paperweight --' : 'paperweight';

/** A command of this program for the user to copy, with each word as the system's shell reads it back. */
export const ownCommand = (...words: readonly string[]): string =>
  [PROGRAM, ...words.map((word) => shellWord(printable(word)))].join(' ');
