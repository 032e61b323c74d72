import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const LINES_A_WRITE = 10_000;

export interface LongRun {
  readonly steps: number;
  /** Noise of the loss, which falls from 2.3. */
  readonly noise: number;
  readonly lr?: number;
  readonly seed?: number;
  /** Also ten epochs with accuracies. */
  readonly measured?: boolean;
}

/**
 * Writes a synthetic run with the given number of steps, and numbers with as many digits as real ones.
 * @returns the size of its metrics in bytes
 */
export function makeLongRun(
  folder: string,
  { steps, noise, lr = 0.01, seed = 0, measured = false }: LongRun,
): number {
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
    lr,
    momentum: 0.9,
    weightDecay: 0,
    schedule: { kind: 'constant' },
    seed,
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
      loss: 2.3 * Math.exp((-3 * step) / steps) + noise * Math.abs(Math.sin(12.9898 * step + seed)),
      lr: lr * (1 - step / (steps + 1)),
      imagesPerSecond: 128 / stepSeconds,
      stepSeconds,
      dataSeconds: Math.abs(Math.cos(step)) / 100,
      rssMiB: 1500 + (step % 7),
    };
    lines.push(JSON.stringify(event));
    if (measured && step % Math.ceil(steps / 10) === 0) lines.push(JSON.stringify(epochOf(event)));
    if (lines.length < LINES_A_WRITE && step < steps) continue;
    bytes += writeSync(file, `${lines.join('\n')}\n`);
    lines = [];
  }
  closeSync(file);
  return bytes;
}

function epochOf({
  step,
  epoch,
  loss,
  lr,
}: {
  step: number;
  epoch: number;
  loss: number;
  lr: number;
}): object {
  const accuracy = 100 * (1 - Math.exp(-epoch / 4)) * (1 - Math.abs(Math.log10(lr + 1e-9) + 2) / 20);
  return {
    event: 'epoch',
    epoch,
    step,
    trainLoss: loss,
    trainAccuracy: accuracy + 2,
    testLoss: loss,
    testAccuracy: accuracy,
    testImages: 10_000,
    seconds: 60,
  };
}
