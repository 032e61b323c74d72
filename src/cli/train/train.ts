import type { Command } from 'commander';
import { UsageError } from '../../errors/errors.js';
import { recipes } from '../../papers/alexnet/recipe.js';
import type { Paper, Recipe } from '../../papers/paper.js';
import type { ModelConfig, TrainConfig } from '../../run/config.js';
import { DATASETS, type DatasetName } from '../../run/dataset-names.js';
import { INSIGHT_EVERY } from '../../run/events.js';
import { addFinetuneOptions, type FinetuneFlags, initName, startFromOf } from '../options/finetune.js';
import { addModelOptions, type ModelFlags, modelOptions } from '../options/model.js';
import {
  addDeviceOptions,
  type DeviceFlags,
  examples,
  fraction,
  integer,
  JSON_OUTPUT,
  nonNegativeNumber,
  oneOf,
  pathName,
  positiveInteger,
  positiveNumber,
} from '../options/options.js';
import { port } from '../serve.js';

export interface TrainFlags extends DeviceFlags, ModelFlags, FinetuneFlags {
  readonly preset?: string;
  readonly dropout?: number;
  readonly imageSize?: number;
  readonly dataset?: DatasetName;
  readonly data?: string;
  readonly epochs?: number;
  readonly maxSteps?: number;
  readonly batchSize?: number;
  readonly lr?: number;
  readonly momentum?: number;
  readonly weightDecay?: number;
  readonly seed?: number;
  readonly run?: string;
  readonly resume?: boolean;
  readonly dryRun?: boolean;
  readonly checkpointEvery?: number;
  readonly evalLimit?: number;
  readonly serve?: number | true;
  readonly control?: boolean;
  readonly insightEvery?: number;
  readonly logDir?: string;
  readonly json?: boolean;
}

/** `(default: 128; quick: 32)`, from AlexNet's recipes themselves. */
function defaults(pick: (recipe: Recipe) => unknown): string {
  const [notes, quick] = [pick(recipes.notes), pick(recipes.quick)];
  const show = (value: unknown) => (value === undefined ? 'no limit' : String(value));
  return `(default: ${show(notes)}${quick === notes ? '' : `; quick: ${show(quick)}`})`;
}

const limit = (value: number | undefined, all: string): string | number => value ?? all;

