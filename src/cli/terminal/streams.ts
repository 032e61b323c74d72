import { fstatSync, writeSync } from 'node:fs';
import { PaperweightError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';

let lost: unknown;
let gone = false;

/** What kept standard output from being written, if something did; a reader that has gone is none. */
export function lostOutput(): PaperweightError | undefined {
  if (lost === undefined) return undefined;
  const { got } = diskError(lost, '', PaperweightError);
  return new PaperweightError({
    what: 'Standard output could not be written, or not all of it',
    ...(got === undefined ? {} : { got }),
    next: 'free some space; the work is done, and runs and files that were written are whole',
    cause: lost,
  });
}

/** Whether nobody reads standard output any more. */
export const readerGone = (): boolean => gone;

export interface StreamTrouble {
  /** Standard output cannot be written; told once. */
  readonly onLost: () => void;
  /** The reader of standard output or standard error has gone; told once. */
  readonly onGone: () => void;
}

/**
 * From now on a full disk below standard output or standard error, a reader that goes away, and a terminal that is
 * closed end no work. What is printed meanwhile is lost.
 */
export function guardStreams({ onLost, onGone }: StreamTrouble): void {
  let told = false;
  for (const stream of [process.stdout, process.stderr]) {
    const lose = (error: unknown): void => {
      if (stream !== process.stdout || lost !== undefined) return;
      lost = error;
      onLost();
    };
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // What a terminal that has gone away answers; its signal comes too.
      if (error.code === 'EIO') return;
      if (error.code !== 'EPIPE') return lose(error);
      if (stream === process.stdout) gone = true;
      if (!told) onGone();
      told = true;
    });
    if (isFile(stream)) writeWhole(stream, lose);
  }
}

/** Whether what is written goes to a file, or a device other than a terminal. Node then writes without waiting. */
function isFile(stream: NodeJS.WriteStream & { readonly fd?: number }): boolean {
  if (stream.isTTY || stream.fd === undefined) return false;
  const stats = fstatSync(stream.fd);
  return stats.isFile() || stats.isCharacterDevice();
}

/**
 * Makes a stream write on after it has failed. Node takes a write of which the disk has taken a part for a whole one;
 * here the line that was cut short is ended before the next one.
 */
function writeWhole(
  stream: NodeJS.WriteStream & { readonly fd: number },
  lose: (error: unknown) => void,
): void {
  let torn = false;
  stream._write = (chunk: Buffer | string, encoding, done) => {
    const text = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
    const bytes = torn ? Buffer.concat([Buffer.from('\n'), text]) : text;
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(stream.fd, bytes, written);
      torn = false;
    } catch (error) {
      // Nothing of it: what was before is still cut short, or still is not.
      if (written > 0) torn = true;
      lose(error);
    }
    done();
  };
}
