import { mkdtemp, rmdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { itemOf, itemsOf } from '../data/items.js';
import { counted } from '../errors/counted.js';
import { CheckpointError } from '../errors/errors.js';
import { makeFolder } from '../files/make-folder.js';
import { removeFolder } from '../files/system/remove.js';
import { missingFolders } from '../files/undo.js';
import { RunFolder } from '../run/run-folder.js';
import { prepareRun, type RunOptions } from './train.js';

const STEPS = 2;

/**
 * Tries a configuration: two training steps, one test batch, and a checkpoint that is written and read back, in a
 * temporary folder beside the run's own, so on the same disk.
 *
 * @param path where the run's folder would be
 * @returns a message for the user
 * @throws any error that the run itself would throw, and CheckpointError if the checkpoint reads back differently
 */
export async function dryRun(path: string, { config, ...run }: Omit<RunOptions, 'folder'>): Promise<string> {
  const parent = dirname(path);
  const made = missingFolders(parent);
  await makeFolder(parent);
  const trial = await mkdtemp(`${parent}/.dry-run-`);
  try {
    const small = {
      ...config,
      epochs: 1,
      maxSteps: STEPS,
      checkpointEvery: STEPS,
      evalLimit: Math.min(config.batchSize, config.evalLimit ?? config.batchSize),
    };
    const folder = await RunFolder.create(`${trial}/${basename(path)}`, small);
    const trainer = await prepareRun({ ...run, config: small, folder });
    const done = await trainer.run();
    if (!done) return 'Dry run: interrupted; nothing was left behind.';
    const again = await prepareRun({ ...run, config: small, folder });
    await compare(folder, await trainer.weights(), await again.weights());
    return `Dry run: no problems found. ${counted(done.step, 'step')}, ${counted(done.testImages, itemOf(itemsOf(run.testSet)))} evaluated, a checkpoint written and read back identically; nothing was left behind.`;
  } finally {
    await removeFolder(trial);
    // A folder that is no longer empty stays.
    for (const folder of made) await rmdir(folder).catch(() => {});
  }
}

async function compare(
  folder: RunFolder,
  written: ReadonlyMap<string, ArrayLike<number>>,
  read: ReadonlyMap<string, ArrayLike<number>>,
): Promise<void> {
  for (const [name, values] of written) {
    const other = read.get(name);
    let same = other?.length === values.length;
    for (let i = 0; same && i < values.length; i++) same = Object.is(values[i], other![i]);
    if (same) continue;
    throw new CheckpointError({
      what: `A checkpoint in ${dirname(folder.path)} read back differently: ${name}`,
      expected: 'the values that were written',
      got: 'others',
      next: 'check the disk before training on it',
    });
  }
}