export function register(program: Command): void {
  const command = program
    .command('train')
    .summary('train a paper’s network')
    .description(
      `Trains a paper's network, AlexNet unless --paper names another, and measures it on the test images.\n\nPresets of AlexNet:\n${Object.entries(
        recipes,
      )
        .map(([name, { about }]) => `  ${name.padEnd(11)} ${about}`)
        .join('\n')}`,
    )
    .option(
      '--preset <name>',
      `the recipe, such as ${Object.keys(recipes).join(', ')} (default: notes)`,
      pathName('--preset'),
    )
    .option(
      '--dataset <name>',
      'cifar10, shapes10, or imagefolder: images in folders (default: CIFAR-10 from a folder, else downloaded, else shapes10)',
      oneOf('--dataset', DATASETS),
    )
    .option(
      '--data <dir>',
      'folder that holds the .bin files (default: the one that PAPERWEIGHT_CIFAR10 names, else ./data), or train/ and val/ for imagefolder',
      pathName('--data'),
    )
    .option(
      '--epochs <n>',
      `times through the training images ${defaults((r) => r.epochs)}`,
      positiveInteger('--epochs'),
    )
    .option(
      '--max-steps <n>',
      `stop after n steps; a run of less than an epoch is measured on a sample of the test images, unless --eval-limit says otherwise ${defaults((r) => r.maxSteps)}`,
      positiveInteger('--max-steps'),
    )
    .option(
      '--batch-size <n>',
      `images a step ${defaults((r) => r.batchSize)}`,
      positiveInteger('--batch-size', 65_536),
    )
    .option('--lr <rate>', `learning rate ${defaults((r) => r.lr)}`, positiveNumber('--lr'))
    .option('--momentum <m>', `momentum ${defaults((r) => r.momentum)}`, fraction('--momentum'))
    .option(
      '--weight-decay <w>',
      `weight decay ${defaults((r) => r.weightDecay)}`,
      nonNegativeNumber('--weight-decay'),
    )
    .option('--seed <n>', 'decides weights, order and dropout (default: 0)', integer('--seed', { min: 0 }))
    .option('--run <dir>', 'folder for the run (default: a new one in ./runs)', pathName('--run'))
    .option(
      '--resume',
      'continue the run in --run, or the youngest in ./runs, where its last checkpoint stands (default: off)',
    )
    .option(
      '--checkpoint-every <n>',
      `steps between checkpoints; there is one at each epoch's end too ${defaults((r) => r.checkpointEvery)}`,
      positiveInteger('--checkpoint-every'),
    )
    .option(
      '--eval-limit <n>',
      `measure on a random sample of n test images, spread over the classes ${defaults((r) => limit(r.evalLimit, 'all'))}`,
      positiveInteger('--eval-limit'),
    )
    .option(
      '--insight-every <n>',
      `steps between two looks into the model (norms, dead units, kernels); 0 for none (default: ${INSIGHT_EVERY})`,
      integer('--insight-every', { min: 0 }),
    )
    .option(
      '--log-dir <dir>',
      'write TensorBoard event files into a folder of the run’s name there (default: none)',
      pathName('--log-dir'),
    );
  addModelOptions(command)
    .option(
      '--dropout <p>',
      `probability of dropout ${defaults((r) => r.model.dropout)}`,
      fraction('--dropout'),
    )
    .option(
      '--image-size <pixels>',
      `side of the images that the network gets ${defaults((r) => r.model.imageSize)}`,
      positiveInteger('--image-size', 4096),
    )
    .option(
      '--init <name|file>',
      `how weights start: an initialisation, or a file of weights such as weights.safetensors ${defaults((r) => r.model.init)}`,
      pathName('--init'),
    );
  addFinetuneOptions(command);
  addDeviceOptions(command)
    .option(
      '--dry-run',
      'two steps, one batch of measuring, a checkpoint written and read back, and nothing left behind (default: off)',
    )
    .option(
      '--serve [port]',
      'show the run in the browser while it trains (default: off; port 8321)',
      port('--serve'),
    )
    .option('--control', 'with --serve: let the pages pause and stop the run (default: off)')
    .option(...JSON_OUTPUT)
    .addHelpText(
      'after',
      examples(
        'paperweight train --preset quick',
        'paperweight train --preset four-layer --activation tanh',
        'paperweight train --data ./data --epochs 10 --run runs/notes',
        'paperweight train --resume --run runs/notes',
        'paperweight train --dataset imagefolder --data pets --init weights.safetensors --partial --freeze features',
      ),
    )
    .action(async (flags: TrainFlags) => {
      if (flags.control && flags.serve === undefined)
        throw new UsageError({
          what: '--control does nothing without --serve',
          expected: '--serve --control',
          got: '--control',
          next: 'add --serve, or leave --control out',
        });
      if (flags.dryRun && flags.resume)
        throw new UsageError({
          what: '--dry-run cannot resume a run',
          expected: 'one of the two',
          got: '--dry-run --resume',
          next: 'leave one of them out',
        });
      const { runTraining } = await import('./run.js');
      await runTraining(flags);
    });
}

