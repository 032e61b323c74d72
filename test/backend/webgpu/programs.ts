import type { Device } from '../../../src/backend/backend.js';
import type { ChoiceStore } from '../../../src/backend/webgpu/trials.js';
import * as ops from '../../../src/ops/index.js';
import { Generator } from '../../../src/random.js';
import { Parameter } from '../../../src/tensor/parameter.js';
import { Tensor } from '../../../src/tensor/tensor.js';

/* Products that tests of kernels compute. */

/** Numbers from −1 to 1. */
export function random(seed: number, ...shape: number[]): Float32Array {
  const generator = new Generator(seed);
  return Float32Array.from({ length: shape.reduce((a, d) => a * d, 1) }, () => generator.uniform(-1, 1));
}

const leaf = async (device: Device, seed: number, ...shape: number[]): Promise<Parameter> => {
  const made = new Parameter(random(seed, ...shape), shape);
  await made.place(device);
  return made;
};

/** Sizes that are no multiples of tiles, and enough work for a trial. */
export const PROGRAMS: Record<string, (device: Device) => Promise<readonly Tensor[]>> = {
  'a matrix product': async (device) => {
    const [a, b] = [await leaf(device, 1, 150, 190), await leaf(device, 2, 190, 201)];
    return [new Tensor(ops.matmul(a.node, b.node))];
  },
  'a layer with its gradients': async (device) => {
    const [x, w] = [await leaf(device, 3, 130, 203), await leaf(device, 4, 210, 203)];
    const bias = await leaf(device, 5, 210);
    const y = new Tensor(ops.relu(ops.linear(x.node, w.node, bias.node)));
    y.mul(y).sum().backward();
    return [y, x.grad!, w.grad!, bias.grad!];
  },
  'a convolution with its gradients': async (device) => {
    const attrs = { stride: [2, 1], padding: [1, 2], dilation: [1, 2], groups: 2 } as const;
    const [x, w] = [await leaf(device, 6, 3, 66, 17, 19), await leaf(device, 7, 70, 33, 3, 3)];
    const y = new Tensor(ops.conv2d(x.node, w.node, undefined, attrs));
    y.mul(y).sum().backward();
    return [y, x.grad!, w.grad!];
  },
};

export const ALL = Object.keys(PROGRAMS);
export const MATRICES = ALL.slice(0, 2);

/** Few rows, each of which is a long sum. */
PROGRAMS['a layer of a small batch'] = async (device) => {
  const [x, w] = [await leaf(device, 8, 3, 2051), await leaf(device, 9, 1001, 2051)];
  return [new Tensor(ops.linear(x.node, w.node, (await leaf(device, 10, 1001)).node))];
};

/** Choices that are all known, and a record of those that were made by trial. */
export function fixedKernels(end: string): { readonly choices: ChoiceStore; readonly tried: Set<string> } {
  const tried = new Set<string>();
  const kindOf = (key: string): string => /^webgpu (.*?) [\d,]+ ×/.exec(key)![1]!;
  return {
    choices: { get: (key) => `${kindOf(key)}, ${end}`, set: (key) => void tried.add(key), save: () => {} },
    tried,
  };
}
