import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { Device, EngineInfo } from '../backend/backend.js';
import { PRECISIONS } from '../backend/device-names.js';
import { inClassesOf } from '../data/class-order.js';
import { type AnySet, imagesIn } from '../data/dataset.js';
import { epochOrder } from '../data/epoch-order.js';
import type { ImageStatistics } from '../data/images/image-sums.js';
import { SampleSubset } from '../data/samples/sample-subset.js';
import { Subset } from '../data/subset.js';
import type { World } from '../distributed/index.js';
import { UsageError } from '../errors/errors.js';
import { callOwn } from '../errors/own-code.js';
import { partNotes, partOf } from '../interop/prefixes.js';
import { readWeights } from '../interop/weights.js';
import type { Module } from '../nn/module.js';
import { normaliseTogether } from '../nn/norm.js';
import { type ModelConfig, type TrainConfig, trainConfigSchema } from '../run/config.js';
import type { Observer } from '../run/events.js';
import type { RunFolder } from '../run/run-folder.js';
import { manualSeed } from '../tensor/random.js';
import { contentsOf } from '../train/data/data-contents.js';
import { checkData, describeData, type RunData } from '../train/data/data-record.js';
import { describeLonger } from '../train/extend-run.js';
import { isCounted, keptStatistics, STATISTICS } from '../train/image-statistics.js';
import { startFrom } from '../train/start-from.js';
import { Trainer } from '../train/trainer.js';
import { classAxes } from './loading/class-axes.js';
import { fixedHeadNotes, headByName } from './loading/head-by-name.js';
import { buildModel, type Paper } from './paper.js';
import { divide, parallelOf } from './parallel.js';
import { inOwnNames, partFor } from './recognise.js';
import { openPaper } from './registry.js';
import { watchSettings } from './unread-settings.js';

export interface RunOptions {
  readonly config: TrainConfig;
  /** The configuration with which the run has been trained so far; read from its folder if left out. */
  readonly former?: TrainConfig | undefined;
  readonly trainSet: AnySet;
  readonly testSet: AnySet;
  readonly folder: RunFolder;
  readonly device: Device;
  readonly observer?: Observer;
  readonly signal?: AbortSignal;
  /** Several ranks that train together; the folder is then silent on all but the first. */
  readonly world?: World | undefined;
  /** The paper's own way to divide the network over the ranks; by default each has all of it and some of the images. */
  readonly parallel?: string | undefined;
}

/**
 * Checks, before the run's folder is made, that its data can train the paper.
 * @throws UsageError
 */
export function checkSet(paper: Paper, { augment, recipe, dataset }: TrainConfig, set: AnySet): void {
  const trainSet = imagesIn(set);
  if (!trainSet) {
    if (paper.training) return;
    throw new UsageError({
      what: `${paper.name} cannot be trained on ${set.name}`,
      expected: 'a set of labelled images',
      got: 'samples of another kind',
      next: 'choose another --dataset',
    });
  }
  if (paper.training) return;
  if (trainSet.classes.length < 2)
    throw new UsageError({
      what: `${trainSet.name} has only one class, ${trainSet.classes[0]}: there is nothing to learn`,
      expected: 'two classes or more',
      got: 'one',
      next: 'add images of another class: for imagefolder, a folder for each class in train/ and val/',
    });
  if (augment !== 'crop-mirror-colour' || isCounted(trainSet)) return;
  throw new UsageError({
    what: `The recipe ${recipe} cannot be trained on ${dataset}`,
    expected: 'images in folders, whose mean image and colours are computed first',
    got: dataset,
    next: 'add --dataset imagefolder --data DIR, or choose another --preset',
  });
}

/** Computed once for the data set and stored with the run; rank 0 does so for all. */
async function countedStatistics(paper: Paper, options: RunOptions): Promise<ImageStatistics | undefined> {
  const { world, config, trainSet } = options;
  checkSet(paper, config, trainSet);
  if (config.augment !== 'crop-mirror-colour') return undefined;
  const own = !world || world.first ? await count(options) : undefined;
  if (!world) return own;
  const received = await world.broadcastValue(own ? { ...own, mean: [...own.mean] } : null);
  return received ? { ...received, mean: Float32Array.from(received.mean) } : undefined;
}

async function count({ trainSet: set, folder, observer, signal }: RunOptions) {
  const trainSet = imagesIn(set);
  if (!trainSet || !isCounted(trainSet)) return undefined;
  const onProgress = (done: number, total: number) => observer?.counting?.(done, total);
  return keptStatistics(join(folder.path, STATISTICS), trainSet, {
    onProgress,
    ...(signal ? { signal } : {}),
  });
}

