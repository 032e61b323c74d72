import { close, constants, open, write } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { OutputTarget } from './output-target.js';

const [openFile, closeFile, writeFile] = [promisify(open), promisify(close), promisify(write)];

/** The system refuses or cuts short a single write of 2 GiB. */
const SLICE = 2 ** 26;
/** Delay before a full pipe is tried again. */
const RETRY_MS = 5;

/** Writes `length` of the bytes, beginning with index `from`, after the bytes written before. */
export type WritePart = (
  bytes: Uint8Array,
  from: number,
  length: number,
) => Promise<{ readonly bytesWritten: number }>;

/** Writes all of the bytes, however few each call of `write` accepts. */
export async function writeAll(write: WritePart, bytes: Uint8Array): Promise<void> {
  for (let from = 0; from < bytes.length; ) {
    try {
      from += (await write(bytes, from, Math.min(SLICE, bytes.length - from))).bytesWritten;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      await wait(RETRY_MS);
    }
  }
}

/**
 * Writes bytes into a pipe, a terminal or another device. A pipe without a reader is an error: waiting for a reader
 * could not be interrupted.
 *
 * @throws the system's error: ENXIO for a pipe without a reader, EPIPE if the reader closed the pipe
 */
export async function writeThrough(
  target: Extract<OutputTarget, { kind: 'stream' | 'open' }>,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const { O_WRONLY, O_APPEND, O_NONBLOCK, O_NOCTTY } = constants;
  const fd =
    target.kind === 'open'
      ? target.fd
      : await openFile(target.path, O_WRONLY | O_APPEND | (O_NONBLOCK ?? 0) | (O_NOCTTY ?? 0));
  try {
    for await (const piece of pieces)
      await writeAll((bytes, from, length) => writeFile(fd, bytes, from, length), piece);
  } finally {
    if (target.kind !== 'open') await closeFile(fd);
  }
}
