import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const LINES_A_WRITE = 10_000;

/**
 * Writes a synthetic run with the given number of steps, and numbers with as many digits as real ones.
 * @param noise noise of the loss, which falls from 2.3
 * @returns the size of its metrics in bytes
 */
export function makeLongRun(folder: string, { steps, noise }: { steps: number; noise: number }): number {
  mkdirSync(join(folder, 'checkpoints'), { recursive: true });
  const config = {
    version: 1,
    recipe: 'notes',
    model: {
      paper: 'alexnet',
      preset: 'notes',
      classes: ['a', 'b'],
      imageSize: 224,
      dropout: 0.5,
      init: 'pytorch',
    },
    dataset: 'cifar10',
    epochs: 10,
    maxSteps: steps,
    batchSize: 128,
    lr: 0.01,
    momentum: 0.9,
    weightDecay: 0,
    schedule: { kind: 'constant' },
    seed: 0,
    checkpointEvery: 100,
    logEvery: 100,
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  const file = openSync(join(folder, 'metrics.jsonl'), 'w');
  let [lines, bytes]: [string[], number] = [[], 0];
  for (let step = 1; step <= steps; step++) {
    const stepSeconds = 1 + Math.sin(step) / 7;
    const event = {
      event: 'step',
      epoch: Math.ceil((10 * step) / steps),
      step,
      loss: 2.3 * Math.exp((-3 * step) / steps) + noise * Math.abs(Math.sin(12.9898 * step)),
      lr: 0.01 * (1 - step / (steps + 1)),
      imagesPerSecond: 128 / stepSeconds,
      stepSeconds,
      dataSeconds: Math.abs(Math.cos(step)) / 100,
      rssMiB: 1500 + (step % 7),
    };
    lines.push(JSON.stringify(event));
    if (lines.length < LINES_A_WRITE && step < steps) continue;
    bytes += writeSync(file, `${lines.join('\n')}\n`);
    lines = [];
  }
  closeSync(file);
  return bytes;
}
