import { availableParallelism } from 'node:os';
import { resolve as absolute, basename, join } from 'node:path';
import type { Device } from '../../backend/backend.js';
import { classesOf, imagesIn } from '../../data/dataset.js';
import { type ImageRules, imageRules } from '../../data/images/rules.js';
import { type Items, itemOf, itemsOf } from '../../data/items.js';
import { describeSample } from '../../data/stratified-sample.js';
import type { World } from '../../distributed/index.js';
import { counted, grouped } from '../../errors/counted.js';
import { DataError, ShapeError, UsageError } from '../../errors/errors.js';
import { printable } from '../../errors/printable.js';
import { writeFileAtomic } from '../../files/atomic.js';
import { undoLater } from '../../files/undo.js';
import { withoutInit } from '../../nn/init.js';
import { defaultDataset, ownDataset } from '../../papers/datasets.js';
import { dryRun } from '../../papers/dry-run.js';
import { requireModel } from '../../papers/loading/load.js';
import { buildModel, type Paper } from '../../papers/paper.js';
import { parallelOf } from '../../papers/parallel.js';
import { defaultPaper, openPaper, openPaperNamed } from '../../papers/registry.js';
import { absentClasses } from '../../papers/test-set.js';
import { checkSet, describeMachine, deviceSchema, prepareRun } from '../../papers/train.js';
import { curveSvg } from '../../report/curve.js';
import { EventFile } from '../../report/tensorboard/writer.js';
import { rulesOf, type TrainConfig, trainConfigSchema } from '../../run/config.js';
import type { DoneEvent, StepEvent } from '../../run/events.js';
import { MachineLog } from '../../run/machine-log.js';
import { NullRunFolder } from '../../run/null-run-folder.js';
import { describeOrigin } from '../../run/origin.js';
import { latestRun, RunFolder } from '../../run/run-folder.js';
import { checkBlocks } from '../../train/blocks.js';
import { type Choice, chooseDataset } from '../../train/datasets.js';
import { freezeModules } from '../../train/module-patterns.js';
import { together } from '../../train/observers.js';
import { checkOptimizerConfig } from '../../train/optimizer.js';
import { trim } from '../../train/reporter.js';
import type { Trainer } from '../../train/trainer.js';
import { DownloadBar, openPaperSet } from '../data/open.js';
import { withDevice } from '../device.js';
import { ownCommand } from '../terminal/command.js';
import { Interrupted, interruptCode, stopWithCheckpoint } from '../terminal/interrupt.js';
import { note, printJson } from '../terminal/output.js';
import { terminalColumns } from '../terminal/progress.js';
import { withWorld } from '../world.js';
import { rateAdvice, withGlobalBatch } from './batch-per-rank.js';
import { configFrom, resumedConfig, type Settings } from './config.js';
import type { TrainFlags } from './flags.js';
import { inTime } from './in-time.js';
import { TrainScreen } from './screen.js';
import { serveBeside } from './serve-beside.js';
import { summaryLines } from './summary.js';

const RUNS = 'runs';
const CURVE = 'curve.svg';

/** The `train` command: sets up a run, shows its progress, and ends it cleanly. */
export const runTraining = (flags: TrainFlags): Promise<void> => withWorld((world) => train(flags, world));

