import { cpus, totalmem } from 'node:os';
import type { Device } from '../backend/backend.js';
import type { Dataset } from '../data/dataset.js';
import { manualSeed } from '../tensor/random.js';
import type { TrainConfig } from '../train/config.js';
import { openDataset } from '../train/datasets.js';
import type { Observer } from '../train/events.js';
import type { RunFolder } from '../train/run-folder.js';
import { Trainer } from '../train/trainer.js';
import { buildAlexNet, notesTransform } from './alexnet/build.js';

export interface RunOptions {
  readonly config: TrainConfig;
  readonly folder: RunFolder;
  readonly device: Device;
  readonly observer?: Observer;
  readonly signal?: AbortSignal;
}

/** Puts together what a configuration describes, from its checkpoint where the run has one. */
export async function prepareRun({ config, folder, device, observer, signal }: RunOptions): Promise<Trainer> {
  const open = (train: boolean): Promise<Dataset> =>
    openDataset({ dataset: config.dataset, data: config.data, train });
  const [trainSet, testSet] = [await open(true), await open(false)];
  manualSeed(config.seed);
  const model = buildAlexNet(config.model);
  await model.to(device);
  const transform = notesTransform(config.model);
  const trainer = new Trainer({
    config,
    model,
    trainSet,
    testSet,
    trainTransform: transform,
    testTransform: transform,
    folder,
    ...(observer ? { observer } : {}),
    ...(signal ? { signal } : {}),
  });
  const { latest } = await folder.state();
  if (latest) await trainer.resume(latest);
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
