import { CheckpointError } from '../errors/errors.js';
import type { FileArray } from '../interop/numbers.js';
import type { SafetensorsFile } from '../interop/safetensors/checked.js';
import type { SampleImage } from './events.js';
import { StepFiles } from './step-files.js';

/** Maximum size of a file of samples, in bytes. */
export const SAMPLE_BYTES = 2 ** 26;

export const SAMPLES = 'samples';
const files = new StepFiles(SAMPLES, 64);

/** Steps with saved samples, ascending. */
export const sampleSteps = (run: string): Promise<number[]> => files.steps(run);

/** Saves samples; removes some earlier ones if there are too many. */
export async function saveSamples(run: string, samples: SampleImage): Promise<SampleImage> {
  const arrays = [...samples.sets].map(([name, { shape, data }]): [string, FileArray] => [
    name,
    { dtype: 'U8', shape: [...shape], data },
  ]);
  await files.write(run, samples.step, new Map(arrays));
  return samples;
}

/** Reads the samples of a step. @throws CheckpointError if the file is missing, damaged or has other contents */
export async function readSamples(run: string, step: number): Promise<SampleImage> {
  return samplesIn(files.file(run, step), step, await files.read(run, step));
}

/**
 * The samples of a step, or undefined if their file is damaged: the rest of a run can be shown without them.
 *
 * @param tell receives what is left out, and why
 */
export async function readableSamples(
  run: string,
  step: number,
  tell: (problem: string) => void,
): Promise<SampleImage | undefined> {
  try {
    return await readSamples(run, step);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    tell(`The samples of step ${step} are left out: ${error.message}`);
    return undefined;
  }
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
export const rewindSamples = (run: string, step: number): Promise<void> => files.rewind(run, step);
