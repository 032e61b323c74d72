import type { Command } from 'commander';
import { UsageError } from '../errors.js';
import { recipeNames, recipes } from '../papers/alexnet/recipe.js';
import type { TrainConfig } from '../train/config.js';
import { DATASETS, type DatasetName } from '../train/dataset-names.js';
import { INSIGHT_EVERY } from '../train/events.js';
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
} from './options.js';
import { port } from './serve.js';

export interface TrainFlags extends DeviceFlags {
  readonly preset?: (typeof recipeNames)[number];
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
  readonly checkpointEvery?: number;
  readonly evalLimit?: number;
  readonly serve?: number | true;
  readonly control?: boolean;
  readonly insightEvery?: number;
  readonly logDir?: string;
  readonly json?: boolean;
}

/** `(default: 128; quick: 32)`, from the recipes themselves. */
function defaults(pick: (recipe: (typeof recipes)[keyof typeof recipes]) => unknown): string {
  const [notes, quick] = [pick(recipes.notes), pick(recipes.quick)];
  const show = (value: unknown) => (value === undefined ? 'no limit' : String(value));
  return `(default: ${show(notes)}${quick === notes ? '' : `; quick: ${show(quick)}`})`;
}

const limit = (value: number | undefined, all: string): string | number => value ?? all;

export function register(program: Command): void {
  const command = program
    .command('train')
    .summary('train AlexNet')
    .description(
      `Trains AlexNet and measures it on the test pictures.\n\nPresets:\n${recipeNames.map((name) => `  ${name.padEnd(6)} ${recipes[name].about}`).join('\n')}`,
    )
    .option(
      '--preset <name>',
      `the recipe: ${recipeNames.join(' or ')} (default: notes)`,
      oneOf('--preset', recipeNames),
    )
    .option(
      '--dataset <name>',
      'cifar10, shapes10, or imagefolder: pictures in folders (default: CIFAR-10 from a folder, else downloaded, else shapes10)',
      oneOf('--dataset', DATASETS),
    )
    .option(
      '--data <dir>',
      'folder that holds the .bin files (default: the one that PAPERWEIGHT_CIFAR10 names, else ./data), or train/ and val/ for imagefolder',
      pathName('--data'),
    )
    .option(
      '--epochs <n>',
      `times through the training pictures ${defaults((r) => r.epochs)}`,
      positiveInteger('--epochs'),
    )
    .option(
      '--max-steps <n>',
      `end after so many steps ${defaults((r) => ('maxSteps' in r ? r.maxSteps : undefined))}`,
      positiveInteger('--max-steps'),
    )
    .option(
      '--batch-size <n>',
      `pictures a step ${defaults((r) => r.batchSize)}`,
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
      `measure on the first so many test pictures only ${defaults((r) => limit('evalLimit' in r ? r.evalLimit : undefined, 'all'))}`,
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
  addDeviceOptions(command)
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
        'paperweight train --data ./data --epochs 10 --run runs/notes',
        'paperweight train --resume --run runs/notes',
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
      const { runTraining } = await import('./train-run.js');
      await runTraining(flags);
    });
}

/** A run's configuration: the recipe, and what the flags change in it. */
export function configFrom(
  flags: TrainFlags,
  data: { dataset: TrainConfig['dataset']; data?: string },
  classes: readonly string[],
): TrainConfig {
  const name = flags.preset ?? 'notes';
  const { about: _, model, ...recipe } = recipes[name];
  const given = <K extends keyof TrainFlags & keyof TrainConfig>(key: K) =>
    flags[key] === undefined ? {} : { [key]: flags[key] };
  const config: TrainConfig = {
    version: 1,
    recipe: name,
    model: { paper: 'alexnet', classes: [...classes], ...model },
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
    seed: flags.seed ?? 0,
  };
  // A number of epochs that was asked for is meant, whatever the recipe's own limit.
  if (flags.epochs !== undefined && flags.maxSteps === undefined) delete config.maxSteps;
  return config;
}

/** What a resumed run may change without becoming another run. */
const MAY_CHANGE = ['epochs', 'maxSteps', 'data', 'checkpointEvery', 'evalLimit', 'insightEvery'] as const;
const FIXED = ['preset', 'dataset', 'batchSize', 'lr', 'momentum', 'weightDecay', 'seed'] as const;

const flagName = (key: string): string => `--${key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;

/** The configuration of a run that goes on. */
export function resumedConfig(config: TrainConfig, flags: TrainFlags): TrainConfig {
  for (const key of FIXED) {
    const before = key === 'preset' ? config.recipe : config[key];
    if (flags[key] === undefined || flags[key] === before) continue;
    throw new UsageError({
      what: `${flagName(key)} cannot change when a run is resumed`,
      expected: `${before}, as the run was started`,
      got: String(flags[key]),
      next: `leave ${flagName(key)} out, or start a new run`,
    });
  }
  const changed = Object.fromEntries(
    MAY_CHANGE.filter((key) => flags[key] !== undefined).map((key) => [key, flags[key]]),
  );
  return { ...config, ...changed };
}