async function train(given: TrainFlags, world: World | undefined): Promise<void> {
  const ranks = world?.size ?? 1;
  // These decide what the ranks exchange first.
  await world?.check('its flags (--resume)', String(given.resume === true));
  const shared = world ? forRanks(given, world) : given;
  await world?.check(
    'its kernels (PAPERWEIGHT_KERNELS)',
    String(process.env.PAPERWEIGHT_KERNELS === 'fixed'),
  );
  const flags = given.resume ? shared : withGlobalBatch(shared, ranks);
  const { signal, stopListening } = stopWithCheckpoint();
  // Until the first step, a refused start leaves no run, which would block the corrected command.
  let undo: (() => Promise<void>) | undefined;
  const undoNow = async (): Promise<void> => {
    if (!signal.aborted) await undo?.();
    undo = undefined;
  };
  /** If one of several ranks fails, all of them end in `withDevice`. */
  const orUndo = (body: (device: Device) => Promise<void>) => async (device: Device) => {
    try {
      await body(device);
    } catch (error) {
      await undoNow();
      throw error;
    }
  };
  try {
    const isFirst = world?.first ?? true;
    if (isFirst && flags.run && !flags.resume && !flags.dryRun) RunFolder.checkNew(flags.run);
    const paper = flags.resume ? undefined : await openPaperNamed(flags.paper);
    const settings = paper && configFrom(flags, paper);
    if (settings) checkSettings(paper, settings, { parallel: given.parallel, ranks });
    checkParallelFlags(given);
    if (paper && flags.dataset !== undefined) ownDataset(paper, flags.dataset);
    const before = flags.resume ? await runToResume(flags, world) : undefined;
    // Measured kernels would differ from run to run, and with them the last bits.
    if ((settings ?? before!.config).blocks !== undefined) process.env.PAPERWEIGHT_KERNELS ??= 'fixed';
    const deviceFlags = before ? asBefore(flags, before.config) : flags;
    await withDevice(
      deviceFlags,
      orUndo(async (device) => {
        const { path, former, ...prepared } = settings
          ? await configure(flags, { paper: paper!, settings }, signal, {
              machine: async () => ({
                ...(await describeMachine(device)),
                ...describeOrigin(process.argv.slice(2)),
              }),
              world,
            })
          : await resume(flags, before!, world);
        const { config, remark } =
          settings && !world
            ? await inTime(prepared.config, { paper: paper!, flags, device: device.name })
            : { config: prepared.config, remark: undefined };
        const run = { ...prepared, config };
        if (flags.dryRun) {
          note(await dryRun(path, { ...run, device, observer: { note }, signal }));
          return;
        }
        if (isFirst && settings) undo = await undoLater(path);
        const folder = !isFirst
          ? NullRunFolder.at(path)
          : settings
            ? await RunFolder.create(path, config)
            : RunFolder.open(path);
        note(`Run: ${printable(folder.path)}`);
        if (remark) note(remark);
        if (given.batchPerRank !== undefined && paper)
          for (const line of rateAdvice({
            ranks,
            config,
            recipeBatch: paper.recipes[config.recipe]!.batchSize,
            images: run.trainSet.length ?? 0,
            ownRate: given.lr !== undefined,
          }))
            note(line);
        if (config.dataset === 'imagefolder') await adviseOnJpegs();
        const machine = isFirst ? MachineLog.start(folder.path) : undefined;
        const screen = new TrainScreen(folder, flags.json ?? false, itemsOf(run.trainSet));
        const stopServing =
          isFirst &&
          flags.serve !== undefined &&
          (await serveBeside(folder.path, { port: flags.serve, control: flags.control ?? false }));
        const board =
          flags.logDir === undefined || !isFirst
            ? undefined
            : await EventFile.create(
                join(flags.logDir, basename(absolute(folder.path))),
                config.model.classes.length,
              );
        const observer = together(!isFirst ? [] : board ? [screen, board] : [screen]);
        let trainer: Trainer;
        try {
          const { parallel } = flags;
          trainer = await prepareRun({ ...run, former, folder, device, observer, signal, world, parallel });
          board?.settings(config);
          board?.resumedAfter(trainer.step);
          // What the flags have changed holds for later resumes too.
          if (flags.resume) await folder.writeConfig(config);
          if (isFirst) {
            if (trainer.step > 0) screen.tell(trainer.step, `Resuming after step ${trainer.step}.`);
            screen.begin(trainer.step, trainer.stepsTotal);
          }
          const done = await trainer.run().catch((error: unknown) => {
            if (trainer.step > 0 || !isRefusal(error)) undo = undefined;
            throw error;
          });
          screen.end();
          if (isFirst) await drawCurve(folder, config);
          if (!done)
            throw new Interrupted(
              `Interrupted after step ${trainer.step}. Continue with: ${ownCommand('train', '--resume', '--run', folder.path, ...sameDevice(flags))}`,
              await sharedCode(signal, world),
            );
          if (flags.json)
            printJson({
              event: 'done',
              run: done.run,
              ...(done.testAccuracy === undefined ? {} : { testAccuracy: done.testAccuracy }),
              ...(done.testTop5 === undefined ? {} : { testTop5: done.testTop5 }),
              ...(done.testMetrics === undefined ? {} : { testMetrics: done.testMetrics }),
            });
          if (!isFirst) return;
          const steps = (await folder.metrics()).filter(({ event }) => event === 'step');
          const shown = steps as unknown as StepEvent[];
          for (const line of summaryLines(done, shown, terminalColumns(), itemsOf(run.trainSet))) note(line);
          for (const set of [run.trainSet, run.testSet]) {
            const summary = imagesIn(set)?.summary?.();
            if (summary) note(summary);
          }
          const images = imagesIn(run.testSet);
          for (const line of images ? absentClasses(images) : []) note(line);
          closing(await openPaper(config.model.paper), config, done, itemsOf(run.testSet));
        } finally {
          machine?.stop();
          screen.end();
          if (stopServing) await stopServing();
          board?.close();
        }
      }),
      world,
    );
    undo = undefined;
  } catch (error) {
    await undoNow();
    throw error;
  } finally {
    stopListening();
  }
}

