import { printable, printableLines } from './printable.js';
/** The parts of an error message; only `what` is required. */
export interface ErrorParts {
  /** What went wrong, naming the thing (file, option, operation, module path). */
  what: string;
  /** What was expected, with units. */
  expected?: string;
  /** The actual value, with units. */
  got?: string;
  /** What the reader can do about it. */
  next?: string;
  /** The underlying error, if any. */
  cause?: unknown;
}

function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

/** Longest part of a message, in characters: `got` may be a whole file on one line. */
const MOST = 2000;

/** Limits the length and escapes control characters, which a terminal would interpret. */
const cut = (text: string): string => printableLines(text.length > MOST ? `${text.slice(0, MOST)}…` : text);

function paragraph({ what, expected, got, next }: ErrorParts): string {
  const parts = [sentence(what)];
  if (expected !== undefined && got !== undefined) parts.push(sentence(`Expected ${expected}; got ${got}`));
  else if (expected !== undefined) parts.push(sentence(`Expected ${expected}`));
  else if (got !== undefined) parts.push(sentence(`Got ${got}`));
  if (next !== undefined) parts.push(sentence(`Next: ${next}`));
  return parts.join(' ');
}

/**
 * The base of every error that Paperweight throws on purpose. Its message is one paragraph:
 * "what. Expected …; got …. Next: …."
 *
 * @example
 * throw new DataError({ what: 'test_batch.bin is cut short', expected: '30730000 bytes', got: '512 bytes',
 *                       next: 'fetch it again with download: true' });
 */
export class PaperweightError extends Error {
  readonly what: string;
  readonly expected: string | undefined;
  readonly got: string | undefined;
  readonly next: string | undefined;

  // On the prototype, not on the instance: the first line of `stack` is made before instance fields exist.
  static {
    PaperweightError.prototype.name = 'PaperweightError';
  }

  constructor({ cause, ...said }: ErrorParts) {
    const parts = { ...said, what: cut(printable(said.what)) };
    for (const name of ['expected', 'got', 'next'] as const)
      if (said[name] !== undefined) parts[name] = cut(said[name]);
    super(paragraph(parts), cause === undefined ? undefined : { cause });
    this.what = parts.what;
    this.expected = parts.expected;
    this.got = parts.got;
    this.next = parts.next;
  }
}

/** A data set, an image or a download is missing, damaged or of the wrong format. */
export class DataError extends PaperweightError {
  static {
    DataError.prototype.name = 'DataError';
  }
}

/** An option or an argument is not valid. */
export class UsageError extends PaperweightError {
  static {
    UsageError.prototype.name = 'UsageError';
  }
}

/** A file of weights or training state cannot be read or written. */
export class CheckpointError extends PaperweightError {
  static {
    CheckpointError.prototype.name = 'CheckpointError';
  }
}

/** Tensor shapes or dtypes do not fit an operation. */
export class ShapeError extends PaperweightError {
  static {
    ShapeError.prototype.name = 'ShapeError';
  }
}

/** A device or a backend is missing, or cannot run the requested operation. */
export class DeviceError extends PaperweightError {
  static {
    DeviceError.prototype.name = 'DeviceError';
  }
}

/** An error as plain data that can be sent to another thread. */
export interface PlainError extends ErrorParts {
  name: string;
}

const KINDS = { PaperweightError, DataError, UsageError, CheckpointError, ShapeError, DeviceError };

/** Turns an error into plain data for `postMessage`; {@link errorFromPlain} restores its class. */
export function errorToPlain(error: unknown): PlainError {
  if (error instanceof PaperweightError) {
    const { name, what, expected, got, next } = error;
    return { name, what, expected, got, next };
  }
  return error instanceof Error
    ? { name: error.name, what: error.message }
    : { name: 'Error', what: String(error) };
}

/** The reverse of {@link errorToPlain}; an error of any other class becomes a plain `Error` with its name and message. */
export function errorFromPlain(plain: PlainError): Error {
  if (Object.hasOwn(KINDS, plain.name)) return new KINDS[plain.name as keyof typeof KINDS](plain);
  const error = new Error(plain.what);
  error.name = plain.name;
  return error;
}

/** A loss, gradient or weight of a run is NaN or infinite. */
export class DivergedError extends PaperweightError {
  static {
    DivergedError.prototype.name = 'DivergedError';
  }
}
