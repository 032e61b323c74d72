import { type FileHandle, open, readdir, readFile, truncate } from 'node:fs/promises';
import path from 'node:path';
import { DataError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import { makeFolder } from '../../files/make-folder.js';
import type { ImageRules } from './rules.js';

/** Number of images between two updates of the file of marks. */
const MARK_EVERY = 256;
const DONE = 1;
/** Raised when the same file gives other bytes than before, so that no older cache is mixed with new images. */
const VERSION = 2;

const beginning = ({ side, orientation }: Pick<ImageRules, 'side' | 'orientation'>): string =>
  `images-v${VERSION}-${side}-${orientation}-`;

/**
 * Decoded images in one file at fixed offsets, so that they can be written in any order and a killed process can
 * continue. A second file has one byte per image that marks it as present; an image is synced to disk before its mark.
 */
export class ImageCache {
  readonly #file: string;
  readonly #size: number;
  readonly #images: FileHandle;
  readonly #marks: FileHandle;
  readonly #done: Uint8Array;
  #unmarked: number[] = [];
  #marking: Promise<void> = Promise.resolve();

  private constructor(file: string, size: number, images: FileHandle, marks: FileHandle, done: Uint8Array) {
    this.#file = file;
    this.#size = size;
    this.#images = images;
    this.#marks = marks;
    this.#done = done;
  }

  /** Path of the cache. The name depends on the files of the data set and on how their images are prepared. */
  static place(folder: string, fingerprint: string, rules: Pick<ImageRules, 'side' | 'orientation'>): string {
    return path.join(folder, `${beginning(rules)}${fingerprint.slice(0, 16)}.bin`);
  }

  /** Whether a folder has a cache of some files, prepared by these rules. */
  static async isIn(folder: string, rules: Pick<ImageRules, 'side' | 'orientation'>): Promise<boolean> {
    const names = await readdir(folder).catch(() => []);
    return names.some((name) => name.startsWith(beginning(rules)) && name.endsWith('.bin'));
  }

  /**
   * Opens a cache; creates it if it is missing.
   *
   * @param file from {@link ImageCache.place}
   * @param count number of images @param size bytes per image
   * @throws DataError for a disk error
   */
  static async open(file: string, count: number, size: number): Promise<ImageCache> {
    const handles: FileHandle[] = [];
    try {
      await makeFolder(path.dirname(file));
      for (const [name, bytes] of [
        [file, count * size],
        [`${file}.done`, count],
      ] as const) {
        const handle = await open(name, 'a').then(async (made) => {
          await made.close();
          return open(name, 'r+');
        });
        handles.push(handle);
        // A sparse file: it takes disk space only as it is filled.
        if ((await handle.stat()).size !== bytes) await truncate(name, bytes);
      }
      const done = await readFile(`${file}.done`);
      return new ImageCache(file, size, handles[0]!, handles[1]!, done);
    } catch (error) {
      await Promise.all(handles.map((handle) => handle.close()));
      throw diskError(error, `cannot open the cache ${file}`, DataError);
    }
  }

  has(index: number): boolean {
    return this.#done[index] === DONE;
  }

  /** Number of images that are present. */
  get count(): number {
    return this.#done.reduce((sum, mark) => sum + (mark === DONE ? 1 : 0), 0);
  }

  /** Reads an image that is present. */
  async read(index: number, into: Uint8Array, offset: number): Promise<void> {
    try {
      for (let at = 0; at < this.#size; ) {
        const { bytesRead } = await this.#images.read(
          into,
          offset + at,
          this.#size - at,
          index * this.#size + at,
        );
        if (bytesRead === 0) throw new Error('the file is truncated');
        at += bytesRead;
      }
    } catch (error) {
      throw diskError(error, `cannot read the cache ${this.#file}`, DataError);
    }
  }

  /** Writes an image. */
  async write(index: number, image: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < this.#size; ) {
        const { bytesWritten } = await this.#images.write(
          image,
          at,
          this.#size - at,
          index * this.#size + at,
        );
        at += bytesWritten;
      }
    } catch (error) {
      throw diskError(error, `cannot write the cache ${this.#file}`, DataError);
    }
    this.#unmarked.push(index);
    if (this.#unmarked.length >= MARK_EVERY) await this.flush();
  }

  /** Syncs written images to disk, then marks them as present. */
  flush(): Promise<void> {
    const written = this.#unmarked;
    this.#unmarked = [];
    this.#marking = this.#marking.then(async () => {
      if (written.length === 0) return;
      try {
        await this.#images.datasync();
        for (const index of written) this.#done[index] = DONE;
        await this.#marks.write(this.#done, 0, this.#done.length, 0);
      } catch (error) {
        throw diskError(error, `cannot write the cache ${this.#file}`, DataError);
      }
    });
    return this.#marking;
  }

  async close(): Promise<void> {
    await this.flush().finally(() => Promise.all([this.#images.close(), this.#marks.close()]));
  }
}
