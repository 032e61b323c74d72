import { cpus, totalmem } from 'node:os';
import { z } from 'zod';
import type { Device, EngineInfo } from '../backend/backend.js';
import type { Dataset } from '../data/dataset.js';
import { manualSeed } from '../tensor/random.js';
import { type TrainConfig, trainConfigSchema } from '../train/config.js';
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
  const { config, folder } = parts;
  const paper = await openPaper(config.model.paper);
  manualSeed(config.seed);
  const model = buildModel(paper, config.model);
  await model.to(device);
  const { train, test } = paper.transforms(config.model, config.augment ?? 'none');
  const trainer = new Trainer({ ...parts, model, trainTransform: train, testTransform: test });
  await trainer.resume();
  const now = await device.info();
  const before = trainer.step > 0 && (await folder.config(trainConfigSchema)).machine?.device;
  const changed = differences(deviceSchema.safeParse(before).data, now);
  // Not an error: the run is as good as ever, only not the same to the last bit.
  if (changed)
    parts.observer?.note?.(
      `The run was computed by ${changed} so far; from here on its last bits differ from those of a run that goes on as it began.`,
    );
  return trainer;
}

/** What `describeMachine` says of the device, as far as it decides the last bits of a run. */
export const deviceSchema = z
  .object({
    engine: z.string(),
    version: z.string(),
    threads: z.number().int().positive(),
    precision: z.enum(['float32', 'bfloat16']),
    isa: z.string(),
  })
  .partial();

function differences(before: z.infer<typeof deviceSchema> | undefined, now: EngineInfo): string | undefined {
  const changed = Object.entries(before ?? {}).filter(
    ([key, value]) => value !== now[key as keyof EngineInfo],
  );
  if (changed.length === 0) return undefined;
  return changed.map(([key, value]) => `${key} ${value} (now ${now[key as keyof EngineInfo]})`).join(', ');
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