/** Whether an error of the first step is about the settings or the data, rather than the computation. */
const isRefusal = (error: unknown): boolean =>
  error instanceof UsageError || error instanceof DataError || error instanceof ShapeError;

/** Prints advice if JPEG decoding could be faster. */
async function adviseOnJpegs(): Promise<void> {
  const { turboJpegAdvice } = await import('../../data/images/formats/turbojpeg.js');
  const advice = turboJpegAdvice();
  if (advice) note(advice);
}

/** What cannot be built is refused before anything is downloaded or made. */
function checkSettings(
  paper: Paper,
  settings: Settings,
  { parallel, ranks }: { readonly parallel: string | undefined; readonly ranks: number },
): void {
  const model = withoutInit(() => buildModel(paper, { ...settings.model, classes: ['any'] }));
  if (parallel !== undefined) parallelOf(paper, parallel, { model, config: settings, ranks });
  if (settings.startFrom) requireModel(settings.startFrom.file);
  checkOptimizerConfig(model, settings);
  checkBlocks(settings, ranks, parallel !== undefined);
  freezeModules(model, settings);
}

/** @throws UsageError for flags that do not fit `--parallel` */
function checkParallelFlags({ parallel, batchPerRank }: TrainFlags): void {
  if (parallel === undefined || batchPerRank === undefined) return;
  throw new UsageError({
    what: `--batch-per-rank has no meaning with --parallel ${parallel}`,
    expected: '--batch-size: each rank computes the whole batch',
    got: `--batch-per-rank ${batchPerRank}`,
    next: 'leave one of them out',
  });
}

/** Data, complete configuration, and the path of the run; creates nothing yet. */
async function configure(
  flags: TrainFlags,
  { paper, settings }: { readonly paper: Paper; readonly settings: Settings },
  signal: AbortSignal,
  { machine, world }: { machine: () => Promise<Record<string, unknown>>; world: World | undefined },
) {
  // Rank 0 downloads the data.
  if (world && !world.first) await world.barrier();
  const bar = new DownloadBar();
  const usual = defaultDataset(paper, settings.recipe);
  const choice: Choice =
    flags.dataset || flags.data || usual !== undefined
      ? { dataset: flags.dataset ?? usual ?? 'cifar10', ...(flags.data ? { data: flags.data } : {}) }
      : await chooseDataset({ onProgress: bar.update, signal })
          .catch((error) => {
            throw signal.aborted ? new Interrupted() : error;
          })
          .finally(() => bar.done());
  const { note: remark, ...chosen } = { note: undefined, ...choice };
  if (remark) note(remark);
  // An absolute path, because the run may be evaluated and resumed from another folder.
  const data = { ...chosen, ...(chosen.data === undefined ? {} : { data: absolute(chosen.data) }) };
  // Opened before the run's folder is created, so that bad data leaves no empty run.
  const sets = await openSets(paper, data);
  const images = imagesIn(sets.trainSet);
  const config: TrainConfig = {
    ...settings,
    ...data,
    model: {
      ...settings.model,
      classes: [...classesOf(sets.trainSet)],
      ...(images ? { images: imageRules(images.imageShape[1]) } : {}),
    },
    machine: await machine(),
  };
  checkSet(paper, config, sets.trainSet);
  const named = flags.run ?? join(RUNS, `${stamp(new Date())}-${config.recipe}`);
  const run = { ...sets, config, former: undefined };
  if (!world) return { ...run, path: named };
  if (world.first) await world.barrier();
  // Folders of data may have other names on other machines.
  const { machine: _, data: __, ...same } = config;
  await checkConfig(world, { ...same, parallel: flags.parallel });
  return { ...run, path: await world.broadcastValue(named) };
}

