import { z } from 'zod';
import { printable } from '../../errors/printable.js';
import { DATA_FILE } from '../../train/data/data-record.js';
import type { RunSummary } from '../api.js';
import type { ScalarSource } from '../metrics/scalars.js';
import { NOTHING, type Skim, skim } from '../metrics/skim.js';
import { isDiverged } from './alerts.js';
import { readLabel } from './label.js';
import { type ownKind, ownStatus, scalarSummary } from './own-runs.js';
import { fileInside, readSmall } from './path-containment.js';
import { readState } from './run-state.js';
import { statusOf } from './run-status.js';
import { parseJson } from './tail.js';

/** Fields of `config.json` shown in the list; lenient, because a run may come from another version. */
const configSchema = z.object({
  recipe: z.string(),
  model: z.object({ paper: z.string(), preset: z.string() }),
  dataset: z.string(),
  epochs: z.number(),
  maxSteps: z.number().optional(),
  batchSize: z.number().positive(),
  accumulate: z.number().positive().default(1),
  overfitBatches: z.number().positive().optional(),
  seed: z.number(),
  machine: z.object({ started: z.string().optional() }).optional(),
});
type ListedConfig = z.infer<typeof configSchema>;

/** Maximum length of an error in the list. */
const LONGEST_ERROR = 2000;

const images = z.object({ images: z.number().positive() });
/** Numbers of images at the start of a run, which give its length before its first epoch has ended. */
const dataSchema = z.object({ train: images, test: images });

/** Numbers of images of the built-in data sets, for runs that do not record them. */
const IMAGES: Readonly<Record<string, ImageCounts>> = {
  cifar10: { train: 50_000, test: 10_000 },
  shapes10: { train: 10_000, test: 2_000 },
};

/** Summary of a run for the list, from samples of its files. */
export async function summarise(folder: string, id: string): Promise<RunSummary> {
  const [configFile, metricsFile] = await Promise.all([
    fileInside(folder, 'config.json'),
    fileInside(folder, 'metrics.jsonl'),
  ]);
  const parts = metricsFile ? await skim(metricsFile) : NOTHING;
  const changed = metricsFile ?? configFile;
  const times = {
    started: new Date(configFile?.stats.birthtimeMs || configFile?.stats.mtimeMs || 0).toISOString(),
    updated: new Date(changed?.stats.mtimeMs ?? 0).toISOString(),
  };
  const label = await readLabel(folder);
  const named = {
    id,
    name: label.name ?? printable(id),
    tags: label.tags ?? [],
    ...(label.note ? { note: label.note } : {}),
    ...(label.color ? { color: label.color } : {}),
  };
  const place = {
    step: parts.lastStep?.step ?? 0,
    epoch: parts.lastStep?.epoch ?? 0,
    ...(parts.lastStep ? { lastLoss: parts.lastStep.loss } : {}),
    spark: parts.spark,
  };
  const text = await readSmall(folder, 'config.json').catch(() => undefined);
  const parsed = parseListed(text ?? '');
  if (!parsed.success)
    return {
      ...named,
      ...times,
      ...place,
      status: 'failed',
      error: `config.json cannot be read: ${z.prettifyError(parsed.error).slice(0, LONGEST_ERROR)}`,
      paper: '',
      preset: '',
      recipe: '',
      dataset: '',
      seed: 0,
      stepsTotal: 0,
      epochs: 0,
    };
  const config = parsed.data;
  const { recipe, dataset, seed, epochs, model } = config;
  const status = await statusOf(folder, { done: parts.done, mtimeMs: changed?.stats.mtimeMs ?? 0 });
  const best = await bestOf(folder, parts);
  return {
    ...named,
    ...times,
    ...(config.machine?.started ? { started: config.machine.started } : {}),
    ...place,
    ...status,
    ...best,
    ...figuresOf(parts),
    ...(isDiverged(fallsIn(parts, best.best) ? parts.spark : [], parts.gap)
      ? { diverged: true as const }
      : {}),
    paper: model.paper,
    preset: model.preset,
    recipe,
    dataset,
    seed,
    epochs,
    stepsTotal: stepsTotal(config, parts, (await imageCounts(folder, dataset))?.train),
  };
}

