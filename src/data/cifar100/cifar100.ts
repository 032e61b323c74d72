import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { checkBooleans, checkOptionNames, checkPath, shown } from '../../errors/arguments.js';
import { grouped } from '../../errors/counted.js';
import { DataError, UsageError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import { checkIndex, type Dataset, type WorkerSpec } from '../dataset.js';
import { type Archive, fetchArchive } from '../download/archive.js';
import type { DownloadProgress } from '../download/download.js';
import { checkedMd5, isBroken, isThere } from '../download/fetching.js';

const PIXELS = 3 * 32 * 32;
/** Bytes of a record: coarse label, fine label, then red, green and blue planes. */
const RECORD = 2 + PIXELS;
const NAMES = { fine: 'fine_label_names.txt', coarse: 'coarse_label_names.txt' } as const;
const COUNT = { fine: 100, coarse: 20 } as const;
const FETCH_AGAIN = 'delete the folder and fetch the archive again (download: true)';
const ARCHIVE: Archive = {
  name: 'CIFAR-100',
  url: 'https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz',
  md5: '03b5dce01913d631647c71ecec9e9cb8',
  folder: 'cifar-100-binary',
  files: ['train.bin', 'test.bin', NAMES.fine, NAMES.coarse],
  check: checkFile,
};

export interface CIFAR100Options {
  /** Folder with train.bin and test.bin, or its parent. */
  root: string;
  /** true: the 50,000 training images. false: the 10,000 test images. */
  train: boolean;
  /** `fine` (default): 100 classes; `coarse`: the 20 superclasses. */
  labels?: 'fine' | 'coarse';
  /** Download the archive (about 160 MB) if files are missing or damaged; default false. */
  download?: boolean;
  /** Address of a mirror of the official archive. */
  mirror?: string;
  /** MD5 of the mirror's archive; default: that of the official one. */
  md5?: string;
  onProgress?: (progress: DownloadProgress) => void;
  /** Aborts the download. */
  signal?: AbortSignal;
}

const OPTIONS = ['root', 'train', 'labels', 'download', 'mirror', 'md5', 'onProgress', 'signal'];

interface Contents {
  readonly records: Uint8Array;
  readonly classes: readonly string[];
  readonly train: boolean;
  readonly kind: 'fine' | 'coarse';
  readonly folder: string;
}

/**
 * CIFAR-100 (Krizhevsky, 2009): 32×32 RGB images of 100 classes in 20 superclasses, from the binary version of the archive.
 *
 * @example
 * const trainSet = await CIFAR100.open({ root: 'data', train: true, download: true });
 */
export class CIFAR100 implements Dataset {
  readonly name: string;
  readonly length: number;
  readonly classes: readonly string[];
  readonly imageShape = [3, 32, 32] as const;
  /** The folder with the .bin files. */
  readonly folder: string;
  readonly labels: Int32Array;
  readonly workerSpec: WorkerSpec;
  readonly #records: Uint8Array;

  /** Use {@link CIFAR100.open}. */
  constructor(contents: Contents) {
    const { records, classes, train, kind, folder } = contents;
    this.name = `CIFAR-100 ${train ? 'train' : 'test'}`;
    this.length = records.length / RECORD;
    this.classes = classes;
    this.folder = folder;
    this.#records = records;
    const at = kind === 'fine' ? 1 : 0;
    this.labels = Int32Array.from({ length: this.length }, (_, i) => records[i * RECORD + at]!);
    this.workerSpec = { module: import.meta.url, export: 'openSharedCIFAR100', options: contents };
  }

  /**
   * @throws UsageError for wrong options; DataError for a file that is missing or not whole or has a label out of range,
   *   and for a failed download
   */
  static async open(options: CIFAR100Options): Promise<CIFAR100> {
    checkOptionNames('CIFAR100.open', options, OPTIONS);
    const { root, train, labels: kind = 'fine', download = false } = options;
    checkPath('CIFAR100.open', 'root', root);
    checkBooleans('CIFAR100.open', { train, download });
    if (kind !== 'fine' && kind !== 'coarse')
      throw new UsageError({
        what: 'CIFAR100.open got a bad value of labels',
        expected: "'fine' or 'coarse'",
        got: shown(kind),
      });
    const name = train ? 'train.bin' : 'test.bin';
    if (options.md5 !== undefined) checkedMd5('CIFAR100.open', options.md5);
    const found = await findFolder(root, name);
    const folder = found ?? (download ? await fetchArchive(ARCHIVE, options) : undefined);
    if (folder === undefined)
      throw new DataError({
        what: `CIFAR-100 not found in ${root}`,
        expected: `${name} there or in ${path.join(root, ARCHIVE.folder)}`,
        got: 'nothing there',
        next: 'pass download: true, or name the folder that holds the .bin files',
      });
    const opened = async () => {
      const classes = await readNames(folder, kind);
      const records = await readRecords(path.join(folder, name));
      return new CIFAR100({ records, classes, train, kind, folder });
    };
    if (!download || found === undefined) return opened();
    return opened().catch(async (error) => {
      if (!isBroken(error)) throw error;
      await fetchArchive(ARCHIVE, options, folder);
      return opened();
    });
  }

  read(index: number, into: Uint8Array, offset: number): number {
    checkIndex(this, index);
    into.set(this.#records.subarray(index * RECORD + 2, (index + 1) * RECORD), offset);
    return this.labels[index]!;
  }

  /** One-line description for logs. */
  describe(): string {
    return `${this.name} from ${this.folder}: ${grouped(this.length)} images`;
  }
}

/** Opens images that another thread has read into shared memory. */
export const openSharedCIFAR100 = (contents: Contents): CIFAR100 => new CIFAR100(contents);

async function findFolder(root: string, name: string): Promise<string | undefined> {
  for (const folder of [root, path.join(root, ARCHIVE.folder)])
    if (await isThere(path.join(folder, name))) return folder;
  return undefined;
}

async function read(file: string): Promise<Buffer> {
  return readFile(file).catch((error) => {
    throw diskError(error, `cannot read ${file}`, DataError);
  });
}

async function readRecords(file: string): Promise<Uint8Array> {
  const bytes = await read(file);
  if (bytes.length === 0 || bytes.length % RECORD !== 0)
    throw new DataError({
      what: `${file} does not hold whole CIFAR-100 records`,
      expected: `a multiple of ${RECORD} bytes`,
      got: `${bytes.length} bytes`,
      next: FETCH_AGAIN,
    });
  for (let at = 0; at < bytes.length; at += RECORD)
    if (bytes[at]! >= COUNT.coarse || bytes[at + 1]! >= COUNT.fine)
      throw new DataError({
        what: `${file} has a bad label at record ${at / RECORD}`,
        expected: 'a coarse label below 20 and a fine label below 100',
        got: `${bytes[at]} and ${bytes[at + 1]}`,
        next: 'this is not the binary version of CIFAR-100, or the file is damaged: fetch it again',
      });
  const records = new Uint8Array(new SharedArrayBuffer(bytes.length));
  records.set(bytes);
  return records;
}

async function readNames(folder: string, kind: 'fine' | 'coarse'): Promise<readonly string[]> {
  const file = path.join(folder, NAMES[kind]);
  const names = (await read(file))
    .toString()
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (names.length === COUNT[kind]) return names;
  throw new DataError({
    what: `${file} does not name the classes`,
    expected: `${COUNT[kind]} names, one per line`,
    got: String(names.length),
    next: FETCH_AGAIN,
  });
}

/** Reads a file of the data set. @throws DataError if it is missing or damaged */
async function checkFile(file: string): Promise<unknown> {
  const { dir, base } = path.parse(file);
  if (base === NAMES.fine) return readNames(dir, 'fine');
  return base === NAMES.coarse ? readNames(dir, 'coarse') : readRecords(file);
}
