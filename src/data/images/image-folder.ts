import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { checkBooleans, checkOptionNames, checkPath } from '../../errors/arguments.js';
import { classCount, counted } from '../../errors/counted.js';
import { DataError, UsageError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import { checkIndex, type Dataset, UNREADABLE } from '../dataset.js';
import type { WorkerPool } from '../worker-pool.js';
import { listed } from './class-list.js';
import { openDecoders } from './decode-pool.js';
import type { DecodeAnswer, FileRequest } from './decode-worker.js';
import { classFolders, openFolder } from './folder.js';
import { ImageCache } from './image-cache.js';
import { cacheFolder, classNames, named } from './layout.js';
import { FOLDER_SIDE, type ImageRules, imageRules } from './rules.js';
import type { ImageSource } from './source.js';
import { openTars } from './tar/tar.js';

export interface ImageFolderOptions {
  /** Folder that contains the class folders or the .tar archives. */
  root: string;
  /** Side of the square images in pixels; default 256. */
  side?: number;
  /**
   * How to replace an image that cannot be decoded. true (default): by the next one that can, so that training batches
   * stay full. false: the label becomes UNREADABLE, so that metrics leave the image out.
   */
  substitute?: boolean;
  /** Rotate images by their EXIF orientation (`exif`, default), or leave them as `stored`. */
  orientation?: ImageRules['orientation'];
  /** Follow symbolic links that lead out of the folder; default true. */
  followLinks?: boolean;
  /** Folder for data computed from the images; default `root/.paperweight`. */
  cache?: string;
  /** Cache decoded images on disk (side × side × 3 bytes each). An existing cache is always used. */
  cacheImages?: boolean;
}

export interface SplitOptions extends Omit<ImageFolderOptions, 'substitute'> {
  /** true: images in `root/train`. false: those in `root/val`, `valid`, `validation` or `test`. */
  train: boolean;
}

/** Option names shared by `open` and `openSplit`. */
const OPTIONS = ['root', 'side', 'orientation', 'followLinks', 'cache', 'cacheImages'];

/** Names of the folder of a split, in upper or lower case; the first that exists is used. */
const TRAIN = ['train', 'training'];
const TEST = ['val', 'valid', 'validation', 'test'];

/** Maximum share of damaged files, and the number that is always allowed. More means that something else is wrong. */
const MAX_UNREADABLE_SHARE = 0.05;
const MAX_UNREADABLE_FEW = 10;
const THREADS = availableParallelism();
/** More requests than threads, so that all threads are busy while some requests wait for the disk. */
const AT_ONCE = 3 * THREADS;

/**
 * Images of any size in class folders, like torchvision's ImageFolder, or in .tar archives. Each is decoded and cropped
 * to a square (see `decodeSquare`) in worker threads.
 *
 * @example
 * const trainSet = await ImageFolder.openSplit({ root: 'imagenet', train: true });
 */
export class ImageFolder implements Dataset {
  readonly name: string;
  readonly length: number;
  readonly classes: readonly string[];
  readonly imageShape: readonly [3, number, number];
  readonly labels: Int32Array;
  /** How files are scaled, cropped and rotated. */
  readonly rules: ImageRules;
  /** Messages for the user about files that were skipped. */
  readonly remarks: readonly string[];
  /** The folder of the images. */
  readonly folder: string;
  /** Folder for data computed from the images. */
  readonly cache: string;
  /** Files that could not be decoded so far, by name, with the reason. */
  readonly unreadable: ReadonlyMap<string, string>;
  readonly #unreadable = new Map<string, string>();
  readonly #source: ImageSource;
  readonly #substitute: boolean;
  #fingerprint: Promise<string> | undefined;
  #images: ImageCache | undefined;
  #decoders: WorkerPool<FileRequest, DecodeAnswer> | undefined;
  /** Reusable buffers that are transferred to the decoders and back. */
  readonly #squares: Uint8Array<ArrayBuffer>[] = [];

  private constructor(source: ImageSource, rules: ImageRules, cache: string, substitute: boolean) {
    this.#source = source;
    this.#substitute = substitute;
    this.unreadable = this.#unreadable;
    this.name = `images in ${source.place}`;
    this.length = source.length;
    this.classes = source.classes;
    this.labels = source.labels;
    this.folder = source.place;
    this.cache = cache;
    this.imageShape = [3, rules.side, rules.side];
    this.rules = rules;
    this.remarks = source.remarks;
  }

  /** @throws DataError for a folder that is missing, empty or has no class folders; UsageError for a bad side */
  static async open(options: ImageFolderOptions): Promise<ImageFolder> {
    checkOptionNames('ImageFolder.open', options, [...OPTIONS, 'substitute']);
    checkPath('ImageFolder.open', 'root', options.root);
    return ImageFolder.#open(options, cacheFolder(options.root));
  }

  /** Opens the training or the test images of a folder that contains `train` and `val` (or `test`). */
  static async openSplit(given: SplitOptions): Promise<ImageFolder> {
    checkOptionNames('ImageFolder.openSplit', given, [...OPTIONS, 'train']);
    const { train, ...options } = given;
    const { root } = options;
    checkPath('ImageFolder.openSplit', 'root', root);
    checkBooleans('ImageFolder.openSplit', { train });
    const split = await findSplit(root, train ? TRAIN : TEST);
    if (split === undefined)
      throw new DataError({
        what: `${root} has no ${train ? 'training' : 'test'} images`,
        expected: `a folder ${(train ? TRAIN : TEST).map((name) => path.join(root, name)).join(' or ')}`,
        got: existsSync(root) ? 'no such folder in it' : 'no such folder',
        next: 'lay the images out as DIR/train/CLASS/*.jpg and DIR/val/CLASS/*.jpg',
      });
    const folder = path.join(root, split);
    const cache = path.join(options.cache ?? cacheFolder(root), split);
    // Labels are indices into the training classes, even if the split lacks some of them.
    const training = train ? undefined : await findSplit(root, TRAIN);
    const classes =
      training === undefined ? undefined : await trainClasses(path.join(root, training), cache, options);
    return ImageFolder.#open({ ...options, root: folder, substitute: train }, cache, classes, root);
  }

  static async #open(
    options: ImageFolderOptions,
    cache: string,
    classes?: readonly string[],
    namesIn = options.root,
  ): Promise<ImageFolder> {
    const { root, side = FOLDER_SIDE, substitute = true, cacheImages = false, followLinks = true } = options;
    checkBooleans('ImageFolder.open', { substitute, cacheImages, followLinks });
    if (!Number.isInteger(side) || side < 1 || side > 4096)
      throw new UsageError({
        what: `images cannot have a side of ${side}`,
        expected: 'a whole number from 1 to 4096',
        got: String(side),
      });
    const place = options.cache ?? cache;
    const names = await classNames(namesIn);
    const source = (await hasTars(root))
      ? await openTars(root, {
          cache: place,
          ...(names.list || classes ? { classes: names.list ? listed(names.list) : classes } : {}),
        })
      : await openFolder(root, {
          ...(classes ? { classes } : {}),
          followLinks,
        });
    const known = { ...source, classes: named(source.classes, names) };
    const set = new ImageFolder(known, imageRules(side, options.orientation), place, substitute);
    await set.#findImages(cacheImages);
    return set;
  }

  /** The same images prepared by the given rules; returns this data set if its rules are the same. */
  async prepared(rules: ImageRules): Promise<ImageFolder> {
    const { side, orientation } = this.rules;
    if (rules.side === side && rules.orientation === orientation) return this;
    const set = new ImageFolder(this.#source, rules, this.cache, this.#substitute);
    await set.#findImages(false);
    return set;
  }

  /** Opens the cache of decoded images if it exists or is to be created. */
  async #findImages(make: boolean): Promise<void> {
    if (!make && !(await ImageCache.isIn(this.cache, this.rules))) return;
    const file = ImageCache.place(this.cache, await this.fingerprint(), this.rules);
    if (make || existsSync(file))
      this.#images = await ImageCache.open(file, this.length, 3 * this.imageShape[1] ** 2);
  }

  /** Identifies the files; see ImageSource. */
  fingerprint(): Promise<string> {
    this.#fingerprint ??= this.#source.fingerprint();
    return this.#fingerprint;
  }

  /** Number of decoded images in the cache; undefined without a cache. */
  get cachedImages(): number | undefined {
    return this.#images?.count;
  }

  /** Always throws: images can only be read asynchronously, by `readMany`. */
  read(index: number): never {
    checkIndex(this, index);
    throw new UsageError({
      what: `${this.name} cannot be read synchronously`,
      expected: 'readMany, or a DataLoader',
      got: 'read',
    });
  }

  /** @param substitute as in the options, for this call */
  async readMany(
    indices: ArrayLike<number>,
    into: Uint8Array,
    labels: Int32Array,
    substitute: boolean = this.#substitute,
  ): Promise<void> {
    const size = 3 * this.imageShape[1] ** 2;
    for (let i = 0; i < indices.length; i++) checkIndex(this, indices[i]!);
    let next = 0;
    const work = async () => {
      while (next < indices.length) {
        const i = next++;
        labels[i] = await this.#load(indices[i]!, into, i * size, substitute);
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, indices.length) }, work));
  }

  async #load(index: number, into: Uint8Array, offset: number, substitute: boolean): Promise<number> {
    for (let ahead = 0; ; ahead++) {
      const i = (index + ahead) % this.length;
      if (this.#images?.has(i)) {
        await this.#images.read(i, into, offset);
        return this.labels[i]!;
      }
      if (!this.#unreadable.has(this.#source.nameOf(i))) {
        const { square, unreadable } = await this.#decode(i);
        if (unreadable === undefined) {
          into.set(square.data, offset);
          await this.#images?.write(i, square.data);
        }
        this.#squares.push(square.data);
        if (unreadable === undefined) return this.labels[i]!;
        this.#remember(this.#source.nameOf(i), unreadable);
      }
      if (!substitute) return UNREADABLE;
    }
  }

  #decode(i: number): Promise<DecodeAnswer> {
    this.#decoders ??= openDecoders(THREADS);
    const side = this.imageShape[1];
    const into = this.#squares.pop() ?? new Uint8Array(3 * side * side);
    const { orientation } = this.rules;
    const question = { part: this.#source.partOf(i), name: this.#source.nameOf(i), side, orientation, into };
    return this.#decoders.waitFor(this.#decoders.request(question, [into.buffer]));
  }

  /** Records a damaged file. @throws DataError if too many are damaged, which means that something else is wrong */
  #remember(name: string, reason: string): void {
    this.#unreadable.set(name, reason);
    const few = Math.max(MAX_UNREADABLE_FEW, Math.ceil(MAX_UNREADABLE_SHARE * this.length));
    if (this.#unreadable.size <= Math.min(few, this.length - 1)) return;
    throw new DataError({
      what: `too many images in ${this.folder} cannot be decoded; the last one was ${name}`,
      expected: `at most ${Math.min(few, this.length - 1)} damaged files of ${this.length}`,
      got: `${this.#unreadable.size}; the last one failed with: ${reason}`,
      next: 'copy or unpack the images again',
    });
  }

  /** Decodes all images that the cache lacks. */
  async fill(onProgress?: (done: number) => void, signal?: AbortSignal): Promise<void> {
    const size = 3 * this.imageShape[1] ** 2;
    const chunk = 64;
    const into = new Uint8Array(chunk * size);
    const missing = Int32Array.from({ length: this.length }, (_, i) => i).filter(
      (i) => !this.#images?.has(i),
    );
    try {
      for (let at = 0; at < missing.length; at += chunk) {
        signal?.throwIfAborted();
        const some = missing.subarray(at, at + chunk);
        await this.readMany(some, into, new Int32Array(some.length), false);
        onProgress?.(this.length - missing.length + at + some.length);
      }
    } finally {
      await this.#images?.flush();
    }
  }

  /** One-line description for logs. */
  describe(): string {
    return `${counted(this.length, 'image')} of ${classCount(this.classes.length)} in ${this.folder}${this.remarks.map((remark) => `; ${remark}`).join('')}`;
  }

  /** Report of the files that could not be decoded so far; undefined if there are none. */
  summary(): string | undefined {
    const broken = [...this.#unreadable].sort(([a], [b]) => (a < b ? -1 : 1));
    if (broken.length === 0) return undefined;
    const shown = broken.slice(0, 5).map(([name, reason]) => `  ${name}: ${reason}`);
    const more = broken.length > shown.length ? [`  and ${broken.length - shown.length} more`] : [];
    const what = this.#substitute ? 'replaced by the next image' : 'left out';
    return [`${counted(broken.length, 'file')} could not be decoded (${what}):`, ...shown, ...more].join(
      '\n',
    );
  }

  /** Closes the cache and ends the decoding threads; both are reopened when needed. */
  async close(): Promise<void> {
    await this.#decoders?.close();
    this.#decoders = undefined;
    await this.#images?.close();
    this.#images = undefined;
  }
}

/** Finds the folder of a split. */
async function findSplit(root: string, names: readonly string[]): Promise<string | undefined> {
  const there = await readdir(root).catch(() => []);
  return names
    .map((name) => there.find((own) => own === name) ?? there.find((own) => own.toLowerCase() === name))
    .find((name) => name !== undefined);
}

/** Whether a folder has .tar archives and no class folders. */
async function hasTars(root: string): Promise<boolean> {
  const entries = await readdir(root, { withFileTypes: true }).catch((error) => {
    throw diskError(error, `cannot read the folder ${root}`, DataError);
  });
  const shown = entries.filter(({ name }) => !name.startsWith('.'));
  return shown.some(({ name }) => /\.tar$/i.test(name)) && !shown.some((entry) => entry.isDirectory());
}

async function trainClasses(
  folder: string,
  cache: string,
  { followLinks }: Pick<SplitOptions, 'followLinks'>,
): Promise<readonly string[]> {
  if (!(await hasTars(folder))) return classFolders(folder, followLinks);
  return (await openTars(folder, { cache: path.join(path.dirname(cache), 'train') })).classes;
}
