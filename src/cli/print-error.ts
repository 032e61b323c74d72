import { PaperweightError, UsageError } from '../errors/errors.js';
import { printableLines } from '../errors/printable.js';
import { Interrupted } from './terminal/interrupt.js';

/** Exit codes of the command line; one that a signal has ended has `interruptCode()`. */
export const EXIT = { done: 0, failed: 1, usage: 2, missingPeer: 3 } as const;

/** An error that has been reported already. */
export class Told extends Error {
  override readonly name = 'Told';

  constructor(readonly code: number) {
    super('This error has been reported.');
  }
}

/** Prints an error for people, on standard error, and returns the exit code that belongs to it. */
export function reportError(error: unknown): number {
  const { code, text } = describeError(error, process.env.PAPERWEIGHT_DEBUG === '1');
  if (text) process.stderr.write(`${printableLines(text)}\n`);
  return code;
}

/** @param debug adds the stack, which only an unexpected error has otherwise */
export function describeError(error: unknown, debug = false): { code: number; text: string } {
  if (error instanceof Told) return { code: error.code, text: '' };
  if (error instanceof Interrupted) return { code: error.code, text: error.message };
  if (error instanceof PaperweightError)
    return {
      code: error instanceof UsageError ? EXIT.usage : EXIT.failed,
      text: debug ? fullStack(error) : `error: ${error.message}`,
    };
  // Commander ends help and version with an error; the text is printed already.
  const { code, exitCode } = (error ?? {}) as { code?: unknown; exitCode?: number };
  if (typeof code === 'string' && code.startsWith('commander.'))
    return { code: exitCode === 0 ? EXIT.done : EXIT.usage, text: '' };
  return {
    code: EXIT.failed,
    text: `error: Something unexpected went wrong; this is a fault of Paperweight. Next: report it with the lines below.\n${fullStack(error)}`,
  };
}

function fullStack(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by ${fullStack(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
