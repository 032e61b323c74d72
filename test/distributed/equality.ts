import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PaperGiven } from './children/paper.js';
import { child, type Launcher, runChild } from './launch.js';

type Training = Omit<PaperGiven, 'path'>;

/** The weights after a training on some ranks; on one without a launcher. */
export async function weightsAfter(launcher: Launcher, ranks: number, given: PaperGiven): Promise<Weights> {
  const arg = JSON.stringify(given);
  if (ranks === 1) {
    const env = { ...process.env, PAPERWEIGHT_KERNELS: 'fixed' };
    const { status, stderr } = spawnSync(process.execPath, [child('paper'), arg], { env, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  } else {
    const { code, stderr } = await runChild(launcher, ranks, 'paper', [arg]);
    assert.equal(code, 0, stderr);
  }
  const { buffer } = new Uint8Array(readFileSync(`${given.path}.weights`));
  return given.double ? new Float64Array(buffer) : new Float32Array(buffer);
}

type Weights = Float32Array | Float64Array;

export function distance(a: Weights, b: Weights): number {
  assert.equal(a.length, b.length);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum);
}

/** Distances to the weights of one rank, relative to how far those have moved. */
export interface Equality {
  readonly weights: number;
  /** By the number of ranks. */
  readonly apart: Record<number, number>;
  /** Half of the steps on two ranks, the others on this number of ranks. */
  readonly resumed: Record<number, number>;
  /** Whether two ranks resumed on two have the bits of the unbroken run. */
  readonly sameBits: boolean;
  /** With a mistake: both ranks draw the masks of the same rows. */
  readonly unshifted?: number;
  /** One rank, with a few weights one rounding step away at the start. */
  readonly nudged?: number;
}

/** Trains the same on 1, 2 and 4 ranks, and resumes; all runs have the given number of steps. */
export async function equality(
  folder: string,
  launcher: Launcher,
  given: Training,
  {
    steps = 20,
    ranks = [2, 4],
    resumed = [2, 1, 4],
    controls = [],
    note = () => {},
  }: {
    readonly steps?: number;
    readonly ranks?: readonly number[];
    readonly resumed?: readonly number[];
    readonly controls?: readonly ('unshifted' | 'nudged')[];
    readonly note?: (text: string) => void;
  } = {},
): Promise<Equality> {
  const run = (name: string, n: number, changes: Partial<PaperGiven> = {}) => {
    note(name);
    const config = { maxSteps: steps, ...given.config, ...changes.config };
    return weightsAfter(launcher, n, { ...given, ...changes, config, path: join(folder, name) });
  };
  const start = await run('start', 1, { config: { lr: 1e-30, weightDecay: 0, maxSteps: 1 } });
  const one = await run('one', 1);
  const moved = distance(one, start);
  const apart: Record<number, number> = {};
  let two: Weights | undefined;
  for (const n of ranks) {
    const found = await run(`of-${n}`, n);
    if (n === 2) two = found;
    apart[n] = distance(found, one) / moved;
  }
  const again: Record<number, number> = {};
  let sameBits = true;
  if (resumed.length > 0) await run('half', 2, { config: { maxSteps: steps / 2 } });
  for (const n of resumed) {
    cpSync(join(folder, 'half'), join(folder, `half-${n}`), { recursive: true });
    const found = await run(`half-${n}`, n, { resume: true });
    again[n] = distance(found, one) / moved;
    if (n === 2 && two) sameBits = distance(found, two) === 0;
  }
  const other: { unshifted?: number; nudged?: number } = {};
  for (const name of controls) {
    const found = await run(name, name === 'nudged' ? 1 : 2, { [name]: true });
    other[name] = distance(found, one) / moved;
  }
  return { weights: one.length, apart, resumed: again, sameBits, ...other };
}

/**
 * AlexNet with dropout, augmentation, momentum and decay, on its smallest images. Large batches make it less likely that a
 * value which rounding moves over the kink of ReLU weighs much: its gradient is one of as many as there are images.
 */
export const alexNet = (hidden: number, batchSize: number): Training => ({
  paper: 'alexnet',
  recipe: 'paper',
  model: { imageSize: 63, init: 'kaiming', options: { hidden } },
  config: { batchSize, augment: 'crop-mirror', lr: 0.002, epochs: 100, schedule: { kind: 'constant' } },
  trainImages: 10 * batchSize - 3,
  testImages: 20,
});

/**
 * A residual network of 20 layers with batch normalisation over all ranks. With ReLU, a value that rounding moves over
 * its kink changes a gradient by far more than a rounding, and 20 layers amplify it.
 */
export const resNet = (batchSize: number, smooth: boolean): Training => ({
  paper: 'resnet',
  recipe: 'short',
  smooth,
  config: { batchSize, syncBn: true, lr: 0.01, epochs: 100, schedule: { kind: 'constant' } },
  trainImages: 10 * batchSize - 3,
  testImages: 20,
});
