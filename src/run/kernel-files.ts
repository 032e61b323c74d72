import { CheckpointError } from '../errors/errors.js';
import type { SafetensorsFile } from '../interop/safetensors/checked.js';
import { Conv2d } from '../nn/conv.js';
import type { Module } from '../nn/module.js';
import type { KernelImage } from './events.js';
import { StepFiles } from './step-files.js';

/** 64 snapshots are enough for an animation: 9 MB for 96 kernels of 11 × 11. */
const files = new StepFiles('kernels', 64);

/** The first convolution, if it has three input channels and square kernels, which can be shown as RGB images. */
export function firstKernels(model: Module): Conv2d | undefined {
  const first = model.namedModules().find(([, module]) => module instanceof Conv2d)?.[1] as
    | Conv2d
    | undefined;
  const [, channels, height, width] = first?.weight.shape ?? [];
  return channels === 3 && height === width ? first : undefined;
}

/** Steps with saved kernels, ascending. */
export const kernelSteps = (run: string): Promise<number[]> => files.steps(run);

/**
 * Reads the kernels of a step.
 * @throws CheckpointError if the file is missing, damaged or has other contents
 */
export async function readKernels(run: string, step: number): Promise<KernelImage> {
  return kernelImage(files.file(run, step), step, await files.read(run, step));
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
  const values = await layer.weight.data();
  const data = values instanceof Float32Array ? values : Float32Array.from(values);
  await files.write(run, step, new Map([['kernels', { dtype: 'F32', shape, data }]]));
  return { step, count: shape[0]!, side: shape[2]!, data };
}

/** Removes the kernels of steps that a resumed run repeats. */
export const rewindKernels = (run: string, step: number): Promise<void> => files.rewind(run, step);
