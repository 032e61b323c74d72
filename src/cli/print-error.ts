import { PaperweightError, UsageError } from '../errors/errors.js';
import { OwnCodeError } from '../errors/own-code.js';
import { printableLines } from '../errors/printable.js';
import { Interrupted } from './terminal/interrupt.js';

/** Exit codes; after a signal it is `interruptCode()`. */
export const EXIT = { done: 0, failed: 1, usage: 2, missingPeer: 3 } as const;

/** An error that another rank or process has already reported. */
export class Told extends Error {
  override readonly name = 'Told';

  constructor(readonly code: number) {
    super('This error has been reported.');
  }
}

/** Prints an error on standard error and returns its exit code. */
export function reportError(error: unknown): number {
  const { code, text } = describeError(error, process.env.PAPERWEIGHT_DEBUG === '1');
  if (text) process.stderr.write(`${printableLines(text)}\n`);
  return code;
}

/** @param debug includes the stack for expected errors too */
export function describeError(error: unknown, debug = false): { code: number; text: string } {
  if (error instanceof Told) return { code: error.code, text: '' };
  if (error instanceof Interrupted) return { code: error.code, text: error.message };
  if (error instanceof PaperweightError)
    return {
      code: error instanceof UsageError ? EXIT.usage : EXIT.failed,
      text: debug ? fullStack(error) : `error: ${error.message}${ownStack(error)}`,
    };
  // Commander throws after printing help or version.
  const { code, exitCode } = (error ?? {}) as { code?: unknown; exitCode?: number };
  if (typeof code === 'string' && code.startsWith('commander.'))
    return { code: exitCode === 0 ? EXIT.done : EXIT.usage, text: '' };
  return {
    code: EXIT.failed,
    text: `error: An unexpected error occurred; this is a bug in Paperweight. Next: report it with the lines below.\n${fullStack(error)}`,
  };
}

/** Where a paper's own code threw an error. */
const ownStack = (error: PaperweightError): string =>
  error instanceof OwnCodeError ? `\n${fullStack(error.cause)}` : '';

function fullStack(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by ${fullStack(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
