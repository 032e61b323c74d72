import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { gunzip } from 'node:zlib';
import { checkBooleans, checkOptionNames, checkPath } from '../../errors/arguments.js';
import { grouped } from '../../errors/counted.js';
import { DataError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import { makeFolder } from '../../files/make-folder.js';
import { checkIndex, type Dataset, type WorkerSpec } from '../dataset.js';
import { type DownloadProgress, downloadFile } from '../download/download.js';
import { fetchAlone, isBroken, setAside } from '../download/fetching.js';
import { type IdxArray, parseIdx } from './idx.js';

/** A file of an archive: its name without `.gz`, and the MD5 of the compressed file. */
interface Resource {
  readonly name: string;
  readonly md5: string;
}

/** One data set in MNIST's format. */
interface Family {
  readonly name: string;
  /** Addresses of the folder with the files; the first one that works is used. */
  readonly mirrors: readonly string[];
  readonly classes: readonly string[];
  readonly train: { readonly images: Resource; readonly labels: Resource };
  readonly test: { readonly images: Resource; readonly labels: Resource };
}

const files = (trainImages: string, trainLabels: string, testImages: string, testLabels: string) => ({
  train: {
    images: { name: 'train-images-idx3-ubyte', md5: trainImages },
    labels: { name: 'train-labels-idx1-ubyte', md5: trainLabels },
  },
  test: {
    images: { name: 't10k-images-idx3-ubyte', md5: testImages },
    labels: { name: 't10k-labels-idx1-ubyte', md5: testLabels },
  },
});

const MNIST_FAMILY: Family = {
  name: 'MNIST',
  mirrors: ['https://ossci-datasets.s3.amazonaws.com/mnist/', 'http://yann.lecun.com/exdb/mnist/'],
  classes: [...'0123456789'],
  ...files(
    'f68b3c2dcbeaaa9fbdd348bbdeb94873',
    'd53e105ee54ea40749a09fcbcd1e9432',
    '9fb629c4189551a2d022fa330f9573f3',
    'ec29112dd5afa0611ce80d1b7f02629c',
  ),
};

const FASHION_FAMILY: Family = {
  name: 'FashionMNIST',
  mirrors: ['http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/'],
  classes: [
    'T-shirt/top',
    'Trouser',
    'Pullover',
    'Dress',
    'Coat',
    'Sandal',
    'Shirt',
    'Sneaker',
    'Bag',
    'Ankle boot',
  ],
  ...files(
    '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
    '25c81989df183df01b3e8a0aad5dffbe',
    'bef4ecab320f06d8554ea6380940ec79',
    'bb300cfdad3c16e7a12a480ee83cd310',
  ),
};

export interface MNISTOptions {
  /** Folder with the idx files, compressed (`.gz`) or not, or a parent of it: `MNIST/raw` is searched as well. */
  root: string;
  /** true: the training images. false: the test images. */
  train: boolean;
  /** Download the files (about 12 MB for MNIST, 31 MB for FashionMNIST) if they are missing or damaged; default false. */
  download?: boolean;
  /** Address of a folder with the files, instead of the official ones. */
  mirror?: string;
  onProgress?: (progress: DownloadProgress) => void;
  /** Aborts the download. */
  signal?: AbortSignal;
}

/** More than any of these files has. */
const MAX_FILE = 2 ** 26;

const OPTIONS = ['root', 'train', 'download', 'mirror', 'onProgress', 'signal'];

interface Contents {
  readonly name: string;
  readonly classes: readonly string[];
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly folder: string;
}

/** Images in MNIST's format, [1, height, width]. */
class IdxImages implements Dataset {
  readonly name: string;
  readonly length: number;
  readonly classes: readonly string[];
  readonly imageShape: readonly [channels: number, height: number, width: number];
  /** The folder with the idx files. */
  readonly folder: string;
  readonly labels: Int32Array;
  readonly workerSpec: WorkerSpec;
  readonly #images: Uint8Array;

  /** Use `open`. */
  constructor(contents: Contents) {
    const { name, classes, images, labels, height, width, folder } = contents;
    this.name = name;
    this.classes = classes;
    this.length = labels.length;
    this.imageShape = [1, height, width];
    this.folder = folder;
    this.labels = Int32Array.from(labels);
    this.#images = images;
    this.workerSpec = { module: import.meta.url, export: 'openSharedIdx', options: contents };
  }

  read(index: number, into: Uint8Array, offset: number): number {
    checkIndex(this, index);
    const [, height, width] = this.imageShape;
    const size = height * width;
    into.set(this.#images.subarray(index * size, (index + 1) * size), offset);
    return this.labels[index]!;
  }

  /** One-line description for logs. */
  describe(): string {
    return `${this.name} from ${this.folder}: ${grouped(this.length)} images`;
  }
}

/**
 * MNIST (LeCun, Cortes, Burges, 1998): handwritten digits, 28×28 grey. A folder with fewer images than the official files
 * is read as it is.
 *
 * @example
 * const trainSet = await MNIST.open({ root: 'data', train: true, download: true });
 */
export class MNIST extends IdxImages {
  /**
   * @throws UsageError for wrong options; DataError for files that are missing, damaged or do not belong together, and
   *   for a failed download
   */
  static async open(options: MNISTOptions): Promise<MNIST> {
    return new MNIST(await openFamily(MNIST_FAMILY, options));
  }
}

/** Fashion-MNIST (Xiao, Rasul, Vollgraf, 2017): articles of clothing in MNIST's format. */
export class FashionMNIST extends IdxImages {
  /** @throws as {@link MNIST.open} */
  static async open(options: MNISTOptions): Promise<FashionMNIST> {
    return new FashionMNIST(await openFamily(FASHION_FAMILY, options));
  }
}

/** Opens images that another thread has read into shared memory. */
export const openSharedIdx = (contents: Contents): Dataset => new IdxImages(contents);

async function openFamily(family: Family, options: MNISTOptions): Promise<Contents> {
  const { name, classes } = family;
  checkOptionNames(`${name}.open`, options, OPTIONS);
  const { root, train, download = false } = options;
  checkPath(`${name}.open`, 'root', root);
  checkBooleans(`${name}.open`, { train, download });
  const split = train ? family.train : family.test;
  const found = await findFolder(family, root, split);
  const everything = [family.train, family.test].flatMap((one) => Object.values(one));
  let folder = found ?? (download ? await fetchFiles(family, options, everything) : undefined);
  if (folder === undefined)
    throw new DataError({
      what: `${name} not found in ${root}`,
      expected: `${split.images.name} and ${split.labels.name}, or these with .gz, there or in ${path.join(name, 'raw')}`,
      got: 'at least one of them missing',
      next: 'pass download: true, or name the folder that holds the files',
    });
  const damaged = download && found !== undefined ? await damagedIn(family, found, split) : [];
  if (damaged.length > 0) {
    folder = await fetchFiles(family, options, Object.values(split));
    // What was downloaded has replaced a damaged file of the same name.
    const fresh = Object.values(split).map(({ name }) => path.join(folder!, `${name}.gz`));
    for (const file of damaged) if (!fresh.includes(file)) await setAside(file);
  }
  const { images, labels } = await readSplit(family, folder, split);
  const [, height, width] = images.shape as [number, number, number];
  return {
    name: `${name} ${train ? 'train' : 'test'}`,
    classes,
    images: shared(images.data),
    labels: shared(labels.data),
    height,
    width,
    folder,
  };
}

function check(
  { name, classes }: Family,
  folder: string,
  split: Family['train'],
  images: IdxArray,
  labels: IdxArray,
): void {
  const refuse = (file: string, expected: string, got: string): never => {
    throw new DataError({
      what: `${path.join(folder, file)} is not a file of ${name}`,
      expected,
      got,
      next: 'fetch the files again (download: true), or name the folder of the right ones',
    });
  };
  const count = images.shape[0]!;
  if (images.shape.length !== 3 || images.shape.includes(0))
    refuse(split.images.name, 'images [N, height, width]', `[${images.shape.join(', ')}]`);
  if (labels.shape.length !== 1 || labels.shape[0] !== count)
    refuse(split.labels.name, `a label for each of ${count} images`, `[${labels.shape.join(', ')}]`);
  const bad = labels.data.findIndex((label) => label >= classes.length);
  if (bad >= 0)
    refuse(
      split.labels.name,
      `labels from 0 to ${classes.length - 1}`,
      `${labels.data[bad]} for image ${bad}`,
    );
}

async function readSplit(family: Family, folder: string, split: Family['train']) {
  const images = await readIdx(folder, split.images);
  const labels = await readIdx(folder, split.labels);
  check(family, folder, split, images, labels);
  return { images, labels };
}

/** The files of a split that cannot be used: those that are damaged, or both if they do not belong together. */
async function damagedIn(family: Family, folder: string, split: Family['train']): Promise<string[]> {
  const whole = await readSplit(family, folder, split).catch((error) => {
    if (!isBroken(error)) throw error;
  });
  if (whole) return [];
  const files = await Promise.all(Object.values(split).map((one) => fileOf(folder, one)));
  const there = files.filter((file) => file !== undefined);
  const broken = await Promise.all(there.map(isDamaged));
  return broken.includes(true) ? there.filter((_, i) => broken[i]) : there;
}

const isDamaged = (file: string): Promise<boolean> =>
  readIdxFile(file).then(
    () => false,
    () => true,
  );

async function findFolder(
  { name }: Family,
  root: string,
  { images, labels }: Family['train'],
): Promise<string | undefined> {
  for (const folder of [root, path.join(root, 'raw'), path.join(root, name, 'raw')])
    if ((await fileOf(folder, images)) && (await fileOf(folder, labels))) return folder;
  return undefined;
}

async function fileOf(folder: string, { name }: Resource): Promise<string | undefined> {
  for (const file of [path.join(folder, name), path.join(folder, `${name}.gz`)])
    if (await stat(file).catch(() => undefined)) return file;
  return undefined;
}

/** Maximum size of a file in bytes; the 32-bit sizes in its header could state far more. */
const MOST_BYTES = 2 ** 30;

async function readIdx(folder: string, resource: Resource): Promise<IdxArray> {
  return readIdxFile((await fileOf(folder, resource)) ?? path.join(folder, resource.name));
}

async function readIdxFile(file: string): Promise<IdxArray> {
  const bytes = await readFile(file).catch((error) => {
    throw diskError(error, `cannot read ${file}`, DataError);
  });
  return parseIdx(file, file.endsWith('.gz') ? await unzipped(file, bytes) : bytes);
}

async function unzipped(file: string, bytes: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) =>
    gunzip(bytes, { maxOutputLength: MOST_BYTES }, (error, data) => {
      if (!error) return resolve(data);
      reject(
        new DataError({
          what: `${file} cannot be decompressed`,
          expected: 'a gzip file',
          got: error.message,
          next: 'delete it and fetch it again (download: true)',
          cause: error,
        }),
      );
    }),
  );
}

