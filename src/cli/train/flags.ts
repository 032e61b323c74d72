import { type Command, Option } from 'commander';
import { hasOption, OPTIMIZER_NAMES } from '../../optim/by-name.js';
import type { Paper, Recipe } from '../../papers/paper.js';
import { type ModelConfig, NAN_POLICIES, type TrainConfig, WIRES } from '../../run/config.js';
import { DATASETS, FOLDER_VARIABLES } from '../../run/dataset-names.js';
import { INSIGHT_EVERY } from '../../run/events.js';
import { addModelOptions, type ModelFlags } from '../options/model.js';
import {
  addDeviceOptions,
  between,
  type DeviceFlags,
  filled,
  flagName,
  fraction,
  fractions,
  integer,
  JSON_OUTPUT,
  nonNegativeNumber,
  oneOf,
  pathName,
  patternAndFactor,
  positiveInteger,
  positiveNumber,
  repeated,
} from '../options/options.js';
import { port } from '../serve.js';
import { SCHEDULE_KINDS, scheduleParser } from './schedule-flag.js';

/** A flag of `train`. Its name is derived from its key: `batchSize` is `--batch-size`. */
interface Flag<T> {
  /** Placeholder of the value in the help, such as `<n>`; a flag without one is a switch. */
  readonly value?: string;
  /** Makes the parser of the value; a repeatable flag also gets the previous value. */
  readonly parse?: (flag: string) => (text: string, before: never) => T;
  readonly help: string;
  /** Description of the default. */
  readonly or: string | ((recipes: Paper['recipes']) => string);
  /** Whether it can change when a run is resumed. */
  readonly mayChange?: true;
}

/** `128; quick: 16`: the value of the first recipe, and of the recipes that differ. */
const of =
  (pick: (recipe: Recipe) => unknown) =>
  (recipes: Paper['recipes']): string => {
    const [[, first] = [], ...others] = Object.entries(recipes).map(
      ([name, recipe]) => [name, String(pick(recipe))] as const,
    );
    const names = new Map<string, string[]>();
    for (const [name, value] of others)
      if (value !== first) names.set(value, [...(names.get(value) ?? []), name]);
    const unlike = [...names].map(([value, some]) => `${some.join(', ')}: ${value}`);
    return [first ?? 'the recipe’s own', ...unlike].join('; ');
  };

type Rows<Config> = { readonly [K in keyof Config]?: Flag<NonNullable<Config[K]>> };

/*
 * All flags of `train` except those of papers and of the device. A row determines the help, the validation, the type
 * of the parsed flag, its place in config.json, and whether it can change on resume.
 */

/** Choice of recipe and data; config.ts implements them. */
const CHOICE = {
  preset: {
    value: '<name>',
    parse: filled,
    help: 'the recipe',
    or: (recipes) => Object.keys(recipes)[0] ?? 'the paper’s first',
  },
  dataset: {
    value: '<name>',
    parse: filled,
    help: `${DATASETS.join(', ')} (images in folders), or one of the paper's own`,
    or: of((r) => r.dataset ?? 'CIFAR-10 from a folder, else downloaded, else shapes10'),
  },
  data: {
    value: '<dir>',
    parse: pathName,
    help: 'folder with the .bin or idx files, or with train/ and val/ for imagefolder',
    or: `${Object.values(FOLDER_VARIABLES).join(', ')} if set, else ./data`,
    mayChange: true,
  },
  init: {
    value: '<name|file>',
    parse: pathName,
    help: 'initial weights: the name of an initialisation, or a file such as weights.safetensors',
    or: of((r) => r.model.init),
  },
  partial: {
    help: 'with --init FILE: keep the initialisation of tensors that the file lacks or has in another shape',
    or: 'off',
  },
} satisfies Rows<{
  preset: string;
  dataset: TrainConfig['dataset'];
  data: string;
  init: string;
  partial: boolean;
}>;

