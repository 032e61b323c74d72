import type { Command } from 'commander';
import type { Dataset } from '../../data/dataset.js';
import { UsageError } from '../../errors/errors.js';
import { DATASETS, type DatasetName } from '../../run/dataset-names.js';
import { examples, JSON_OUTPUT, oneOf, pathName } from '../options/options.js';
import { grouped, note, print, printJson, table } from '../terminal/output.js';
import type { ImageFlags } from './images.js';

interface Flags extends ImageFlags {
  readonly download?: boolean;
}

export function register(program: Command): void {
  program
    .command('data')
    .summary('check, describe or download a data set')
    .description(
      'Checks every record of a data set and counts its images, class by class. For imagefolder, --prepare decodes every image, names broken files, and computes the mean image and the colour components.',
    )
    .argument(
      '[dataset]',
      'cifar10, shapes10 (drawn by code), or imagefolder (images in folders)',
      oneOf('dataset', DATASETS),
      'cifar10',
    )
    .option(
      '--data <dir>',
      'folder that holds the .bin files (default: the one that PAPERWEIGHT_CIFAR10 names, else ./data), or train/ and val/ for imagefolder',
      pathName('--data'),
    )
    .option('--download', 'fetch the images (about 170 MB) when they are not there (default: off)')
    .option('--prepare', 'imagefolder: compute once what training needs (default: off)')
    .option(
      '--cache-images',
      'imagefolder, with --prepare: keep the decoded images on disk, 192 KB each (default: off)',
    )
    .option(...JSON_OUTPUT)
    .addHelpText(
      'after',
      examples(
        'paperweight data cifar10 --data ./data --download',
        'paperweight data shapes10',
        'paperweight data imagefolder --data ./imagenet --prepare',
      ),
    )
    .action(describeData);
}

async function describeData(name: DatasetName, flags: Flags): Promise<void> {
  const { prepare, cacheImages } = flags;
  if (name === 'imagefolder' ? flags.download : prepare || cacheImages)
    throw new UsageError({
      what: `${name} has no such option`,
      expected: name === 'imagefolder' ? 'images that are in --data DIR' : 'no --prepare, no --cache-images',
      got: flags.download ? '--download' : prepare ? '--prepare' : '--cache-images',
      next: 'leave it out',
    });
  if (name === 'imagefolder') return (await import('./images.js')).describeImages(flags);
  if (name === 'shapes10' && (flags.data !== undefined || flags.download))
    throw new UsageError({
      what: 'shapes10 is drawn by code and needs no folder',
      expected: 'neither --data nor --download',
      got: flags.data === undefined ? '--download' : `--data ${flags.data}`,
      next: 'leave it out, or ask for cifar10',
    });
  const { openDatasetAloud } = await import('./open.js');
  const { data, download = false } = flags;
  const counts: { label: string; train: number; test: number }[] = [];
  for (const split of ['train', 'test'] as const) {
    const dataset = await openDatasetAloud({ dataset: name, data, download, train: split === 'train' });
    const found = await countClasses(dataset);
    const { folder, official } = dataset as { folder?: string; official?: boolean };
    if (flags.json)
      printJson({
        dataset: name,
        split,
        images: dataset.length,
        imageShape: dataset.imageShape,
        classes: dataset.classes.map((label, i) => ({ label, images: found[i] })),
        // null: nobody can tell; the structure of the files is right.
        ...(folder === undefined ? {} : { folder, official: official ?? null }),
      });
    (flags.json ? note : print)((dataset as { describe?(): string }).describe?.() ?? dataset.name);
    for (const [i, label] of dataset.classes.entries()) {
      counts[i] ??= { label, train: 0, test: 0 };
      counts[i][split] = found[i]!;
    }
  }
  if (flags.json) return;
  const rows = counts.map(({ label, train, test }) => [label, grouped(train), grouped(test)]);
  print();
  for (const line of table([['class', 'train', 'test'], ...rows], 'lrr')) print(line);
}

async function countClasses(dataset: Dataset): Promise<number[]> {
  const counts = dataset.classes.map(() => 0);
  const image = new Uint8Array(dataset.imageShape.reduce((a, d) => a * d, 1));
  for (let i = 0; i < dataset.length; i++) {
    counts[dataset.read(i, image, 0)]!++;
    // Ctrl-C gets a turn now and then.
    if (i % 500 === 499) await new Promise((resolve) => setImmediate(resolve));
  }
  return counts;
}