async function openSets(
  paper: Paper,
  { dataset, data }: Pick<TrainConfig, 'dataset' | 'data'>,
  rules?: ImageRules,
) {
  const open = (train: boolean) => openPaperSet(paper, { dataset, data, train, rules });
  return { trainSet: await open(true), testSet: await open(false) };
}

/**
 * Keeps the device settings of the run so far unless flags change them: another thread count changes the last bits. A
 * device without the run's number type continues in float32.
 */
function asBefore(flags: TrainFlags, { machine }: TrainConfig): TrainFlags {
  const { engine, threads, precision } = deviceSchema.safeParse(machine?.device).data ?? {};
  // A GPU's run has no number of threads.
  const kept = engine !== 'webgpu' && threads !== undefined && threads <= availableParallelism();
  return {
    ...flags,
    ...(flags.threads === undefined && kept ? { threads } : {}),
    ...(flags.precision === 'auto' && precision !== undefined ? { precision, otherwise: 'float32' } : {}),
  };
}

/** Flags for a resumed run on the device of this one, which has the same bits there only. */
const sameDevice = ({ device }: TrainFlags): string[] => (device === 'auto' ? [] : ['--device', device]);

async function openRun(flags: TrainFlags): Promise<RunFolder> {
  const path = flags.run ?? (await latestRun(RUNS));
  if (path) return RunFolder.open(path);
  throw new UsageError({
    what: 'There is no run to resume',
    expected: `a run in ./${RUNS}, or --run DIR`,
    got: 'neither',
    next: 'start one without --resume',
  });
}

/** A run that is to be resumed. */
interface Before {
  readonly path: string;
  readonly config: TrainConfig;
}

/** The run to resume, which the first rank reads for all. */
async function runToResume(flags: TrainFlags, world: World | undefined): Promise<Before> {
  if (world && !world.first) return world.broadcastValue<Before>(undefined as never);
  const folder = await openRun(flags);
  const before = { path: folder.path, config: await folder.config(trainConfigSchema) };
  return world ? world.broadcastValue(before) : before;
}

async function resume(flags: TrainFlags, before: Before, world: World | undefined) {
  const { batchSize } = before.config;
  const config = resumedConfig(before.config, withGlobalBatch(flags, world?.size ?? 1, batchSize));
  const { machine: _, data: __, ...same } = config;
  if (world) await checkConfig(world, { ...same, parallel: flags.parallel });
  const paper = await openPaper(config.model.paper);
  const sets = await openSets(paper, config, rulesOf(config));
  return { ...sets, config, former: before.config, path: before.path };
}

/** @throws UsageError on all ranks if settings of one differ; the error names them */
async function checkConfig(world: World, own: Readonly<Record<string, unknown>>): Promise<void> {
  const first = await world.broadcastValue(own);
  const differing = Object.keys({ ...first, ...own }).filter(
    (key) => JSON.stringify(own[key]) !== JSON.stringify(first[key]),
  );
  const names = (await world.texts(differing.join(', '))).find((text) => text !== '');
  if (names !== undefined) await world.check(`its flags or configuration (${names})`, JSON.stringify(own));
}

