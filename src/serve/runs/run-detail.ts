import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord } from '../../errors/is-record.js';
import { CHECKSUM_KEY } from '../../files/checksum-key.js';
import { readSafetensors, type SafetensorsFile } from '../../interop/safetensors/checked.js';
import { logLineSchema } from '../../run/event-lines.js';
import type { Kernels, LogLine, RunDetail } from '../api.js';
import { RequestError } from '../http/request-error.js';
import { fileInside, readSmall } from './path-containment.js';
import type { Runs } from './runs.js';
import { imageCounts } from './summary.js';
import { lastLines, parseJson } from './tail.js';

const LOG_LINES = 1000;
const LOG_BYTES = 2 ** 20;
/** Maximum size of a file of kernels in bytes; 96 kernels of 11 × 11 have 140 kB. */
const KERNEL_BYTES = 2 ** 24;

/** Data of a run's page. */
export async function runDetail(runs: Runs, id: string): Promise<RunDetail> {
  const live = await runs.live(id);
  const read = live.index.follow();
  const behind = await live.index.behind();
  if (behind) read.catch(() => {});
  else await read;
  const summary = await runs.summary(id);
  const config =
    summary.kind === 'tensorboard'
      ? (await live.scalars()).settings
      : parseJson((await readSmall(live.folder, 'config.json')) ?? '');
  const { index } = live;
  const lastStep = behind ? undefined : index.lastStep;
  const images = await imageCounts(live.folder, summary.dataset);
  return {
    ...summary,
    config: isRecord(config) && canBeSent(config) ? withoutChecksum(config) : {},
    epochEvents: index.epochs.map(({ event }) => event),
    ...(images ? { testImages: images.test } : {}),
    ...(lastStep ? { lastStep } : {}),
    checkpoints: await checkpoints(live.folder),
    ...(behind ? { reading: { working: 'reading the metrics', ...behind } } : { lines: index.lines }),
  };
}

/** Whether JSON.stringify accepts a value: unlike parsing, it is limited in depth. */
function canBeSent(value: object): boolean {
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    return false;
  }
}

/** The checksum belongs to the file, not to the configuration. */
const withoutChecksum = ({ [CHECKSUM_KEY]: _, ...config }: Record<string, unknown>) => config;

/** Step numbers in file names such as `step-00000100.safetensors`. */
export async function stepFiles(folder: string, name: string, pattern: RegExp) {
  // Containment is checked through a file inside, because only files are checked: links to outside are not followed.
  const files = await readdir(join(folder, name)).catch(() => []);
  const found = await Promise.all(
    files.map(async (file) => {
      const match = pattern.exec(file);
      return match && (await fileInside(folder, name, file)) ? [{ file, step: Number(match[1]) }] : [];
    }),
  );
  return found.flat().sort((a, b) => a.step - b.step);
}

async function checkpoints(folder: string): Promise<RunDetail['checkpoints']> {
  const found = await stepFiles(folder, 'checkpoints', /^(?:best|step)-(\d{1,12})\.safetensors$/);
  return found.map(({ file, step }) => ({ file, step, best: file.startsWith('best-') }));
}

/** The last log lines of a run. */
export async function runLog(folder: string): Promise<LogLine[]> {
  const lines = (await lastLines(folder, 'log.jsonl', LOG_BYTES)).slice(-LOG_LINES);
  return lines.flatMap((line) => logLineSchema.safeParse(parseJson(line)).data ?? []);
}

const KERNELS = /^step-(\d{1,12})\.safetensors$/;

/** Steps with stored kernels of the first layer. */
export async function kernelSteps(folder: string): Promise<number[]> {
  return (await stepFiles(folder, 'kernels', KERNELS)).map(({ step }) => step);
}

/** The first layer's kernels at a step, as RGB bytes. */
export async function kernels(folder: string, step: number): Promise<Kernels> {
  const chosen = (await stepFiles(folder, 'kernels', KERNELS)).find((file) => file.step === step);
  const file = chosen && (await fileInside(folder, 'kernels', chosen.file));
  if (!file)
    throw new RequestError(404, {
      what: `The run stored no kernels at step ${step}`,
      next: 'choose another step',
    });
  if (file.stats.size > KERNEL_BYTES) throw noKernels(chosen.file, `a file of ${file.stats.size} bytes`);
  return kernelColours(chosen.file, step, await readSafetensors(file.path));
}

const noKernels = (file: string, got: string) =>
  new RequestError(422, {
    what: `${file} contains no valid kernels`,
    expected: 'a float32 tensor "kernels" of shape [count, 3, side, side]',
    got,
  });

/** The kernels in a file's tensors. @throws RequestError 422 if the file has other content */
export function kernelColours(file: string, step: number, { tensors }: SafetensorsFile): Kernels {
  const tensor = tensors.get('kernels');
  const [count, channels, side, width] = tensor?.shape ?? [];
  if (
    tensor?.dtype !== 'F32' ||
    !count ||
    channels !== 3 ||
    !side ||
    width !== side ||
    tensor.shape.length !== 4
  )
    throw noKernels(file, tensor ? `${tensor.dtype} [${tensor.shape}]` : 'no such tensor');
  return { step, count, side, rgb: colours(tensor.data, count, side).toString('base64') };
}

/** Interleaved RGB bytes; each kernel is scaled to its own extremes, with 0 as mid grey. */
function colours(values: Float32Array, count: number, side: number): Buffer {
  const area = side * side;
  const rgb = Buffer.alloc(count * area * 3);
  for (let k = 0; k < count; k++) {
    const first = k * 3 * area;
    let extreme = 0;
    for (let i = first; i < first + 3 * area; i++) extreme = Math.max(extreme, Math.abs(values[i]!) || 0);
    const scale = extreme > 0 && Number.isFinite(extreme) ? 127.5 / extreme : 0;
    for (let c = 0; c < 3; c++)
      for (let i = 0; i < area; i++)
        rgb[first + 3 * i + c] = Math.round(127.5 + scale * values[first + c * area + i]!);
  }
  return rgb;
}