/** A run's configuration: the recipe, and what the flags change in it. */
export function configFrom(
  flags: TrainFlags,
  data: { dataset: TrainConfig['dataset']; data?: string },
  classes: readonly string[],
  paper: Paper,
): TrainConfig {
  const name = flags.preset ?? Object.keys(paper.recipes)[0]!;
  if (!Object.hasOwn(paper.recipes, name))
    throw new UsageError({
      what: `--preset ${name} cannot be used`,
      expected: `one of ${Object.keys(paper.recipes).join(', ')}`,
      got: `"${name}"`,
      next: 'give another value, or leave --preset out for its default (--help shows it)',
    });
  const { about: _, model, ...recipe } = paper.recipes[name]!;
  const changed = modelOptions(flags);
  const options = changed || model.options ? { options: { ...model.options, ...changed } } : {};
  const given = <K extends keyof TrainFlags & (keyof TrainConfig | keyof ModelConfig)>(key: K) =>
    flags[key] === undefined ? {} : { [key]: flags[key] };
  const [init, start] = [initName(flags), startFromOf(flags)];
  const config: TrainConfig = {
    version: 1,
    recipe: name,
    model: {
      paper: paper.id,
      classes: [...classes],
      ...model,
      ...given('dropout'),
      ...given('imageSize'),
      ...(init === undefined ? {} : { init }),
      ...options,
    },
    ...data,
    ...recipe,
    ...given('epochs'),
    ...given('maxSteps'),
    ...given('batchSize'),
    ...given('lr'),
    ...given('momentum'),
    ...given('weightDecay'),
    ...given('checkpointEvery'),
    ...given('evalLimit'),
    ...given('insightEvery'),
    ...(start ? { startFrom: start } : {}),
    ...given('freeze'),
    ...given('lrScale'),
    ...given('accumulate'),
    ...given('clipNorm'),
    ...given('clipValue'),
    ...given('ema'),
    ...given('labelSmoothing'),
    ...given('overfitBatches'),
    ...given('onNan'),
    seed: flags.seed ?? 0,
  };
  // A number of epochs that was asked for is meant, whatever the recipe's own limit.
  if (flags.epochs !== undefined && flags.maxSteps === undefined) delete config.maxSteps;
  return config;
}

/** What a resumed run may change without becoming another run. */
const MAY_CHANGE = [
  'epochs',
  'maxSteps',
  'data',
  'checkpointEvery',
  'evalLimit',
  'insightEvery',
  'onNan',
] as const;
const FIXED = [
  'preset',
  'dataset',
  'batchSize',
  'lr',
  'momentum',
  'weightDecay',
  'seed',
  'freeze',
  'lrScale',
  'accumulate',
  'clipNorm',
  'clipValue',
  'ema',
  'labelSmoothing',
  'overfitBatches',
] as const;
const FIXED_MODEL = ['paper', 'dropout', 'imageSize'] as const;

const shown = (value: unknown): string =>
  typeof value === 'object' ? JSON.stringify(value) : String(value ?? 'none');

const flagName = (key: string): string => `--${key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;

/** The configuration of a run that goes on. */
export function resumedConfig(config: TrainConfig, flags: TrainFlags): TrainConfig {
  const keep = (key: string, before: unknown, now: unknown): void => {
    if (now === undefined || JSON.stringify(now) === JSON.stringify(before)) return;
    throw new UsageError({
      what: `${flagName(key)} cannot change when a run is resumed`,
      expected: `${shown(before)}, as the run was started`,
      got: shown(now),
      next: `leave ${flagName(key)} out, or start a new run`,
    });
  };
  for (const key of FIXED) keep(key, key === 'preset' ? config.recipe : config[key], flags[key]);
  const start = startFromOf(flags);
  if (start) keep('init', config.startFrom?.file, start.file);
  else keep('init', config.model.init, initName(flags));
  for (const key of FIXED_MODEL) keep(key, config.model[key], flags[key]);
  for (const [key, value] of Object.entries(modelOptions(flags) ?? {}))
    keep(key, config.model.options?.[key], value);
  const changed = Object.fromEntries(
    MAY_CHANGE.filter((key) => flags[key] !== undefined).map((key) => [key, flags[key]]),
  );
  return { ...config, ...changed };
}
