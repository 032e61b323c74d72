import { cpus, totalmem } from 'node:os';
import type { Device } from '../backend/backend.js';
import type { Dataset } from '../data/dataset.js';
import { manualSeed } from '../tensor/random.js';
import type { TrainConfig } from '../train/config.js';
import type { Observer } from '../train/events.js';
import type { RunFolder } from '../train/run-folder.js';
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
  const { config } = parts;
  const paper = await openPaper(config.model.paper);
  manualSeed(config.seed);
  const model = buildModel(paper, config.model);
  await model.to(device);
  const { train, test } = paper.transforms(config.model, config.augment ?? 'none');
  const trainer = new Trainer({ ...parts, model, trainTransform: train, testTransform: test });
  await trainer.resume();
  return trainer;
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