/** Summary of a run of a user program (Logger), or of another program's event files. */
export async function summariseOwn(
  folder: string,
  id: string,
  own: NonNullable<Awaited<ReturnType<typeof ownKind>>>,
  scalars: ScalarSource,
): Promise<RunSummary> {
  const label = await readLabel(folder);
  const file = await fileInside(folder, 'config.json');
  const lines = await fileInside(folder, 'scalars.jsonl');
  const [first, last] = [scalars.times.time[0], scalars.times.time.at(-1)];
  const shown = scalarSummary(scalars);
  // A sparkline of anything but a loss may rise.
  const loss = shown.lastLoss === undefined ? [] : shown.spark;
  const begun =
    own.kind === 'program' ? Date.parse(own.config.machine?.started ?? '') : (first ?? Number.NaN);
  const updated = lines?.stats.mtimeMs ?? last ?? file?.stats.mtimeMs ?? scalars.modified ?? 0;
  return {
    kind: own.kind,
    id,
    name: label.name ?? printable(id),
    tags: label.tags ?? [],
    ...(label.note ? { note: label.note } : {}),
    ...(label.color ? { color: label.color } : {}),
    started: new Date(begun || first || file?.stats.mtimeMs || scalars.modified || 0).toISOString(),
    updated: new Date(updated).toISOString(),
    ...(await ownStatus(folder, own.kind, updated, scalars)),
    ...shown,
    ...(isDiverged(loss, false) ? { diverged: true as const } : {}),
    paper: '',
    preset: '',
    recipe: '',
    dataset: own.kind === 'program' ? own.config.program : 'TensorBoard',
    seed: 0,
    epoch: 0,
    epochs: 0,
    stepsTotal: own.kind === 'program' ? (own.config.steps ?? 0) : 0,
  };
}

/** Parses the configuration fields for the list. */
export const parseListed = (text: string) => configSchema.safeParse(parseJson(text));

/** The best accuracy, or the best value of the metric by which the paper chooses its best weights. */
async function bestOf(folder: string, { epoch }: Skim): Promise<Pick<RunSummary, 'bestAccuracy' | 'best'>> {
  const { best } = (await readState(folder).catch(() => undefined)) ?? {};
  const { metric, value } = best ?? {};
  if (metric !== undefined && value !== undefined) return { best: { metric, value } };
  const accuracy = best?.accuracy ?? epoch?.testAccuracy;
  return accuracy === undefined ? {} : { bestAccuracy: accuracy };
}

/**
 * Whether a run's loss should fall, as far as its epochs and steps show. That of a paper's own step may rise, such as a
 * discriminator's: another metric then says how good the weights are.
 */
const fallsIn = ({ epoch, own }: Skim, best: RunSummary['best']): boolean =>
  best ? best.metric === 'loss' : epoch ? epoch.testAccuracy !== undefined : !own;

/** Last values of metrics besides the loss and the accuracy. */
function figuresOf({ lastStep, epoch }: Skim): Pick<RunSummary, 'figures'> {
  const known = {
    ...(lastStep
      ? {
          imagesPerSecond: lastStep.imagesPerSecond,
          stepSeconds: lastStep.stepSeconds,
          rssMiB: lastStep.rssMiB,
        }
      : {}),
    ...(epoch ? { 'epoch/trainLoss': epoch.trainLoss } : {}),
    ...(epoch?.testLoss === undefined ? {} : { 'epoch/testLoss': epoch.testLoss }),
    ...named('test', epoch?.testMetrics),
  };
  return Object.keys(known).length === 0 ? {} : { figures: known };
}

const named = (group: string, metrics: Readonly<Record<string, number>> = {}) =>
  Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`${group}/${name}`, value]));

interface ImageCounts {
  readonly train: number;
  readonly test: number;
}

/** Numbers of images of a run's data set; undefined if unknown. */
export async function imageCounts(folder: string, dataset: string): Promise<ImageCounts | undefined> {
  const text = await readSmall(folder, DATA_FILE).catch(() => undefined);
  const { data } = dataSchema.safeParse(parseJson(text ?? ''));
  if (data) return { train: data.train.images, test: data.test.images };
  return Object.hasOwn(IMAGES, dataset) ? IMAGES[dataset] : undefined;
}

/** Total number of steps; 0 if unknown. */
export function stepsTotal(
  { epochs, maxSteps, batchSize, accumulate, overfitBatches = Number.POSITIVE_INFINITY }: ListedConfig,
  { epoch, done, lastStep }: Skim,
  images?: number,
): number {
  if (done && lastStep) return lastStep.step;
  const batches = images && Math.min(Math.ceil(images / batchSize), overfitBatches);
  const perEpoch = epoch ? epoch.step / epoch.epoch : batches && Math.ceil(batches / accumulate);
  const whole = perEpoch ? Math.round(perEpoch * epochs) : Number.POSITIVE_INFINITY;
  const total = Math.min(whole, maxSteps ?? Number.POSITIVE_INFINITY);
  return Number.isFinite(total) ? total : 0;
}
