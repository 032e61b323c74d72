import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { placesIn, sameClasses, showClasses } from '../../data/class-order.js';
import { type AnySet, classesOf } from '../../data/dataset.js';
import { itemOf, itemsOf } from '../../data/items.js';
import { counted, grouped } from '../../errors/counted.js';
import { CheckpointError, UsageError } from '../../errors/errors.js';
import { writeFileAtomic } from '../../files/atomic.js';
import { diskError } from '../../files/disk-error.js';
import { parseRunFile } from '../../run/run-files.js';
import { contentsOf } from './data-contents.js';

const count = z.number().int().nonnegative();
const setSchema = z.object({
  images: count,
  classes: z.array(z.string()),
  /** Number of images of each class, if labels are known without reading. */
  perClass: z.array(count).optional(),
  /** Hash of the names, sizes, labels and order of the files. */
  fingerprint: z.string().optional(),
  /** Hash of some samples of a set of other kinds, if they are the same whenever they are read. */
  contents: z.string().optional(),
});
type SetRecord = z.infer<typeof setSchema>;
const recordSchema = z.object({ version: z.literal(1), train: setSchema, test: setSchema });
type DataRecord = z.infer<typeof recordSchema>;

/** Name of the file in a run's folder that describes its data. */
export const DATA_FILE = 'data.json';

export interface RunData {
  readonly trainSet: AnySet;
  readonly testSet: AnySet;
}

/**
 * Compares the data of a resumed run with the record that the run wrote at its start; a new run writes the record.
 *
 * @param path folder of the run
 * @param classes of its model
 * @param started whether the run has completed any steps
 * @returns messages for the user
 * @throws UsageError if names of classes or numbers of images differ from the record
 */
export async function checkData(
  path: string,
  { trainSet, testSet }: RunData,
  classes: readonly string[],
  started: boolean,
): Promise<string[]> {
  refuseOtherClasses(path, classes, trainSet);
  const file = join(path, DATA_FILE);
  const now = await describeData({ trainSet, testSet });
  for (const [record, set] of [
    [now.train, trainSet],
    [now.test, testSet],
  ] as const) {
    const contents = 'get' in set ? await contentsOf(set) : undefined;
    if (contents !== undefined) record.contents = contents;
  }
  if (!started || !existsSync(file)) {
    await writeFileAtomic(file, `${JSON.stringify(now, undefined, 2)}\n`);
    return [];
  }
  const text = await readFile(file, 'utf8').catch((error) => {
    throw diskError(error, `cannot read ${file}`, CheckpointError);
  });
  const before = parseRunFile(
    file,
    text,
    recordSchema,
    'delete it, and resume the run with its original data',
  );
  const notes: string[] = [];
  for (const [which, then, is, set] of [
    ['training', before.train, now.train, trainSet],
    ['test', before.test, now.test, testSet],
  ] as const) {
    refuseOtherNumbers(path, which, then, is, set);
    if (then.fingerprint !== is.fingerprint)
      notes.push(
        `The ${which} images are different files from those at the start of the run, though as many of each class: earlier figures refer to the original files.`,
      );
    else if (then.contents !== undefined && is.contents !== undefined && then.contents !== is.contents)
      notes.push(
        `The ${which} samples are others than at the start of the run, though as many: earlier figures refer to the original ones.`,
      );
    else if (is.fingerprint !== undefined && !sameClasses(then.classes, is.classes))
      refuseRenamed(path, then, is, set);
  }
  return notes;
}

/** What decides whether two sets are the same data. */
export const describeData = async ({ trainSet, testSet }: RunData): Promise<DataRecord> => ({
  version: 1,
  train: await recordOf(trainSet),
  test: await recordOf(testSet),
});

async function recordOf(set: AnySet): Promise<SetRecord> {
  const classes = classesOf(set);
  const labels = 'labels' in set ? set.labels : undefined;
  const perClass = labels && classes.map(() => 0);
  for (const label of labels ?? []) if (label >= 0) perClass![label]!++;
  const fingerprint = 'fingerprint' in set ? await set.fingerprint?.() : undefined;
  return {
    images: set.length ?? 0,
    classes: [...classes],
    ...(perClass ? { perClass } : {}),
    ...(fingerprint === undefined ? {} : { fingerprint }),
  };
}

const NEXT =
  'resume with the original data (--data DIR), or start a new run from its weights: train --init RUN/checkpoints/FILE --partial';

function refuseOtherClasses(path: string, classes: readonly string[], set: AnySet): void {
  const own = classesOf(set);
  if (sameClasses(own, classes)) return;
  const gone = classes.filter((_, i) => placesIn(classes, own)[i] === -1);
  const added = own.filter((_, i) => placesIn(own, classes)[i] === -1);
  if (gone.length === 0 && added.length === 0) return;
  const changes = [
    ...(gone.length > 0 ? [`removed: ${showClasses(gone)}`] : []),
    ...(added.length > 0 ? [`new: ${showClasses(added)}`] : []),
  ];
  throw new UsageError({
    what: `The run in ${path} has other classes than ${set.name} (${changes.join('; ')})`,
    expected: `the classes at the start of the run: ${showClasses(classes)}`,
    got: showClasses(own),
    next: NEXT,
  });
}

/** An error for equal files with changed class names, after an edit of classes.txt. */
function refuseRenamed(path: string, before: SetRecord, now: SetRecord, { name }: AnySet): void {
  const changed = before.classes.flatMap((label, i) =>
    label === now.classes[i] ? [] : [`${label} is now ${now.classes[i]}`],
  );
  throw new UsageError({
    what: `The run in ${path} was started with other class names for the same files of ${name} (${showClasses(changed)})`,
    expected: `the names that it was started with: ${showClasses(before.classes)}`,
    got: showClasses(now.classes),
    next: NEXT,
  });
}

function refuseOtherNumbers(
  path: string,
  which: string,
  before: SetRecord,
  now: SetRecord,
  set: AnySet,
): void {
  const { name } = set;
  const items = itemsOf(set);
  const places = placesIn(before.classes, now.classes);
  const then = before.perClass?.map((n, i) => [before.classes[i]!, n, now.perClass?.[places[i]!]] as const);
  const differing = then?.filter(([, n, is]) => is !== undefined && is !== n) ?? [];
  if (before.images === now.images && differing.length === 0) return;
  const list = differing
    .slice(0, 10)
    .map(([label, n, is]) => `${label} ${grouped(is!)} instead of ${grouped(n)}`);
  const more = differing.length > 10 ? ` and ${differing.length - 10} more classes` : '';
  throw new UsageError({
    what: `The run in ${path} cannot resume with another number of ${which} ${items}, which determines its ${which === 'test' ? 'accuracies' : 'epochs and steps'}`,
    expected: `${counted(before.images, itemOf(items))}, as at its start`,
    got: `${grouped(now.images)} in ${name}${list.length > 0 ? ` (${list.join(', ')}${more})` : ''}`,
    next: NEXT,
  });
}
