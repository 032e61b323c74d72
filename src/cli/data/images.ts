import { turboJpegAdvice } from '../../data/images/formats/turbojpeg.js';
import { ImageFolder } from '../../data/images/image-folder.js';
import { counted, grouped } from '../../errors/counted.js';
import { UsageError } from '../../errors/errors.js';
import { imageStatistics, statisticsState } from '../../train/image-statistics.js';
import { Interrupted, onInterrupt } from '../terminal/interrupt.js';
import { note, print, printJson, table } from '../terminal/output.js';
import { Progress } from '../terminal/progress.js';

export interface ImageFlags {
  readonly data?: string;
  readonly prepare?: boolean;
  readonly cacheImages?: boolean;
  readonly json?: boolean;
}

/** Maximum number of classes listed; ImageNet has a thousand. */
const SHOWN = 20;

/** `paperweight data imagefolder`: describes the images; with --prepare, computes everything that training needs once. */
export async function describeImages(flags: ImageFlags): Promise<void> {
  const { data, prepare = false, cacheImages = false } = flags;
  if (data === undefined)
    throw new UsageError({
      what: 'imagefolder needs the folder of its images',
      expected: '--data DIR, with DIR/train/CLASS/*.jpg and DIR/val/CLASS/*.jpg',
      got: 'no folder',
      next: 'add --data DIR',
    });
  if (cacheImages && !prepare)
    throw new UsageError({
      what: '--cache-images decodes every image',
      expected: '--prepare together with it',
      got: 'no --prepare',
      next: 'add --prepare',
    });
  const abort = new AbortController();
  const stopListening = onInterrupt(() => abort.abort());
  const sets: ImageFolder[] = [];
  try {
    const open = async (train: boolean): Promise<ImageFolder> => {
      const set = await ImageFolder.openSplit({ root: data, train, cacheImages });
      sets.push(set);
      return set;
    };
    const [train, test] = [await open(true), await open(false)];
    const advice = turboJpegAdvice();
    if (advice) note(advice);
    if (prepare) await prepareSets(train, test, abort.signal);
    for (const [split, set] of [
      ['train', train],
      ['test', test],
    ] as const)
      await report(split, set, flags.json ?? false);
    if (!flags.json) printClasses(train, test);
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    throw new Interrupted('Interrupted. The same command continues where it stopped.');
  } finally {
    stopListening();
    await Promise.all(sets.map((set) => set.close()));
  }
}

async function prepareSets(train: ImageFolder, test: ImageFolder, signal: AbortSignal): Promise<void> {
  const work = async (
    label: string,
    total: number,
    run: (update: (n: number) => void) => Promise<unknown>,
  ) => {
    const bar = new Progress({ label, total, unit: 'images' });
    try {
      await run((n) => bar.update(n));
    } finally {
      bar.done();
    }
  };
  await work('mean', train.length, (update) => imageStatistics(train, { onProgress: update, signal }));
  // The statistics may be complete while decoded images are still missing.
  if (train.cachedImages !== undefined && train.cachedImages < train.length)
    await work('train', train.length, (update) => train.fill(update, signal));
  await work('test', test.length, (update) => test.fill(update, signal));
}

async function report(split: 'train' | 'test', set: ImageFolder, json: boolean): Promise<void> {
  const state = split === 'train' ? await statisticsState(set) : undefined;
  const unreadable = Object.fromEntries(set.unreadable);
  if (json)
    printJson({
      dataset: 'imagefolder',
      split,
      images: set.length,
      imageShape: set.imageShape,
      classes: classCounts(set).map((images, i) => ({ label: set.classes[i], images })),
      folder: set.folder,
      cachedImages: set.cachedImages ?? 0,
      unreadable,
      ...(state ? { statistics: { counted: state.counted, unreadable: state.unreadable } } : {}),
    });
  const say = json ? note : print;
  say(set.describe());
  const summary = set.summary();
  if (summary) say(summary);
  if (set.cachedImages !== undefined)
    say(`  decoded images on disk: ${grouped(set.cachedImages)} of ${grouped(set.length)}`);
  if (!state) return;
  const missing = state.counted < set.length;
  const broken = state.unreadable > 0 ? `; ${grouped(state.unreadable)} of them cannot be decoded` : '';
  say(
    `  mean image and colour components: ${missing ? `${grouped(state.counted)} of ${counted(set.length, 'image')} processed` : 'complete'}${broken}${missing ? ' (--prepare continues)' : ''}`,
  );
}

const classCounts = ({ classes, labels }: ImageFolder): number[] => {
  const counts = classes.map(() => 0);
  for (const label of labels) counts[label]!++;
  return counts;
};

function printClasses(train: ImageFolder, test: ImageFolder): void {
  const [a, b] = [classCounts(train), classCounts(test)];
  const rows = train.classes.map((name, i) => [name, grouped(a[i]!), grouped(b[i] ?? 0)]);
  print();
  for (const line of table([['class', 'train', 'test'], ...rows.slice(0, SHOWN)], 'lrr')) print(line);
  if (rows.length > SHOWN) print(`and ${counted(rows.length - SHOWN, 'more class', 'more classes')}`);
}
