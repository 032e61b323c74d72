import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Device } from '../../src/backend/backend.js';
import type { Dataset } from '../../src/data/dataset.js';
import * as transforms from '../../src/data/transforms/index.js';
import {
  BatchNorm2d,
  Conv2d,
  Dropout,
  Flatten,
  Linear,
  MaxPool2d,
  type Module,
  ReLU,
  Sequential,
} from '../../src/nn/index.js';
import type { TrainConfig } from '../../src/run/config.js';
import {
  type ClassifiedEpoch,
  type EpochEvent,
  isClassified,
  type Observer,
  type StepEvent,
} from '../../src/run/events.js';
import { RunFolder } from '../../src/run/run-folder.js';
import { manualSeed } from '../../src/tensor/random.js';
import { Trainer, type TrainerParts } from '../../src/train/trainer.js';
import { hash32 } from './generated.js';

const SIDE = 8;

/** Ten classes of 8×8 images: noise with a box of one of five colours, above or below the middle. */
export class ToySet implements Dataset {
  readonly name = 'toy';
  readonly classes = Array.from({ length: 10 }, (_, i) => `box ${i}`);
  readonly imageShape = [3, SIDE, SIDE] as const;

  /** @param labelOf another label for an image, to be wrong on purpose */
  constructor(
    readonly length: number,
    readonly seed = 1,
    readonly labelOf: (index: number, label: number) => number = (_, label) => label,
  ) {}

  read(index: number, into: Uint8Array, offset: number): number {
    const start = hash32(this.seed * 1_000_003 + index);
    const label = start % 10;
    const colour = (label % 5) + 1;
    const top = label < 5 ? 1 : 5;
    for (let i = 0; i < 3 * SIDE * SIDE; i++) {
      const [channel, y, x] = [Math.floor(i / SIDE ** 2), Math.floor(i / SIDE) % SIDE, i % SIDE];
      const bright = (colour >> channel) % 2 === 1 && y >= top && y < top + 2 && x >= 2 && x < 6;
      into[offset + i] = (hash32(start + i) % 150) + (bright ? 100 : 0);
    }
    return this.labelOf(index, label);
  }
}

export const makeToyNet = ({ dropout = 0.2, classes = 10 } = {}): Sequential =>
  new Sequential(
    new Conv2d(3, 8, 3, { padding: 1 }),
    new BatchNorm2d(8),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Dropout(dropout),
    new Linear(128, classes),
  );

/** 18 steps in three epochs of 44 images, the last batch of each smaller than the others. */
export const toyConfig = (changes: Partial<TrainConfig> = {}): TrainConfig => ({
  version: 1,
  recipe: 'notes',
  model: {
    paper: 'toy',
    preset: 'toy',
    classes: [...new ToySet(1).classes],
    imageSize: SIDE,
    dropout: 0.2,
    init: 'pytorch',
  },
  dataset: 'shapes10',
  epochs: 3,
  batchSize: 8,
  lr: 0.05,
  momentum: 0.9,
  weightDecay: 1e-3,
  schedule: { kind: 'warmup-decay', warmupSteps: 4, decaySteps: 6, shape: 'cosine' },
  seed: 7,
  checkpointEvery: 4,
  logEvery: 2,
  insightEvery: 5,
  ...changes,
});

const finish = [transforms.toTensor(), transforms.normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])];
export const toyTransform = transforms.compose(finish);
const augmented = transforms.compose([
  transforms.randomCrop(SIDE, { padding: 1 }),
  transforms.randomHorizontalFlip(),
  ...finish,
]);

/** Remembers what a run tells. */
export class Recorder implements Observer {
  readonly lines: string[] = [];
  readonly notes: string[] = [];
  readonly steps: StepEvent[] = [];
  readonly epochs: ClassifiedEpoch[] = [];
  readonly checkpoints: string[] = [];

  line(text: string): void {
    this.lines.push(text);
  }
  note(text: string): void {
    this.notes.push(text);
  }
  step(event: StepEvent): void {
    this.steps.push(event);
  }
  epoch(event: EpochEvent): void {
    assert.ok(isClassified(event));
    this.epochs.push(event);
  }
  checkpoint(file: string): void {
    this.checkpoints.push(file);
  }
}

export interface ToyRun {
  readonly trainer: Trainer;
  readonly folder: RunFolder;
  readonly model: Module;
  readonly recorder: Recorder;
}

/** A run of the toy net: a new one in `path`, or the one that is there. */
export async function toyRun(
  device: Device,
  path: string,
  {
    config = toyConfig(),
    hooks = {},
    resume = false,
    net = makeToyNet,
    ...parts
  }: Partial<
    Pick<TrainerParts, 'config' | 'trainSet' | 'testSet' | 'trainTransform' | 'signal' | 'flatSteps'>
  > & {
    hooks?: Observer;
    resume?: boolean;
    net?: () => Module | Promise<Module>;
  } = {},
): Promise<ToyRun> {
  const recorder = new Recorder();
  const observer = Object.assign(recorder, wrap(recorder, hooks));
  const folder = resume ? RunFolder.open(path) : await RunFolder.create(path, config);
  manualSeed(config.seed);
  const model = await (await net()).to(device);
  const trainer = new Trainer({
    config,
    model,
    trainSet: new ToySet(44),
    testSet: new ToySet(21, 2),
    trainTransform: augmented,
    testTransform: toyTransform,
    folder,
    observer,
    ...parts,
  });
  if (resume) await trainer.resume();
  return { trainer, folder, model, recorder };
}

/** Calls the hooks after the recorder's own methods. */
function wrap(recorder: Recorder, hooks: Observer): Observer {
  return Object.fromEntries(
    Object.entries(hooks).map(([name, hook]) => {
      const own = recorder[name as keyof Recorder] as unknown;
      return [
        name,
        (...args: unknown[]) => {
          if (typeof own === 'function') own.apply(recorder, args);
          (hook as (...args: unknown[]) => void)(...args);
        },
      ];
    }),
  );
}

/** Metrics without what the clock, the memory and the folder's name decide. */
export async function plainMetrics(folder: RunFolder): Promise<object[]> {
  const clock = new Set(['imagesPerSecond', 'stepSeconds', 'dataSeconds', 'rssMiB', 'seconds', 'run']);
  return (await folder.metrics()).map((line) =>
    Object.fromEntries(Object.entries(line).filter(([key]) => !clock.has(key))),
  );
}

/** A fresh folder that goes away with the test. */
export async function scratch(t: Pick<TestContext, 'after'>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'paperweight-test-'));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));
  return folder;
}
