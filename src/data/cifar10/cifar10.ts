import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { checkBooleans, checkOptionNames, checkPath } from '../../errors/arguments.js';
import { grouped } from '../../errors/counted.js';
import { DataError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import { checkIndex, type Dataset, type WorkerSpec } from '../dataset.js';
import { type Archive, fetchArchive, readSourceMarker } from '../download/archive.js';
import type { DownloadProgress } from '../download/download.js';
import { isBroken, isThere } from '../download/fetching.js';
import { CLASSES, checkLabels, checkSize, FETCH_AGAIN, parseClasses, RECORD } from './format.js';
import { findPickled, readPickled } from './pickle.js';

/** Training files in order, 10,000 images each. */
const TRAIN_FILES = [1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`);
/** Test file, 10,000 images. */
const TEST_FILE = 'test_batch.bin';
/** Class names, one per line. */
const META_FILE = 'batches.meta.txt';
/** The binary archive (about 170 MB). */
export const CIFAR10_ARCHIVE: Archive = {
  name: 'CIFAR-10',
  url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
  md5: 'c32a1d4ab5d03f1284b67883e8d87530',
  folder: 'cifar-10-batches-bin',
  files: [...TRAIN_FILES, TEST_FILE, META_FILE],
  check: checkFile,
};

const READ_BYTES = 2 ** 22;

export interface CIFAR10Options {
  /** Folder with the .bin files or the pickles for Python, or its parent. */
  root: string;
  /** true: the 50,000 training images. false: the 10,000 test images. */
  train: boolean;
  /** Download the archive (about 170 MB) if files are missing or damaged; default false. */
  download?: boolean;
  /** Address of a mirror of the official archive. */
  mirror?: string;
  onProgress?: (progress: DownloadProgress) => void;
  /** Aborts the download. */
  signal?: AbortSignal;
  /** Accept fewer records in a file and fewer training files, for tests; default false. */
  allowPartial?: boolean;
}

const OPTIONS = ['root', 'train', 'download', 'mirror', 'onProgress', 'signal', 'allowPartial'];

interface Contents {
  /** All records, in shared memory so that worker threads need no copy of the 150 MB. */
  records: Uint8Array;
  classes: readonly string[];
  train: boolean;
  folder: string;
  official: boolean | undefined;
}

async function findFolder(root: string): Promise<string | undefined> {
  for (const name of [...TRAIN_FILES, TEST_FILE]) {
    if (await isThere(path.join(root, name))) return root;
  }
  const inner = path.join(root, CIFAR10_ARCHIVE.folder);
  return (await isThere(inner)) ? inner : undefined;
}

async function sizeOfFile(file: string, allowPartial: boolean): Promise<number> {
  const info = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw diskError(error, `cannot read ${file}`, DataError);
  });
  if (!info?.isFile()) {
    throw new DataError({
      what: `${file} is missing`,
      expected: 'a CIFAR-10 file',
      got: 'none',
      next: FETCH_AGAIN,
    });
  }
  checkSize(file, info.size, allowPartial);
  return info.size;
}

/** Reads one file into `into` and checks its labels. @returns its MD5 if `hash` is set */
async function readRecords(file: string, into: Uint8Array, hash: boolean): Promise<string | undefined> {
  const md5 = hash ? createHash('md5') : undefined;
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'r');
    for (let at = 0; at < into.length; ) {
      const { bytesRead } = await handle.read(into, at, Math.min(READ_BYTES, into.length - at), at);
      if (bytesRead === 0) throw new Error('the file became shorter while it was read');
      md5?.update(into.subarray(at, at + bytesRead));
      at += bytesRead;
    }
  } catch (error) {
    throw diskError(error, `cannot read ${file}`, DataError);
  } finally {
    await handle?.close();
  }
  checkLabels(file, into);
  return md5?.digest('hex');
}

async function readClasses(folder: string): Promise<readonly string[]> {
  const file = path.join(folder, META_FILE);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw diskError(error, `cannot read ${file}`, DataError);
  });
  return text === undefined ? CLASSES : parseClasses(file, text);
}

/** Reads and checks the files of one split. */
async function readFolder(folder: string, train: boolean, allowPartial: boolean): Promise<Contents> {
  const marker = await readSourceMarker(folder);
  const classes = await readClasses(folder);
  const files: { name: string; size: number }[] = [];
  for (const name of train ? TRAIN_FILES : [TEST_FILE]) {
    const file = path.join(folder, name);
    // With allowPartial an empty folder is still an error.
    if (allowPartial && files.length > 0 && !(await isThere(file))) continue;
    files.push({ name, size: await sizeOfFile(file, allowPartial) });
  }
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const records = new Uint8Array(new SharedArrayBuffer(total));
  let official = marker?.archiveMd5 === CIFAR10_ARCHIVE.md5 ? true : undefined;
  let at = 0;
  for (const { name, size } of files) {
    const into = records.subarray(at, (at += size));
    const md5 = await readRecords(path.join(folder, name), into, official !== undefined);
    if (official && md5 !== marker?.files[name]?.md5) official = false;
  }
  return { records, classes, train, folder, official };
}

/** @throws DataError if a file is missing or damaged */
async function checkFile(file: string): Promise<void> {
  if (path.basename(file) === META_FILE) {
    if (await isThere(file)) await readClasses(path.dirname(file));
    return;
  }
  const size = await sizeOfFile(file, false);
  await readRecords(file, new Uint8Array(size), false);
}

/**
 * CIFAR-10 (Krizhevsky, "Learning multiple layers of features from tiny images", 2009): 32×32 RGB images of
 * ten classes, from the binary version of the archive.
 *
 * @example
 * const trainSet = await CIFAR10.open({ root: 'data', train: true, download: true });
 * console.log(trainSet.describe());
 */
export class CIFAR10 implements Dataset {
  readonly name: string;
  readonly length: number;
  readonly classes: readonly string[];
  readonly imageShape = [3, 32, 32] as const;
  /** The folder with the .bin files. */
  readonly folder: string;
  /**
   * true: the files are identical to those of the official archive (MD5). false: they were extracted from it and have
   * changed since. undefined: unknown; only their structure was checked.
   */
  readonly official: boolean | undefined;
  readonly workerSpec: WorkerSpec;
  readonly labels: Int32Array;
  readonly #records: Uint8Array;

  /** Use {@link CIFAR10.open}. */
  constructor(contents: Contents) {
    this.#records = contents.records;
    this.name = `CIFAR-10 ${contents.train ? 'train' : 'test'}`;
    this.length = contents.records.length / RECORD;
    this.labels = Int32Array.from({ length: this.length }, (_, i) => contents.records[i * RECORD]!);
    this.classes = contents.classes;
    this.folder = contents.folder;
    this.official = contents.official;
    this.workerSpec = { module: import.meta.url, export: 'openSharedCIFAR10', options: contents };
  }

  /**
   * Reads and checks the images (150 MB of memory for the training set).
   *
   * @throws UsageError for wrong options; DataError for a file that is missing, truncated, of the wrong size or has a
   *   label above 9, and for a failed download
   */
  static async open(options: CIFAR10Options): Promise<CIFAR10> {
    checkOptionNames('CIFAR10.open', options, OPTIONS);
    const { root, train, download = false, allowPartial = false } = options;
    checkPath('CIFAR10.open', 'root', root);
    checkBooleans('CIFAR10.open', { train, download, allowPartial });
    let folder = await findFolder(root);
    const pickled = folder === undefined ? await findPickled(root) : undefined;
    if (pickled !== undefined) {
      const records = await readPickled(pickled, train);
      return new CIFAR10({ records, classes: CLASSES, train, folder: pickled, official: undefined });
    }
    const fetched = folder === undefined && download;
    if (fetched) folder = await fetchArchive(CIFAR10_ARCHIVE, options);
    if (folder === undefined) {
      throw new DataError({
        what: `CIFAR-10 not found in ${root}`,
        expected: `data_batch_1.bin … test_batch.bin there or in ${path.join(root, CIFAR10_ARCHIVE.folder)}`,
        got: 'none of them',
        next: 'pass download: true, or name the folder that holds the .bin files',
      });
    }
    const where = folder;
    const opened = () => readFolder(where, train, allowPartial);
    if (!download || fetched) return new CIFAR10(await opened());
    const contents = await opened().catch(async (error) => {
      if (!isBroken(error)) throw error;
      await fetchArchive(CIFAR10_ARCHIVE, options, where);
      return opened();
    });
    return new CIFAR10(contents);
  }

  read(index: number, into: Uint8Array, offset: number): number {
    checkIndex(this, index);
    const at = index * RECORD;
    into.set(this.#records.subarray(at + 1, at + RECORD), offset);
    return this.#records[at]!;
  }

  /** One-line description for logs: folder, number of images and whether they are verified. */
  describe(): string {
    const known = {
      true: 'verified against the official archive',
      false: 'changed since they were extracted from the official archive',
      undefined: 'not verified against the official archive',
    }[`${this.official}`];
    const count = grouped(this.length);
    return `CIFAR-10 from ${this.folder}: ${count} images, structure verified; ${known}`;
  }
}

/** Opens images that another thread has read into shared memory. */
export function openSharedCIFAR10(contents: Contents): CIFAR10 {
  return new CIFAR10(contents);
}
