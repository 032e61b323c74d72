import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { truncate } from 'node:fs/promises';
import { CheckpointError } from '../errors/errors.js';
import { writeFileAtomic } from './atomic.js';
import { diskError } from './disk-error.js';
import { parseLine } from './json-line.js';
import { isTransient } from './transient-error.js';

/**
 * An append-only JSON Lines file. With an {@link onMessage} callback, lines that cannot be written (a full disk, say)
 * are kept in memory and written in order as soon as writing works again.
 */
export class LineFile {
  /** Called when writing fails and when it works again. Without a callback, a failed write throws. */
  onMessage: ((text: string) => void) | undefined;
  #waiting: string[] = [];

  constructor(readonly path: string) {}

  /** @throws CheckpointError if the line cannot be written and there is no callback */
  append(entry: object): void {
    this.#waiting.push(`${JSON.stringify(entry)}\n`);
    const late = this.#waiting.length - 1;
    try {
      this.flush();
      if (late > 0)
        this.onMessage?.(
          `${this.path} can be written again and is complete: ${late} delayed lines were written.`,
        );
    } catch (error) {
      if (!this.onMessage || !isTransient(error)) {
        this.#waiting.pop();
        throw error;
      }
      if (late === 0)
        this.onMessage(
          `${(error as Error).message}\nThe run continues; its lines are kept in memory until they can be written.`,
        );
    }
  }

  /**
   * Writes the lines kept in memory.
   * @throws CheckpointError if that fails; the file then still ends with a complete line
   */
  flush(): void {
    if (this.#waiting.length === 0) return;
    try {
      const fd = openSync(this.path, 'a');
      try {
        append(fd, Buffer.from(this.#waiting.join('')));
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      throw diskError(error, `cannot write ${this.path}`, CheckpointError);
    }
    this.#waiting = [];
  }

  /** Writes the lines kept in memory and flushes the file to disk, so that it survives a power cut. */
  sync(): void {
    this.flush();
    if (!existsSync(this.path)) return;
    try {
      const fd = openSync(this.path, 'r+');
      try {
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      throw diskError(error, `cannot write ${this.path}`, CheckpointError);
    }
  }

  /** The file's content; empty if the file does not exist. */
  text(): string {
    if (!existsSync(this.path)) return '';
    try {
      return readFileSync(this.path, 'utf8');
    } catch (error) {
      throw diskError(error, `cannot read ${this.path}`, CheckpointError);
    }
  }

  /**
   * Keeps the lines that pass; drops the others and the lines that are not valid JSON.
   * @returns the number of lines before the last kept one that are not valid JSON
   */
  async keep(passes: (line: Record<string, unknown>) => boolean): Promise<number> {
    const texts = this.#texts();
    const lines = texts.map(parseLine);
    const last = lines.findLastIndex((line) => line !== undefined && passes(line));
    const kept = texts.filter((_, i) => i <= last && lines[i] !== undefined && passes(lines[i]));
    try {
      // Truncate if only the end is dropped, so that a reader following the file sees it shrink, not a new file.
      const bytes = kept.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
      if (kept.length === last + 1) {
        if (existsSync(this.path)) await truncate(this.path, bytes);
      } else await writeFileAtomic(this.path, kept.map((text) => `${text}\n`).join(''));
    } catch (error) {
      throw diskError(error, `cannot write ${this.path}`, CheckpointError);
    }
    return lines.slice(0, last + 1).filter((line) => line === undefined).length;
  }

  #texts(): string[] {
    const texts = this.text().split('\n');
    return texts.at(-1) === '' ? texts.slice(0, -1) : texts;
  }
}

/** Appends all of the bytes to a file, or none. */
function append(fd: number, bytes: Buffer): void {
  const stat = fstatSync(fd);
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
  } catch (error) {
    if (stat.isFile()) ftruncateSync(fd, stat.size);
    throw error;
  }
}