/** Stored under the same key in config.json. */
const TRAINING = {
  epochs: {
    value: '<n>',
    parse: positiveInteger,
    help: 'passes over the training images',
    or: of((r) => r.epochs),
    mayChange: true,
  },
  maxSteps: {
    value: '<n>',
    parse: positiveInteger,
    help: 'stop after n steps; a run shorter than an epoch is evaluated on a sample of the test images unless --eval-limit is given',
    or: of((r) => r.maxSteps ?? 'no limit'),
    mayChange: true,
  },
  batchSize: {
    value: '<n>',
    parse: (flag) => positiveInteger(flag, 65_536),
    help: 'images per step',
    or: of((r) => r.batchSize),
  },
  optimizer: {
    value: '<name>',
    parse: (flag) => oneOf(flag, OPTIMIZER_NAMES),
    help: `${OPTIMIZER_NAMES.join(', ')}; if it is not the recipe’s, learning rate, momentum and weight decay default to the optimizer’s values`,
    or: of((r) => r.optimizer ?? 'sgd'),
  },
  lr: { value: '<rate>', parse: positiveNumber, help: 'learning rate', or: of((r) => r.lr) },
  schedule: {
    value: '<kind>',
    parse: scheduleParser,
    help: `how the rate changes: ${SCHEDULE_KINDS.join(', ')}; numbers follow a colon, as in cosine:500 (warm-up steps), step:30,0.1, milestones:30,60, exponential:0.95`,
    or: of((r) => r.schedule.kind),
  },
  momentum: {
    value: '<m>',
    parse: fraction,
    help: 'momentum of sgd, rmsprop and lars',
    or: of((r) => r.momentum),
  },
  weightDecay: {
    value: '<w>',
    parse: nonNegativeNumber,
    help: 'weight decay',
    or: of((r) => r.weightDecay),
  },
  seed: {
    value: '<n>',
    parse: (flag) => integer(flag, { min: 0 }),
    help: 'seed of weights, order and dropout',
    or: '0',
  },
  freeze: {
    value: '<module>',
    parse: (flag) => repeated(filled(flag)),
    help: 'do not train a module and everything below it, such as features or features.*; can be repeated',
    or: 'none',
  },
  lrScale: {
    value: '<module=factor>',
    parse: (flag) => repeated(patternAndFactor(flag)),
    help: 'learning rate of a module relative to --lr, such as features=0.1; can be repeated',
    or: 'none',
  },
  accumulate: {
    value: '<n>',
    parse: (flag) => positiveInteger(flag, 65_536),
    help: 'batches per step: their gradients are accumulated, like a batch n times as large',
    or: '1',
  },
  syncBn: {
    help: 'with several ranks: batch normalisation over the images of all of them, instead of each rank’s own',
    or: 'off',
  },
  blocks: {
    value: '<n>',
    parse: (flag) => positiveInteger(flag, 1024),
    help: 'compute each batch in n parts and add their gradients in one fixed order: the same bits on 1, 2, 4, … n ranks with equal --threads; n is a power of two',
    or: 'off',
  },
  wire: {
    value: '<type>',
    parse: (flag) => oneOf(flag, WIRES),
    help: 'with several ranks: number type in which gradients are sent; bfloat16 halves the bytes',
    or: 'float32',
    mayChange: true,
  },
  clipNorm: {
    value: '<x>',
    parse: positiveNumber,
    help: 'scale gradients so that their total L2 norm is at most this',
    or: 'none',
  },
  clipValue: {
    value: '<x>',
    parse: positiveNumber,
    help: 'clip each element of a gradient to plus or minus this value',
    or: 'none',
  },
  ema: {
    value: '<decay>',
    parse: (flag) => between(flag, 0, 1),
    help: 'evaluate an exponential moving average of the weights, and keep it as best; 0.999 is usual',
    or: 'none',
  },
  labelSmoothing: {
    value: '<s>',
    parse: fraction,
    help: 'label smoothing: share of each label spread over all classes',
    or: '0',
  },
  overfitBatches: {
    value: '<n>',
    parse: positiveInteger,
    help: 'train and evaluate on the same n batches only: a working network overfits them',
    or: 'off',
  },
  onNan: {
    value: '<policy>',
    parse: (flag) => oneOf(flag, NAN_POLICIES),
    help: 'if the loss or a gradient is NaN or infinite: stop, skip the step, or rollback to the last checkpoint with a quarter of the learning rate',
    or: 'stop',
    mayChange: true,
  },
  checkpointEvery: {
    value: '<n>',
    parse: positiveInteger,
    help: 'steps between checkpoints; each epoch also ends with one',
    or: of((r) => r.checkpointEvery),
    mayChange: true,
  },
  evalLimit: {
    value: '<n>',
    parse: positiveInteger,
    help: 'evaluate on a class-balanced random sample of n test images',
    or: of((r) => r.evalLimit ?? 'all'),
    mayChange: true,
  },
  insightEvery: {
    value: '<n>',
    parse: (flag) => integer(flag, { min: 0 }),
    help: 'steps between samples of norms, dead units and kernels; 0 for none',
    or: String(INSIGHT_EVERY),
    mayChange: true,
  },
} satisfies Rows<TrainConfig>;

