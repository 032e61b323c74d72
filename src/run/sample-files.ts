import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError } from '../errors/errors.js';
import { diskError } from '../files/disk-error.js';
import { makeFolder } from '../files/make-folder.js';
import type { FileArray } from '../interop/numbers.js';
import { readSafetensors, type SafetensorsFile, writeSafetensors } from '../interop/safetensors/checked.js';
import type { SampleImage } from './events.js';
import { stepsToDrop } from './kernel-files.js';

/** Maximum number of steps of a run whose samples are kept. */
const KEEP = 64;
/** Maximum size of a file of samples, in bytes. */
export const SAMPLE_BYTES = 2 ** 26;
const NAME = /^step-(\d{8,12})\.safetensors$/;

export const SAMPLES = 'samples';
const folderOf = (run: string): string => join(run, SAMPLES);
const nameOf = (step: number): string => `step-${String(step).padStart(8, '0')}.safetensors`;
const fileOf = (run: string, step: number): string => join(folderOf(run), nameOf(step));

/** Steps with saved samples, ascending. */
export async function sampleSteps(run: string): Promise<number[]> {
  if (!existsSync(folderOf(run))) return [];
  const names = await readdir(folderOf(run));
  return names
    .flatMap((name) => NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** Saves samples; removes some earlier ones if there are too many. */
export async function saveSamples(run: string, samples: SampleImage): Promise<SampleImage> {
  try {
    await makeFolder(folderOf(run));
  } catch (error) {
    throw diskError(error, `cannot make ${folderOf(run)}`, CheckpointError);
  }
  const arrays = [...samples.sets].map(([name, { shape, data }]): [string, FileArray] => [
    name,
    { dtype: 'U8', shape: [...shape], data },
  ]);
  await writeSafetensors(fileOf(run, samples.step), new Map(arrays));
  for (const extra of stepsToDrop(await sampleSteps(run), KEEP))
    await rm(fileOf(run, extra), { force: true });
  return samples;
}

/** Reads the samples of a step. @throws CheckpointError if the file is missing, damaged or has other contents */
export async function readSamples(run: string, step: number): Promise<SampleImage> {
  const file = fileOf(run, step);
  return samplesIn(file, step, await readSafetensors(file));
}

/** The samples in the tensors of a file. @throws CheckpointError if it has other contents */
export function samplesIn(file: string, step: number, { tensors }: SafetensorsFile): SampleImage {
  const sets = [...tensors].map(([name, { dtype, shape, data }]) => {
    const [, channels] = shape;
    if (dtype === 'U8' && shape.length === 4 && !shape.includes(0) && (channels === 1 || channels === 3))
      return [name, { shape, data }] as const;
    throw new CheckpointError({
      what: `${file} does not hold samples`,
      expected: 'uint8 tensors [count, 1 or 3, height, width]',
      got: `${name}: ${dtype} [${shape}]`,
      next: 'delete the file',
    });
  });
  return { step, sets: new Map(sets) };
}

/** Removes the samples of steps that a resumed run repeats. */
export async function rewindSamples(run: string, step: number): Promise<void> {
  for (const later of (await sampleSteps(run)).filter((s) => s > step))
    await rm(fileOf(run, later), { force: true });
}