/** Builds a configuration's trainer, restored from the checkpoint if the run has one. */
export async function prepareRun(options: RunOptions): Promise<Trainer> {
  const { device, former: given, parallel, ...parts } = options;
  const { config, folder } = parts;
  const { world } = parts;
  const begins = await ofFirstRank(world, async () => (await folder.checkpoints.steps()).length === 0);
  if (world) await checkSameData(world, parts);
  const dataNotes =
    world?.first === false ? [] : await checkData(folder.path, parts, config.model.classes, !begins);
  const { paper, refuseUnread } = watchSettings(await openPaper(config.model.paper), config);
  const statistics = await countedStatistics(paper, options);
  const matched = (set: AnySet): AnySet => {
    const images = imagesIn(set);
    return images ? inClassesOf(images, config.model.classes, folder.path) : set;
  };
  const sets = { trainSet: matched(parts.trainSet), testSet: matched(parts.testSet) };
  manualSeed(config.seed);
  const whole = buildModel(paper, config.model);
  const ranks = world?.size ?? 1;
  const way =
    parallel === undefined ? undefined : parallelOf(paper, parallel, { model: whole, config, ranks });
  if (config.syncBn) normaliseTogether(whole, ranks);
  // A network that is divided stays on the host until each rank has its part.
  if (!way) await whole.to(device);
  const views = callOwn(`transforms() of ${paper.name}`, () =>
    paper.transforms?.(config.model, config.augment ?? 'none', statistics),
  );
  const [training, observe] = [paper.training?.bind(paper), paper.observe?.bind(paper)];
  const { startFrom: start } = config;
  // A resumed run has its weights in the checkpoint.
  const opening =
    start && begins && world?.first !== false ? await startWith(start, paper, whole, config.model) : [];
  if (begins) await world?.share(whole);
  const model = way && world ? await divide(way, whole, world) : whole;
  if (way) await model.to(device);
  const { slowStart } = Object.hasOwn(paper.recipes, config.recipe) ? paper.recipes[config.recipe]! : {};
  const trainer = new Trainer({
    ...parts,
    ...(slowStart === undefined ? {} : { slowStart }),
    ...overfitted({ ...parts, ...sets }),
    model,
    opening,
    trainTransform: views?.train,
    testTransform: views?.test,
    loader: paper.loader?.bind(paper),
    training,
    observe,
    paper: paper.name,
  });
  // Runs of earlier versions may have such settings.
  if (begins) refuseUnread();
  await trainer.resume();
  for (const text of dataNotes) parts.observer?.note?.(text);
  const now = await device.info();
  // The same updates of the same weights have to give the same bits on all ranks.
  await world?.check(
    'its device (engine, version, instructions or precision)',
    JSON.stringify([now.engine, now.version, now.isa, now.precision]),
    'use machines of one kind, or --device reference; --precision float32 where only that differs',
  );
  if (trainer.step === 0 || world?.first === false) return trainer;
  const former = given ?? (await folder.config(trainConfigSchema));
  const before = trainer.stepsOf(former);
  if (before !== trainer.stepsTotal)
    parts.observer?.note?.(
      describeLonger(config, { before, now: trainer.stepsTotal, rate: trainer.learningRate }),
    );
  const changed = differences(deviceSchema.safeParse(former.machine?.device).data, now);
  // Not an error: only the last bits of results may differ.
  if (changed)
    parts.observer?.note?.(
      `So far this run was computed by ${changed}; from here on, the last bits of its results differ from an uninterrupted run.`,
    );
  return trainer;
}

/** @throws UsageError on all ranks if one has other data */
async function checkSameData(world: World, data: RunData): Promise<void> {
  await world.check('its data', JSON.stringify(await describeData(data)));
  const contents = await Promise.all([contentsOf(data.trainSet), contentsOf(data.testSet)]);
  await world.check(
    'its data (the contents of images or labels)',
    JSON.stringify(contents),
    'give all ranks copies of the same files',
  );
}

/** The result of rank 0. */
async function ofFirstRank<T>(world: World | undefined, find: () => Promise<T>): Promise<T> {
  if (!world) return find();
  return world.broadcastValue(world.first ? await find() : (undefined as T));
}

/** The fields of `describeMachine` that affect the last bits of a run. */
export const deviceSchema = z
  .object({
    engine: z.string(),
    version: z.string(),
    threads: z.number().int().positive(),
    precision: z.enum(PRECISIONS).exclude(['auto']),
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

/** Loads a file's weights into a new run's network. @returns messages for the user */
async function startWith(
  start: NonNullable<TrainConfig['startFrom']>,
  paper: Paper,
  model: Module,
  config: ModelConfig,
): Promise<string[]> {
  const { tensors, notes, metadata } = await readWeights(start.file);
  const part = partFor(start.file, paper, model, tensors);
  const own = inOwnNames(paper, model, partOf(tensors, part));
  const given = { ...start, metadata, weights: own };
  const axes = classAxes(paper, config, model);
  const head = await headByName(given, axes, config.classes);
  const last = axes.size > 0 || paper.lastBias === undefined ? undefined : own.get(paper.lastBias);
  return [
    ...notes,
    ...partNotes(part),
    ...head.notes,
    ...(last ? fixedHeadNotes(given, last.shape[0]!, config.classes) : []),
    ...startFrom(model, start, head.weights),
  ];
}

/** The first batches of the first epoch for both training and testing, for runs with --overfit-batches. */
function overfitted({ config, trainSet, testSet }: Omit<RunOptions, 'device'>) {
  const { overfitBatches, batchSize, seed } = config;
  if (overfitBatches === undefined) return { trainSet, testSet };
  const order = epochOrder({ length: trainSet.length ?? 0, shuffle: true, seed, epoch: 0 });
  const few = firstOf(trainSet, order.subarray(0, overfitBatches * batchSize));
  return { trainSet: few, testSet: few };
}

function firstOf(set: AnySet, indices: Int32Array): AnySet {
  const images = imagesIn(set);
  if (images) return new Subset(images, indices);
  if ('get' in set) return new SampleSubset(set, indices);
  throw new UsageError({
    what: `--overfit-batches cannot be used with ${set.name}: it can only be read in its order`,
    next: 'leave it out',
  });
}

/** Everything that a run's results depend on besides its configuration. */
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
