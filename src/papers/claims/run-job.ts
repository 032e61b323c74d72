import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Device } from '../../backend/backend.js';
import { type AnySet, classesOf } from '../../data/dataset.js';
import { DivergedError, UsageError } from '../../errors/errors.js';
import { removeOld } from '../../files/system/remove.js';
import { type TrainConfig, trainConfigSchema } from '../../run/config.js';
import { type EpochEvent, isClassified, type Observer, type StepEvent } from '../../run/events.js';
import { RunFolder } from '../../run/run-folder.js';
import { version } from '../../version.js';
import { checkRecipe } from '../check-recipe.js';
import { describeMachine, prepareRun, type RunOptions } from '../train.js';
import type { Job } from './job.js';
import { jobName } from './job.js';
import { configHash, jobConfig, type Result } from './result.js';

/** Environment of a job's training. */
export interface JobSurroundings {
  readonly paper: string;
  readonly device: Device;
  readonly data?: string | undefined;
  /** Folder of the paper's runs; each job has a subfolder with its name. */
  readonly runs: string;
  readonly trainSet: AnySet;
  readonly testSet: AnySet;
  readonly observer?: Observer;
  readonly signal?: AbortSignal;
}

/**
 * Trains a job in its run folder, resuming from its last checkpoint if there is one.
 *
 * @returns the result; undefined if the signal stopped the training early, after a checkpoint
 * @throws UsageError if the folder holds a run with another configuration
 */
export async function runJob(job: Job, around: JobSurroundings): Promise<Result | undefined> {
  const { paper, device, runs, data, trainSet } = around;
  const path = join(runs, jobName(job));
  const { id, model, training } = job.variant;
  checkRecipe(`The paper ${paper}: the training ${id} of its claims`, { ...training, model });
  const config: TrainConfig = {
    ...jobConfig(paper, job, classesOf(trainSet)),
    ...(data === undefined ? {} : { data }),
  };
  const { folder, former } = existsSync(join(path, 'config.json'))
    ? await reopen(path, config)
    : {
        folder: await RunFolder.create(path, { ...config, machine: await describeMachine(device) }),
        former: undefined,
      };
  const ending = (await isDone(folder)) ? 'done' : await train({ ...around, config, former, folder });
  if (ending === 'stopped') return undefined;
  const result = await resultOf(job, paper, folder, ending === 'diverged');
  await dropCheckpoints(folder);
  return result;
}

/** Divergence is a valid outcome (the learning rate is too high), not an error. */
async function train(run: RunOptions): Promise<'done' | 'stopped' | 'diverged'> {
  try {
    const trainer = await prepareRun(run);
    return (await trainer.run()) ? 'done' : 'stopped';
  } catch (error) {
    if (error instanceof DivergedError) return 'diverged';
    throw error;
  }
}

/** Opens the run of a job that was started before. */
async function reopen(
  path: string,
  config: TrainConfig,
): Promise<{ folder: RunFolder; former: TrainConfig }> {
  const folder = RunFolder.open(path);
  const former = await folder.config(trainConfigSchema);
  // The machine, the data's path, and the intervals of checkpoints and logs may differ.
  const essence = ({ machine: _, data: __, checkpointEvery: ___, logEvery: ____, ...rest }: TrainConfig) =>
    JSON.stringify(trainConfigSchema.partial().parse(rest));
  if (essence(former) === essence(config)) return { folder, former };
  throw new UsageError({
    what: `${path} holds a run with another configuration`,
    expected: 'the configuration of this variant, to resume it',
    got: 'a config.json that differs',
    next: 'move the folder away, or choose another folder with --runs',
  });
}

const isDone = async (folder: RunFolder): Promise<boolean> =>
  (await folder.metrics()).some(({ event }) => event === 'done');

/** Builds the result from a run's metrics. */
async function resultOf(job: Job, paper: string, folder: RunFolder, diverged: boolean): Promise<Result> {
  const metrics = await folder.metrics();
  const epochs = metrics.filter(({ event }) => event === 'epoch') as unknown as EpochEvent[];
  const steps = metrics.filter(({ event }) => event === 'step') as unknown as StepEvent[];
  const times = steps.map(({ stepSeconds }) => stepSeconds).sort((a, b) => a - b);
  const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const { machine = {}, data: _, ...config } = await folder.config(trainConfigSchema);
  return {
    version: 1,
    paper,
    variant: job.variant.id,
    seed: job.seed,
    configHash: configHash(paper, job),
    config,
    epochs: epochs.map((event) => ({
      epoch: event.epoch,
      step: event.step,
      trainLoss: rounded(event.trainLoss),
      ...(isClassified(event)
        ? {
            trainError: rounded(100 - event.trainAccuracy),
            testLoss: rounded(event.testLoss),
            testError: rounded(100 - event.testAccuracy),
            ...(event.testTop5 === undefined ? {} : { testTop5Error: rounded(100 - event.testTop5) }),
          }
        : event.testLoss === undefined
          ? {}
          : { testLoss: rounded(event.testLoss) }),
      ...(event.trainMetrics ? { trainMetrics: allRounded(event.trainMetrics) } : {}),
      ...(event.testMetrics ? { testMetrics: allRounded(event.testMetrics) } : {}),
    })),
    diverged,
    seconds: Math.round(total(times) + total(epochs.map(({ seconds }) => seconds))),
    stepMs: rounded(1000 * (times[Math.floor(times.length / 2)] ?? 0)),
    testImages: epochs.at(-1)?.testImages ?? 0,
    machine,
    paperweight: version(),
  };
}

const rounded = (value: number): number => Number(value.toPrecision(6));

const allRounded = (metrics: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, rounded(value)]));

/** Deletes the checkpoints of a finished run, which may be gigabytes, except for the best weights. */
async function dropCheckpoints(folder: RunFolder): Promise<void> {
  const { best, latest } = await folder.state();
  if (!latest) return;
  await folder.writeState({ version: 1, ...(best ? { best } : {}) });
  for (const name of await folder.checkpoints.steps()) await removeOld(folder.checkpoints.file(name));
}
