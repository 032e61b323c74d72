import type { TestContext } from 'node:test';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import type { AnySet } from '../../../src/data/dataset.js';
import { GeneratedDataset } from '../../../src/data/samples/generated.js';
import { Linear } from '../../../src/nn/index.js';
import type { TrainConfig } from '../../../src/run/config.js';
import type { Observer } from '../../../src/run/events.js';
import { RunFolder } from '../../../src/run/run-folder.js';
import { manualSeed } from '../../../src/tensor/random.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import type { Tensor } from '../../../src/tensor/tensor.js';
import type { Training, TrainingSetup } from '../../../src/train/method/training.js';
import { Trainer, type TrainerParts } from '../../../src/train/trainer.js';
import { scratch, toyConfig } from '../toy.js';

setDefaultDevice(referenceDevice());

/** Rows of four numbers. */
export const rows = (length: number): AnySet =>
  new GeneratedDataset({
    name: 'rows',
    length,
    sample: (generator) => Float32Array.from({ length: 4 }, () => generator.uniform()),
  });

type Setup = TrainingSetup<Linear>;

/** A training of a linear layer by the squares of its outputs, with other parts. */
export const squares =
  (parts: (setup: Setup) => object = () => ({})) =>
  (setup: Setup): Training => ({
    loss: (x) =>
      setup.model
        .forward(x as Tensor)
        .square()
        .mean(),
    ...parts(setup),
  });

export interface OwnRun extends Partial<Pick<TrainerParts, 'trainSet' | 'testSet' | 'loader'>> {
  readonly training: (setup: Setup) => Training;
  readonly config?: Partial<TrainConfig>;
  /** A run that is there; default: a new one. */
  readonly path?: string;
  readonly observer?: Observer;
}

/** A run of a paper called Rows that trains a linear layer: of 24 rows, two epochs of three steps. */
export async function ownRun(
  t: Pick<TestContext, 'after'>,
  { training, config: changes = {}, path, observer = {}, ...sets }: OwnRun,
): Promise<{ trainer: Trainer; path: string }> {
  const { schedule: _, ...common } = toyConfig();
  const config = {
    ...common,
    schedule: { kind: 'constant' } as const,
    epochs: 2,
    checkpointEvery: 100,
    ...changes,
  };
  const place = path ?? `${await scratch(t)}/run`;
  const folder = path === undefined ? await RunFolder.create(place, config) : RunFolder.open(place);
  manualSeed(config.seed);
  const model = await new Linear(4, 4).to(referenceDevice());
  const trainer = new Trainer({
    config,
    model,
    trainSet: rows(24),
    testSet: rows(12),
    training: training as (setup: TrainingSetup) => Training,
    paper: 'Rows',
    folder,
    observer,
    ...sets,
  });
  if (path !== undefined) await trainer.resume();
  return { trainer, path: place };
}