/** Downloads files into `root/NAME/raw`, each verified by its MD5. */
async function fetchFiles(
  family: Family,
  options: MNISTOptions,
  resources: readonly Resource[],
): Promise<string> {
  const { root, mirror, onProgress, signal } = options;
  const folder = path.join(root, family.name, 'raw');
  await makeFolder(folder).catch((error) => {
    throw diskError(error, `cannot prepare ${family.name} in ${root}`, DataError);
  });
  const mirrors = mirror === undefined ? family.mirrors : [mirror];
  await fetchAlone(folder, signal, async () => {
    for (const { name, md5 } of resources) {
      const to = path.join(folder, `${name}.gz`);
      for (const [i, base] of mirrors.entries())
        try {
          const url = `${base.endsWith('/') ? base : `${base}/`}${name}.gz`;
          const more = { ...(onProgress ? { onProgress } : {}), ...(signal ? { signal } : {}) };
          await downloadFile({
            url,
            to,
            md5,
            maxBytes: MAX_FILE,
            ...(mirrors.length > 1 ? { retries: 1 } : {}),
            ...more,
          });
          break;
        } catch (error) {
          // Another mirror may have it.
          if (!(error instanceof DataError) || i === mirrors.length - 1) throw error;
        }
    }
  });
  return folder;
}

/** A copy in memory that worker threads can read without a copy of their own. */
function shared(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}
