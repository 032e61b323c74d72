import { cpus, totalmem } from 'node:os';
import type { Device } from '../backend/backend.js';
import { type Dataset, Subset } from '../data/dataset.js';
import { epochOrder } from '../data/sampler.js';
import { manualSeed } from '../tensor/random.js';
import type { TrainConfig } from '../train/config.js';
import type { Observer } from '../train/events.js';
import type { RunFolder } from '../train/run-folder.js';
import { startFrom } from '../train/start-from.js';
import { Trainer } from '../train/trainer.js';
import { buildModel } from './paper.js';
import { openPaper } from './registry.js';

export interface RunOptions {
  readonly config: TrainConfig;
  readonly trainSet: Dataset;
  readonly testSet: Dataset;
  readonly folder: RunFolder;
  readonly device: Device;
  readonly observer?: Observer;
  readonly signal?: AbortSignal;
}

/** Puts together what a configuration describes, from its checkpoint where the run has one. */
export async function prepareRun({ device, ...parts }: RunOptions): Promise<Trainer> {
  const { config, folder } = parts;
  const paper = await openPaper(config.model.paper);
  manualSeed(config.seed);
  const model = buildModel(paper, config.model);
  await model.to(device);
  const { train, test } = paper.transforms(config.model, config.augment ?? 'none');
  const { latest } = await folder.state();
  const { startFrom: start } = config;
  // A run that goes on has its weights in its checkpoint.
  const opening = start && !latest ? await startFrom(model, start) : [];
  const sets = overfitted(parts);
  const trainer = new Trainer({
    ...parts,
    ...sets,
    model,
    opening,
    trainTransform: train,
    testTransform: test,
  });
  if (latest) await trainer.resume(latest);
  // A run that ended before its first checkpoint begins again.
  else await folder.rewind({ step: 0, epoch: 0 });
  return trainer;
}

/** The first few batches of the first epoch, to train and to measure on, for a run that shall learn those by heart. */
function overfitted({ config, trainSet, testSet }: Omit<RunOptions, 'device'>) {
  const { overfitBatches, batchSize, seed } = config;
  if (overfitBatches === undefined) return { trainSet, testSet };
  const order = epochOrder({ length: trainSet.length, shuffle: true, seed, epoch: 0 });
  const few = new Subset(trainSet, order.subarray(0, overfitBatches * batchSize));
  return { trainSet: few, testSet: few };
}

/** What a run's numbers depend on besides its configuration. */
export async function describeMachine(device: Device): Promise<Record<string, unknown>> {
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model.trim(),
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    device: await device.info(),
    started: new Date().toISOString(),
  };
}
