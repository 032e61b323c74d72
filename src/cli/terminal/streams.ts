import { fstatSync, lstatSync, writeSync } from 'node:fs';
import { PaperweightError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';

let lost: unknown;
let gone = false;

/** The error that prevented writing standard output, if any; a closed reader is not an error. */
export function lostOutput(): PaperweightError | undefined {
  if (lost === undefined) return undefined;
  const { got } = diskError(lost, '', PaperweightError);
  return new PaperweightError({
    what: 'Standard output could not be written completely',
    ...(got === undefined ? {} : { got }),
    next: 'free some space; the work itself is complete, and run folders and files are intact',
    cause: lost,
  });
}

/** Whether the reader of standard output has gone. */
export const readerGone = (): boolean => gone;

export interface StreamTrouble {
  /** Standard output cannot be written; called once. */
  readonly onLost: () => void;
  /** The reader of standard output or standard error has gone; called once. */
  readonly onGone: () => void;
}

/**
 * From now on, a full disk below standard output or standard error, a closed reader, and a closed terminal do not end
 * the process. Output written meanwhile is lost.
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
      // The error of a closed terminal, which also sends a signal.
      if (error.code === 'EIO') return;
      if (error.code !== 'EPIPE') return lose(error);
      if (stream === process.stdout) gone = true;
      if (!told) onGone();
      told = true;
    });
    if (isFile(stream)) writeWhole(stream, lose);
  }
}

/** Whether the stream is a file or a device other than a terminal, to which Node writes synchronously. */
function isFile(stream: NodeJS.WriteStream & { readonly fd?: number }): boolean {
  if (stream.isTTY || stream.fd === undefined) return false;
  try {
    const stats = fstatSync(stream.fd);
    // Node's realpathSync goes by the last result if that was a pipe, and then leaves links in paths, also in those of
    // modules: a package behind a link would be loaded a second time.
    if (stats.isFIFO() || stats.isSocket()) lstatSync(new URL('.', import.meta.url));
    return stats.isFile() || stats.isCharacterDevice();
  } catch {
    // On Windows fstat fails for some handles; Node's own way of writing is kept for those.
    return false;
  }
}

/**
 * Keeps a stream usable after a failed write. Node treats a write of which the disk took only a part as complete;
 * this ends the truncated line before the next one.
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
      // If nothing was written, the line before is in the same state as before.
      if (written > 0) torn = true;
      lose(error);
    }
    done();
  };
}
