import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CIFAR10 } from '../data/cifar10/cifar10.js';
import { CIFAR100 } from '../data/cifar100/cifar100.js';
import type { Dataset } from '../data/dataset.js';
import type { ImageRules } from '../data/images/rules.js';
import { FashionMNIST, MNIST, type MNISTOptions } from '../data/mnist/mnist.js';
import { Shapes10 } from '../data/shapes10/shapes10.js';
import { PaperweightError, UsageError } from '../errors/errors.js';
import { didYouMean } from '../errors/nearest.js';
import { DATASETS, FOLDER_VARIABLES, isDatasetName } from '../run/dataset-names.js';

export interface DatasetOptions {
  /** One of {@link DATASETS}. */
  readonly dataset: string;
  /** Folder of the `.bin` files or its parent; for `imagefolder` the folder of `train` and `val`. */
  readonly data?: string | undefined;
  readonly train: boolean;
  /** How image files are scaled, cropped and rotated; default: as in a new run. */
  readonly rules?: Pick<ImageRules, 'side' | 'orientation'> | undefined;
  readonly download?: boolean;
  readonly onProgress?: (progress: {
    received: number;
    total?: number | undefined;
    bytesPerSecond: number;
  }) => void;
  readonly signal?: AbortSignal;
}

/** Opens one of the built-in data sets. */
export async function openDataset({
  dataset,
  data,
  train,
  rules,
  download,
  onProgress,
  signal,
}: DatasetOptions): Promise<Dataset> {
  if (!isDatasetName(dataset))
    throw new UsageError({
      what: `There is no data set "${dataset}"`,
      expected: `one of ${DATASETS.join(', ')}`,
      got: `"${dataset}"`,
      next: didYouMean(dataset, DATASETS, 'choose one of those; a paper may have data sets of its own'),
    });
  if (dataset === 'shapes10') return Shapes10.open({ train });
  const fetching = {
    ...(download ? { download } : {}),
    ...(onProgress ? { onProgress } : {}),
    ...(signal ? { signal } : {}),
  };
  if (dataset !== 'cifar10' && dataset !== 'imagefolder')
    return openOther(dataset, { root: data ?? findOther(dataset) ?? 'data', train, ...fetching });
  if (dataset === 'imagefolder') {
    if (data !== undefined) {
      const { ImageFolder } = await import('../data/images/image-folder.js');
      // The rules of a run have more members than those that can be chosen.
      return ImageFolder.openSplit({
        root: data,
        train,
        ...(rules && { side: rules.side, orientation: rules.orientation }),
      });
    }
    throw new UsageError({
      what: 'imagefolder needs the folder of its images',
      expected: '--data DIR, with DIR/train/CLASS/*.jpg and DIR/val/CLASS/*.jpg',
      got: 'no folder',
      next: 'add --data DIR',
    });
  }
  const root = data ?? findCifar10();
  if (!root && !download)
    throw new UsageError({
      what: 'CIFAR-10 was not found',
      expected: 'its .bin files in ./data, in the folder in PAPERWEIGHT_CIFAR10, or in --data DIR',
      got: 'none of them',
      next: 'run: paperweight data cifar10 --download',
    });
  return CIFAR10.open({
    root: root ?? 'data',
    train,
    ...fetching,
  });
}

type Other = Exclude<keyof typeof FOLDER_VARIABLES, 'cifar10'>;

const findOther = (dataset: Other): string | undefined => process.env[FOLDER_VARIABLES[dataset]] || undefined;

async function openOther(dataset: Other, options: MNISTOptions): Promise<Dataset> {
  if (dataset === 'cifar100') return CIFAR100.open(options);
  return dataset === 'mnist' ? MNIST.open(options) : FashionMNIST.open(options);
}

/** A folder that contains CIFAR-10: the one in PAPERWEIGHT_CIFAR10, or ./data; undefined if neither does. */
export function findCifar10(): string | undefined {
  const named = process.env[FOLDER_VARIABLES.cifar10];
  if (named) return named;
  const places = ['data', join('data', 'cifar-10-batches-bin')];
  const binary = places.find((place) => existsSync(join(place, 'data_batch_1.bin')));
  if (binary !== undefined) return binary;
  return ['data', join('data', 'cifar-10-batches-py')].find((place) =>
    existsSync(join(place, 'data_batch_1')),
  );
}

export interface Choice {
  readonly dataset: string;
  readonly data?: string;
  /** Message to the user about a fallback. */
  readonly note?: string;
}

/**
 * Chooses the default data set: CIFAR-10 from a folder, else downloaded, else `shapes10`, so that everything also runs
 * without a network.
 */
export async function chooseDataset(options: Pick<DatasetOptions, 'onProgress' | 'signal'>): Promise<Choice> {
  const folder = findCifar10();
  if (folder) return { dataset: 'cifar10', data: folder };
  try {
    await CIFAR10.open({
      root: 'data',
      train: true,
      download: true,
      ...(options.onProgress ? { onProgress: options.onProgress } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    return { dataset: 'cifar10', data: 'data' };
  } catch (error) {
    if (!(error instanceof PaperweightError) || options.signal?.aborted) throw error;
    return {
      dataset: 'shapes10',
      note: `CIFAR-10 is not here and could not be downloaded (${error.message}) Training on shapes10 instead, ten classes of drawn shapes; its accuracy says nothing about CIFAR-10. If you have CIFAR-10's .bin files, add --data DIR.`,
    };
  }
}
