import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Device } from '../../src/backend/backend.js';
import * as transforms from '../../src/data/transforms/index.js';
import { buildGraph } from '../../src/graph/graph.js';
import { Generator } from '../../src/random.js';
import { tensor } from '../../src/tensor/tensor.js';
import { readFixture } from './generated.js';

export interface TransformCase {
  readonly name: string;
  readonly transform: 'Resize' | 'CenterCrop' | 'Pad' | 'HorizontalFlip' | 'ToTensor' | 'Normalize';
  readonly args: { size: number | [number, number]; padding: number; mean: number[]; std: number[] };
  readonly input: { shape: number[]; data: number[] };
  readonly output?: { shape: number[]; data: number[] };
  readonly outputShape?: number[];
  readonly samples?: [number, number, number, number][];
  readonly sums?: number[];
  readonly sha256?: string;
}

/** What torchvision makes of small images. */
export const transformCases = readFixture<{ cases: TransformCase[] }>('transforms.json').cases;

const MAKE: Record<TransformCase['transform'], (args: TransformCase['args']) => transforms.Transform> = {
  Resize: ({ size }) => transforms.resize(size),
  CenterCrop: ({ size }) => transforms.centerCrop(size),
  Pad: ({ padding }) => transforms.pad(padding),
  HorizontalFlip: () => transforms.randomHorizontalFlip(1),
  ToTensor: () => transforms.toTensor(),
  Normalize: ({ mean, std }) => transforms.compose([transforms.toTensor(), transforms.normalize(mean, std)]),
};

/** Runs one transform on a device and compares with torchvision. Throws where they differ. */
export async function checkTransform(
  device: Device,
  { transform, args, input, output, outputShape, samples, sums, sha256 }: TransformCase,
): Promise<void> {
  // The same image twice, so that a batch is what is tested.
  const batch = tensor(Uint8Array.from([...input.data, ...input.data]), { shape: [2, ...input.shape] });
  const result = MAKE[transform](args).apply(batch, { generator: new Generator(0) });
  const shape = output?.shape ?? outputShape!;
  assert.deepEqual(result.shape, [2, ...shape]);
  const { key, graph, feeds } = buildGraph([result.node], []);
  const data = (await device.run(key, graph, feeds, []))[0]!;
  const half = data.length / 2;
  assert.deepEqual(data.slice(0, half), data.slice(half));
  const [, h, w] = shape as [number, number, number];
  const known = output
    ? output.data.map((expected, i) => [data[i]!, expected] as const)
    : samples!.map(([c, y, x, expected]) => [data[(c * h + y) * w + x]!, expected] as const);
  // A sum half-way between two bytes may fall on the other side; all else is the very same byte.
  const resized = transform === 'Resize';
  const tolerance = transform === 'ToTensor' || transform === 'Normalize' ? 1e-6 : resized ? 1 : 0;
  for (const [i, [actual, expected]] of known.entries())
    if (!(Math.abs(actual - expected) <= tolerance)) assert.fail(`at ${i}: ${actual}, expected ${expected}`);
  if (resized) {
    const off = known.filter(([actual, expected]) => actual !== expected).length / known.length;
    assert.ok(off < 0.05, `${off * 100} % of the bytes differ`);
  }
  for (const [c, expected] of (sums ?? []).entries()) {
    let sum = 0;
    for (const v of data.subarray(c * h * w, (c + 1) * h * w)) sum += v;
    assert.ok(Math.abs(sum - expected) <= 0.05 * h * w, `sum of channel ${c}: ${sum}, expected ${expected}`);
  }
  if (tolerance === 0) assert.equal(hash(data.slice(0, half)), sha256);
}

/** Of the bytes in the order channel, row, column. */
const hash = (data: ArrayLike<number>): string =>
  createHash('sha256').update(Uint8Array.from(data)).digest('hex');
