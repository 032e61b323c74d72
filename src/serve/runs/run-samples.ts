import { CheckpointError } from '../../errors/errors.js';
import { readSafetensors, type SafetensorsFile } from '../../interop/safetensors/checked.js';
import { SAMPLE_BYTES, SAMPLES, samplesIn } from '../../run/sample-files.js';
import type { Samples } from '../api.js';
import { RequestError } from '../http/request-error.js';
import { fileInside } from './path-containment.js';
import { stepFiles } from './run-detail.js';

const NAME = /^step-(\d{1,12})\.safetensors$/;

/** Steps of which images of a generative model were stored. */
export async function sampledSteps(folder: string): Promise<number[]> {
  return (await stepFiles(folder, SAMPLES, NAME)).map(({ step }) => step);
}

/** The images of a step. @throws RequestError if there are none, or the file has other contents */
export async function samples(folder: string, step: number): Promise<Samples> {
  const chosen = (await stepFiles(folder, SAMPLES, NAME)).find((file) => file.step === step);
  const file = chosen && (await fileInside(folder, SAMPLES, chosen.file));
  if (!file)
    throw new RequestError(404, {
      what: `The run has no images of step ${step}`,
      next: 'choose another step',
    });
  if (file.stats.size > SAMPLE_BYTES)
    throw new RequestError(422, {
      what: `${chosen.file} does not hold images of a model`,
      expected: `at most ${SAMPLE_BYTES} bytes`,
      got: `${file.stats.size} bytes`,
    });
  return samplesOf(chosen.file, step, await readSafetensors(file.path));
}

/** The images in a file's tensors, pixel after pixel. @throws RequestError 422 when it has other contents */
function samplesOf(file: string, step: number, contents: SafetensorsFile): Samples {
  try {
    const { sets } = samplesIn(file, step, contents);
    return {
      step,
      sets: [...sets].map(([name, { shape, data }]) => {
        const [count, channels, height, width] = shape as [number, 1 | 3, number, number];
        const pixels = interleaved(data, count, channels, height * width).toString('base64');
        return { name, count, width, height, channels, pixels };
      }),
    };
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    const { what, expected, got } = error;
    throw new RequestError(422, {
      what,
      ...(expected === undefined ? {} : { expected }),
      ...(got === undefined ? {} : { got }),
    });
  }
}

/** Planes of channels as pixels. */
function interleaved(data: Uint8Array, count: number, channels: number, plane: number): Buffer {
  const pixels = Buffer.alloc(data.length);
  for (let k = 0; k < count; k++)
    for (let c = 0; c < channels; c++)
      for (let i = 0; i < plane; i++)
        pixels[(k * plane + i) * channels + c] = data[(k * channels + c) * plane + i]!;
  return pixels;
}
