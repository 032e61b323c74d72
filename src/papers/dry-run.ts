import { existsSync } from 'node:fs';
import { mkdtemp, rm, rmdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { counted } from '../errors/counted.js';
import { CheckpointError } from '../errors/errors.js';
import { makeFolder } from '../files/make-folder.js';
import { RunFolder } from '../run/run-folder.js';
import { prepareRun, type RunOptions } from './train.js';

const STEPS = 2;

/**
 * Tries a configuration: two steps, one batch of measuring, a checkpoint that is written and read back. It happens in
 * a folder beside the run's own, on the same disk, which is removed.
 *
 * @param path where the run would be
 * @returns what was done, for people
 * @throws whatever the run itself would meet, and CheckpointError where the checkpoint comes back different
 */
export async function dryRun(path: string, { config, ...run }: Omit<RunOptions, 'folder'>): Promise<string> {
  const parent = dirname(path);
  const made = missing(parent);
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
    return `Dry run: all is well. ${counted(done.step, 'step')}, ${counted(done.testImages, 'image')} measured, a checkpoint written and read back the same; nothing was left behind.`;
  } finally {
    await rm(trial, { recursive: true, force: true });
    // Where nobody has put anything there since.
    for (const folder of made) await rmdir(folder).catch(() => {});
  }
}

/** Folders that are not there yet, the innermost first. */
const missing = (path: string): string[] => (existsSync(path) ? [] : [path, ...missing(dirname(path))]);

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
      what: `A checkpoint in ${dirname(folder.path)} came back different: ${name}`,
      expected: 'the values that were written',
      got: 'others',
      next: 'check the disk before you train on it',
    });
  }
}