/** The exit code for a signal, which perhaps only one rank has received. */
async function sharedCode(signal: AbortSignal, world: World | undefined): Promise<number> {
  if (!world) return interruptCode();
  const codes = await world.gather([signal.aborted ? interruptCode() : 0]);
  return Math.max(...codes.map(([code]) => code!)) || interruptCode();
}

/** Adapts the flags for one of several ranks. @throws UsageError for flags that need a single process */
function forRanks(flags: TrainFlags, world: World): TrainFlags {
  if (flags.dryRun)
    throw new UsageError({
      what: '--dry-run works on one rank',
      expected: 'the command without a launcher',
      got: `${world.size} ranks`,
      next: 'try it on one rank; the same command then trains on all',
    });
  // Choices by measuring would differ from rank to rank, and with them the last bits of each run.
  process.env.PAPERWEIGHT_KERNELS ??= 'fixed';
  const measuring = flags.precision === 'auto' && ['auto', 'onednn'].includes(flags.device);
  if (measuring && !flags.resume && process.env.PAPERWEIGHT_KERNELS === 'fixed' && world.first)
    note(
      '--precision auto is float32 on several ranks, which measure nothing; one rank may choose bfloat16. For the same training on any number, give --precision float32 or bfloat16.',
    );
  return { ...flags, threads: flags.threads ?? world.threads };
}

/** Draws the run's curve as an image beside its metrics. */
async function drawCurve(folder: RunFolder, { recipe, dataset, model }: TrainConfig): Promise<void> {
  const metrics = await folder.metrics();
  const points = (event: string, value: string) =>
    metrics.filter((m) => m.event === event).map((m) => ({ step: Number(m.step), value: Number(m[value]) }));
  const accuracy = points('epoch', 'testAccuracy');
  const last = accuracy.at(-1);
  const { testImages, testTotal } = metrics.findLast(({ event }) => event === 'epoch') ?? {};
  const measured =
    typeof testTotal === 'number' ? `${grouped(Number(testImages))} sampled test images` : 'the test images';
  const svg = curveSvg({
    title: `${(await openPaper(model.paper)).name} on ${dataset}, ${recipe} recipe`,
    subtitle: last
      ? `${trim(last.value)} % accuracy on ${measured} after ${counted(last.step, 'step')}`
      : 'not evaluated yet',
    loss: points('step', 'loss'),
    accuracy,
    ...(model.classes.length > 1 ? { chance: Math.log(model.classes.length) } : {}),
  });
  await writeFileAtomic(join(folder.path, CURVE), svg);
}

/** 2026-11-24-081500; sorts by time. */
const stamp = (date: Date): string => date.toISOString().slice(0, 19).replace('T', '-').replaceAll(':', '');

function closing(
  paper: Paper,
  { recipe, dataset, data, seed, startFrom }: TrainConfig,
  { run, testImages, testTotal }: DoneEvent,
  items: Items,
): void {
  const sample = describeSample(testImages, testTotal, items);
  if (testImages > 0)
    note(
      sample
        ? `Evaluated on ${sample}, of ${dataset}, not used for training.`
        : `Evaluated on ${counted(testImages, `test ${itemOf(items)}`)} of ${dataset}, not used for training.`,
    );
  note(`The run is in ${printable(run)}; its curve is ${printable(join(run, CURVE))}`);
  const shortOf = Object.hasOwn(paper.recipes, recipe) ? paper.recipes[recipe]!.shortOf : undefined;
  if (shortOf !== undefined && !startFrom) {
    note(`The recipe ${recipe} is a short form of ${shortOf}. To train the full recipe:`);
    const flags = [
      ...(paper.id === defaultPaper() ? [] : ['--paper', paper.id]),
      ...['--preset', shortOf, '--dataset', dataset],
      ...(data ? ['--data', data] : []),
      ...['--seed', String(seed)],
    ];
    note(`  ${ownCommand('train', ...flags)}`);
  }
}
