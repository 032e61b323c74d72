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
import { mayPass } from './disk-trouble.js';
import { parseLine } from './json-line.js';

/**
 * A file of JSON lines that grows. Where the disk refuses a line and somebody is there to be told, lines wait in
 * memory and are written, in order, as soon as that works again.
 */
export class LineFile {
  /** Is told when lines have to wait, and when they no longer do. Without it a refused line is an error. */
  tell: ((text: string) => void) | undefined;
  #waiting: string[] = [];

  constructor(readonly path: string) {}

  /** @throws CheckpointError when the line cannot be written, and cannot wait */
  append(entry: object): void {
    this.#waiting.push(`${JSON.stringify(entry)}\n`);
    const late = this.#waiting.length - 1;
    try {
      this.flush();
      if (late > 0)
        this.tell?.(`${this.path} can be written again, and is complete: ${late} lines had waited.`);
    } catch (error) {
      if (!this.tell || !mayPass(error)) {
        this.#waiting.pop();
        throw error;
      }
      if (late === 0)
        this.tell(`${(error as Error).message}\nThe run goes on; its lines wait until they can be written.`);
    }
  }

  /**
   * Writes what waits.
   * @throws CheckpointError when that is impossible; the file then ends with a whole line
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

  /** Writes what waits, and makes the whole file outlive a power cut. */
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

  /** All that is in the file so far; nothing where there is no file. */
  text(): string {
    if (!existsSync(this.path)) return '';
    try {
      return readFileSync(this.path, 'utf8');
    } catch (error) {
      throw diskError(error, `cannot read ${this.path}`, CheckpointError);
    }
  }

  /**
   * Keeps the lines that pass, and drops those that do not and those that cannot be read.
   * @returns how many could not be read although whole lines follow them
   */
  async keep(passes: (line: Record<string, unknown>) => boolean): Promise<number> {
    const texts = this.#texts();
    const lines = texts.map(parseLine);
    const last = lines.findLastIndex((line) => line !== undefined && passes(line));
    const kept = texts.filter((_, i) => i <= last && lines[i] !== undefined && passes(lines[i]));
    try {
      // Cut where the file only gets shorter, so that whoever follows it sees just that.
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

/** Writes all of the bytes at the end of a file, or none. */
function append(fd: number, bytes: Buffer): void {
  const stat = fstatSync(fd);
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
  } catch (error) {
    if (stat.isFile()) ftruncateSync(fd, stat.size);
    throw error;
  }
}
