import { basename, resolve } from 'node:path';
import { trainConfigSchema } from '../run/config.js';
import type { EpochEvent, StepEvent } from '../run/events.js';
import { kernelSteps, readKernels } from '../run/kernel-files.js';
import { RunFolder } from '../run/run-folder.js';
import { readableSamples, sampleSteps } from '../run/sample-files.js';
import type { ReportData, RunCurves } from './figures.js';

/** A run's curves, from its metrics. */
async function curvesOf(folder: RunFolder): Promise<RunCurves> {
  const metrics = await folder.metrics();
  return {
    name: basename(resolve(folder.path)),
    steps: metrics.filter(({ event }) => event === 'step') as unknown as StepEvent[],
    gaps: metrics.filter(({ event }) => event === 'skip').map(({ step }) => Number(step)),
    epochs: metrics.filter(({ event }) => event === 'epoch') as unknown as EpochEvent[],
  };
}

/**
 * Everything that a run's files contain, without computing anything.
 *
 * @param tell receives what is left out, and why
 * @throws UsageError if there is no run, CheckpointError if its files are damaged
 */
export async function collect(
  path: string,
  others: readonly string[] = [],
  tell: (problem: string) => void = () => undefined,
): Promise<Omit<ReportData, 'stages' | 'inputShape' | 'measured' | 'unmeasured'>> {
  const folder = RunFolder.open(path);
  const steps = await kernelSteps(path);
  const ends = [...new Set([steps.at(0), steps.at(-1)])].filter((step) => step !== undefined);
  const sampled = (await sampleSteps(path)).at(-1);
  const samples = sampled === undefined ? undefined : await readableSamples(path, sampled, tell);
  return {
    ...(samples ? { samples } : {}),
    ...(await curvesOf(folder)),
    config: await folder.config(trainConfigSchema),
    insights: await folder.insights(),
    kernels: await Promise.all(ends.map((step) => readKernels(path, step))),
    others: await Promise.all(others.map((other) => curvesOf(RunFolder.open(other)))),
  };
}