/** The names of the optimizers that have an option. */
const withOption = (option: string): string =>
  OPTIMIZER_NAMES.filter((name) => hasOption(name, option)).join(', ');

/** Options of single optimizers, stored under the same key in `optimizerOptions` of config.json. */
const OPTIMIZER = {
  betas: {
    value: '<b1,b2>',
    parse: fractions,
    help: `${withOption('betas')}: decay rates of the two moving averages`,
    or: '0.9,0.999',
  },
  eps: {
    value: '<x>',
    parse: nonNegativeNumber,
    help: 'added to the denominator of adaptive optimizers',
    or: 'set by the optimizer',
  },
  amsgrad: { help: `${withOption('amsgrad')}: divide by the largest average square so far`, or: 'off' },
  alpha: {
    value: '<x>',
    parse: fraction,
    help: `${withOption('alpha')}: decay rate of the average square`,
    or: '0.99',
  },
  centered: {
    help: `${withOption('centered')}: divide by the standard deviation of the gradient`,
    or: 'off',
  },
  rho: { value: '<x>', parse: fraction, help: `${withOption('rho')}: decay rate of the averages`, or: '0.9' },
  lrDecay: {
    value: '<x>',
    parse: nonNegativeNumber,
    help: `${withOption('lrDecay')}: decay of the learning rate over steps`,
    or: '0',
  },
  initialAccumulatorValue: {
    value: '<x>',
    parse: nonNegativeNumber,
    help: `${withOption('initialAccumulatorValue')}: initial value of the sums of squares`,
    or: '0',
  },
  momentumDecay: {
    value: '<x>',
    parse: nonNegativeNumber,
    help: `${withOption('momentumDecay')}: rate at which the momentum rises`,
    or: '0.004',
  },
  decoupledWeightDecay: {
    help: `${withOption('decoupledWeightDecay')}: weight decay as in adamw`,
    or: 'off',
  },
  trustCoefficient: {
    value: '<x>',
    parse: nonNegativeNumber,
    help: `${withOption('trustCoefficient')}: size of a step relative to the norm of the layer`,
    or: '0.001',
  },
  dampening: {
    value: '<x>',
    parse: fraction,
    help: `${withOption('dampening')}: share of each gradient that is not added to the momentum`,
    or: '0',
  },
  nesterov: { help: `${withOption('nesterov')}: Nesterov’s momentum`, or: 'off' },
} satisfies Rows<Record<string, number | boolean | number[]>>;

/** Stored under the same key in `model` of config.json. */
const MODEL = {
  dropout: { value: '<p>', parse: fraction, help: 'dropout probability', or: of((r) => r.model.dropout) },
  imageSize: {
    value: '<pixels>',
    parse: (flag) => positiveInteger(flag, 4096),
    help: 'side of the network’s input images',
    or: of((r) => r.model.imageSize),
  },
} satisfies Rows<ModelConfig>;

