import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Device } from '../../src/backend/backend.js';
import { readOnnx } from '../../src/interop/onnx/index.js';
import { tensor } from '../../src/tensor/tensor.js';

/** PyTorch's exporters: `torch.onnx.export` with dynamo=False, and with dynamo=True. */
export const EXPORTERS = ['legacy', 'dynamo'] as const;

export const CLASSIFIERS: readonly string[] = [
  'alexnet',
  'vgg11',
  'vgg11_bn',
  'resnet18',
  'resnet50',
  'resnext50_32x4d',
  'squeezenet1_1',
  'densenet121',
  'googlenet',
  'inception_v3',
  'mobilenet_v2',
  'mobilenet_v3_small',
  'shufflenet_v2_x1_0',
  'mnasnet1_0',
  'efficientnet_b0',
  'regnet_y_400mf',
  'convnext_tiny',
  'vit_b_16',
  'swin_t',
];

/** Exports networks of torchvision into a folder. */
export function exportClassifiers(python: string, folder: string, names: readonly string[]): void {
  const script = fileURLToPath(new URL('../../../test/fixtures/make_torchvision.py', import.meta.url));
  const { status, stderr } = spawnSync(python, [script, folder, names.join()], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${script} failed: ${stderr.slice(-2000)}`);
}

function floats(path: string): Float32Array {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

/** Largest difference from PyTorch's logits, as a share of the largest of those. NaN for any NaN. */
export async function logitsApart(
  folder: string,
  name: string,
  exporter: string,
  device: Device,
): Promise<number> {
  const [x, right] = [floats(join(folder, `${name}.in`)), floats(join(folder, `${name}.out`))];
  const side = Math.sqrt(x.length / 6);
  const model = await readOnnx(join(folder, `${name}-${exporter}.onnx`));
  await model.to(device);
  const y = model.forward(tensor(x, { shape: [2, 3, side, side] }));
  const got = await y.data();
  if (got.length !== right.length) return Number.NaN;
  const largest = (values: ArrayLike<number>) =>
    Array.from(values).reduce((a, b) => (Number.isNaN(b) ? b : Math.max(a, Math.abs(b))), 0);
  return largest(right.map((v, i) => got[i]! - v)) / largest(right);
}
