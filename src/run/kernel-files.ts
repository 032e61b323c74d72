import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError } from '../errors/errors.js';
import { diskError } from '../files/disk-error.js';
import { makeFolder } from '../files/make-folder.js';
import { readSafetensors, type SafetensorsFile, writeSafetensors } from '../interop/safetensors/checked.js';
import { Conv2d } from '../nn/conv.js';
import type { Module } from '../nn/module.js';
import type { KernelImage } from './events.js';

/** Maximum number of kernel snapshots of a run: enough for an animation, 9 MB for 96 kernels of 11 × 11. */
const KEEP = 64;
const NAME = /^step-(\d{8,})\.safetensors$/;

const folderOf = (run: string): string => join(run, 'kernels');
const fileOf = (run: string, step: number): string =>
  join(folderOf(run), `step-${String(step).padStart(8, '0')}.safetensors`);

/** The first convolution, if it has three input channels and square kernels, which can be shown as RGB images. */
export function firstKernels(model: Module): Conv2d | undefined {
  const first = model.namedModules().find(([, module]) => module instanceof Conv2d)?.[1] as
    | Conv2d
    | undefined;
  const [, channels, height, width] = first?.weight.shape ?? [];
  return channels === 3 && height === width ? first : undefined;
}

/** Steps with saved kernels, ascending. */
export async function kernelSteps(run: string): Promise<number[]> {
  if (!existsSync(folderOf(run))) return [];
  const names = await readdir(folderOf(run));
  return names
    .flatMap((name) => NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/**
 * Reads the kernels of a step.
 * @throws CheckpointError if the file is missing, damaged or has other contents
 */
export async function readKernels(run: string, step: number): Promise<KernelImage> {
  const file = fileOf(run, step);
  return kernelImage(file, step, await readSafetensors(file));
}

/** The kernels in the tensors of a file. @throws CheckpointError if it has other contents */
export function kernelImage(file: string, step: number, { tensors }: SafetensorsFile): KernelImage {
  const kernels = tensors.get('kernels');
  const [count, channels, side, width] = kernels?.shape ?? [];
  if (kernels?.dtype !== 'F32' || kernels.shape.length !== 4 || channels !== 3 || side !== width)
    throw new CheckpointError({
      what: `${file} is not a valid file of kernels`,
      expected: 'a float32 tensor "kernels" [count, 3, side, side]',
      got: kernels ? `${kernels.dtype} [${kernels.shape}]` : 'no such tensor',
      next: 'delete the file',
    });
  return { step, count: count!, side: side!, data: kernels.data };
}

/** Saves the kernels after `step` steps; removes some earlier ones if there are too many. */
export async function saveKernels(run: string, step: number, layer: Conv2d): Promise<KernelImage> {
  const shape = [...layer.weight.shape];
  const data = (await layer.weight.data()) as Float32Array;
  try {
    await makeFolder(folderOf(run));
  } catch (error) {
    throw diskError(error, `cannot make ${folderOf(run)}`, CheckpointError);
  }
  await writeSafetensors(fileOf(run, step), new Map([['kernels', { dtype: 'F32', shape, data }]]));
  for (const extra of stepsToDrop(await kernelSteps(run), KEEP))
    await rm(fileOf(run, extra), { force: true });
  return { step, count: shape[0]!, side: shape[2]!, data };
}

/** Chooses steps to remove so that `keep` evenly spaced ones remain, including the first and the last. */
export function stepsToDrop(steps: readonly number[], keep: number): number[] {
  const left = [...steps];
  const dropped: number[] = [];
  while (left.length > Math.max(2, keep)) {
    let tightest = 1;
    const gap = (i: number): number => left[i + 1]! - left[i - 1]!;
    for (let i = 2; i < left.length - 1; i++) if (gap(i) < gap(tightest)) tightest = i;
    dropped.push(...left.splice(tightest, 1));
  }
  return dropped;
}

/** Removes the kernels of steps that a resumed run repeats. */
export async function rewindKernels(run: string, step: number): Promise<void> {
  for (const later of (await kernelSteps(run)).filter((s) => s > step))
    await rm(fileOf(run, later), { force: true });
}