/** For this start of the command only; not stored. */
const COMMAND = {
  batchPerRank: {
    value: '<n>',
    parse: (flag) => positiveInteger(flag, 65_536),
    help: 'instead of --batch-size: images per step of each rank, so that the batch grows with their number; prints advice on the learning rate',
    or: 'off',
  },
  parallel: {
    value: '<way>',
    parse: filled,
    help: 'with several ranks: the paper’s own way to divide the network over them, such as towers',
    or: 'each rank has the whole network and a part of each batch',
  },
  run: { value: '<dir>', parse: pathName, help: 'folder for the run', or: 'a new one in ./runs' },
  resume: {
    help: 'resume the run in --run, or the most recent run in ./runs, from its last checkpoint',
    or: 'off',
  },
  dryRun: {
    help: 'two steps, one test batch, and a checkpoint written and read back; leaves nothing behind',
    or: 'off',
  },
  logDir: {
    value: '<dir>',
    parse: pathName,
    help: 'write TensorBoard event files into this folder, in a subfolder named after the run',
    or: 'none',
  },
  serve: {
    value: '[port]',
    parse: port,
    help: 'show the run in the browser during training',
    or: 'off; port 8321',
  },
  control: { help: 'with --serve: let the pages pause and stop the run', or: 'off' },
} satisfies Rows<{
  batchPerRank: number;
  parallel: string;
  run: string;
  resume: boolean;
  dryRun: boolean;
  logDir: string;
  serve: number | true;
  control: boolean;
}>;

type Parsed<R> = {
  readonly [K in keyof R]?: R[K] extends { parse: (flag: string) => (text: string, before: never) => infer T }
    ? T
    : boolean;
};

/** The parsed flags of `train`, under commander's names. */
export interface TrainFlags
  extends DeviceFlags,
    ModelFlags,
    Parsed<typeof CHOICE>,
    Parsed<typeof TRAINING>,
    Parsed<typeof OPTIMIZER>,
    Parsed<typeof MODEL>,
    Omit<Parsed<typeof COMMAND>, 'serve'> {
  /** True for the default port. */
  readonly serve?: number | true;
  readonly json?: boolean;
}

/** Adds all flags of `train` and of a paper, with the defaults of the paper's recipes in the help. */
export function addTrainFlags(command: Command, paper: Paper | undefined): Command {
  const recipes = paper?.recipes ?? {};
  addRows(command, CHOICE, recipes);
  addRows(command, TRAINING, recipes);
  addRows(command, OPTIMIZER, recipes);
  addRows(addModelOptions(command, paper), MODEL, recipes);
  addRows(command, COMMAND, recipes);
  return addDeviceOptions(command).option(...JSON_OUTPUT);
}

function addRows(
  command: Command,
  rows: Readonly<Record<string, Flag<unknown>>>,
  recipes: Paper['recipes'],
): void {
  for (const [key, { value, parse, help, or }] of Object.entries(rows)) {
    const flag = flagName(key);
    const byDefault = typeof or === 'string' ? or : or(recipes);
    const option = new Option(value ? `${flag} ${value}` : flag, `${help} (default: ${byDefault})`);
    const parser = parse?.(flag);
    if (parser) option.argParser<unknown>((text, before) => parser(text, before as never));
    command.addOption(option);
  }
}

/** Writes what the flags say into a configuration, or a part of one, and into its `model`. */
export function applyFlags(
  flags: TrainFlags,
  config: Partial<Omit<TrainConfig, 'model'>>,
  model: Partial<ModelConfig>,
): void {
  const given = (key: string): boolean => flags[key as keyof TrainFlags] !== undefined;
  for (const [rows, into] of [
    [TRAINING, config],
    [MODEL, model],
  ] as const)
    for (const key of Object.keys(rows).filter(given))
      Object.assign(into, { [key]: flags[key as keyof TrainFlags] });
}

/** The options of single optimizers among the flags. */
export const optimizerOptions = (flags: TrainFlags): NonNullable<TrainConfig['optimizerOptions']> =>
  Object.fromEntries(
    Object.keys(OPTIMIZER).flatMap((key) => {
      const value = flags[key as keyof typeof OPTIMIZER];
      return value === undefined ? [] : [[key, value]];
    }),
  );

/** Whether this key of config.json can change when a run is resumed. */
export const mayChange = (key: string): boolean =>
  Object.hasOwn(TRAINING, key) &&
  (TRAINING as Rows<TrainConfig>)[key as keyof TrainConfig]?.mayChange === true;
