import { type Command, Option } from 'commander';
import { OPTIMIZER_NAMES } from '../../optim/by-name.js';
import type { Paper, Recipe } from '../../papers/paper.js';
import { type ModelConfig, NAN_POLICIES, type TrainConfig, WIRES } from '../../run/config.js';
import { DATASETS } from '../../run/dataset-names.js';
import { INSIGHT_EVERY } from '../../run/events.js';
import { addModelOptions, type ModelFlags } from '../options/model.js';
import {
  addDeviceOptions,
  between,
  type DeviceFlags,
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

/** A flag of `train`. Its name follows from its key: `batchSize` is `--batch-size`. */
interface Flag<T> {
  /** What stands for the value in the help, such as `<n>`; a flag without one is a switch. */
  readonly value?: string;
  /** Makes the parser of the value; a flag that may be given again gets the value before. */
  readonly parse?: (flag: string) => (text: string, before: never) => T;
  readonly help: string;
  /** The default, in words. */
  readonly or: string | ((recipes: Paper['recipes']) => string);
  /** A resumed run may change it without becoming another run. */
  readonly mayChange?: true;
}

/** `128; quick: 16`: what the first recipe has, and what others have instead. */
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
 * All flags of `train` but those of a paper and of the device. Everything follows from a row here: the help, the
 * check, the type of the parsed flags, the place in config.json, and what a resumed run may change.
 */

/** Chooses recipe and data; see config.ts for what each of them means. */
const CHOICE = {
  preset: {
    value: '<name>',
    parse: pathName,
    help: 'the recipe',
    or: (recipes) => Object.keys(recipes)[0] ?? 'the paper’s first',
  },
  dataset: {
    value: '<name>',
    parse: (flag) => oneOf(flag, DATASETS),
    help: 'cifar10, shapes10, or imagefolder: images in folders',
    or: 'CIFAR-10 from a folder, else downloaded, else shapes10',
  },
  data: {
    value: '<dir>',
    parse: pathName,
    help: 'folder that holds the .bin files, or train/ and val/ for imagefolder',
    or: 'the one that PAPERWEIGHT_CIFAR10 names, else ./data',
    mayChange: true,
  },
  init: {
    value: '<name|file>',
    parse: pathName,
    help: 'how weights start: an initialisation, or a file of weights such as weights.safetensors',
    or: of((r) => r.model.init),
  },
  partial: {
    help: 'with --init FILE: leave what the file lacks, or has in another shape, as initialised',
    or: 'off',
  },
} satisfies Rows<{
  preset: string;
  dataset: TrainConfig['dataset'];
  data: string;
  init: string;
  partial: boolean;
}>;

/** Under the same key in config.json. */
const TRAINING = {
  epochs: {
    value: '<n>',
    parse: positiveInteger,
    help: 'times through the training images',
    or: of((r) => r.epochs),
    mayChange: true,
  },
  maxSteps: {
    value: '<n>',
    parse: positiveInteger,
    help: 'stop after n steps; a run of less than an epoch is measured on a sample of the test images, unless --eval-limit says otherwise',
    or: of((r) => r.maxSteps ?? 'no limit'),
    mayChange: true,
  },
  batchSize: {
    value: '<n>',
    parse: (flag) => positiveInteger(flag, 65_536),
    help: 'images a step',
    or: of((r) => r.batchSize),
  },
  optimizer: {
    value: '<name>',
    parse: (flag) => oneOf(flag, OPTIMIZER_NAMES),
    help: `${OPTIMIZER_NAMES.join(', ')}; another one than the recipe’s starts from its own defaults, of the rate as well`,
    or: of((r) => r.optimizer ?? 'sgd'),
  },
  lr: { value: '<rate>', parse: positiveNumber, help: 'learning rate', or: of((r) => r.lr) },
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
    help: 'decides weights, order and dropout',
    or: '0',
  },
  freeze: {
    value: '<module>',
    parse: (flag) => repeated(pathName(flag)),
    help: 'do not train a module and all below it, such as features or features.*; may be given again',
    or: 'none',
  },
  lrScale: {
    value: '<module=factor>',
    parse: (flag) => repeated(patternAndFactor(flag)),
    help: 'learning rate of a module relative to --lr, such as features=0.1; may be given again',
    or: 'none',
  },
  accumulate: {
    value: '<n>',
    parse: (flag) => positiveInteger(flag, 65_536),
    help: 'batches a step: their gradients are added up, as if the batch were n times as large',
    or: '1',
  },
  syncBn: {
    help: 'with several ranks: batch normalisation over the images of all of them, instead of each rank’s own',
    or: 'off',
  },
  wire: {
    value: '<type>',
    parse: (flag) => oneOf(flag, WIRES),
    help: 'with several ranks: number type of gradients on their way between them; bfloat16 moves half the bytes',
    or: 'float32',
    mayChange: true,
  },
  clipNorm: {
    value: '<x>',
    parse: positiveNumber,
    help: 'scale gradients down to this L2 norm, all of them together',
    or: 'none',
  },
  clipValue: {
    value: '<x>',
    parse: positiveNumber,
    help: 'keep each element of a gradient within plus and minus this',
    or: 'none',
  },
  ema: {
    value: '<decay>',
    parse: (flag) => between(flag, 0, 1),
    help: 'evaluate, and keep as best, a moving average of the weights; 0.999 is usual',
    or: 'none',
  },
  labelSmoothing: {
    value: '<s>',
    parse: fraction,
    help: 'share of each label that is spread over all classes',
    or: '0',
  },
  overfitBatches: {
    value: '<n>',
    parse: positiveInteger,
    help: 'train and measure on the same n batches alone: a network that works learns them by heart',
    or: 'off',
  },
  onNan: {
    value: '<policy>',
    parse: (flag) => oneOf(flag, NAN_POLICIES),
    help: 'when a loss or gradient is NaN or infinite: stop, skip the step, or rollback to the last checkpoint with a quarter of the rate',
    or: 'stop',
    mayChange: true,
  },
  checkpointEvery: {
    value: '<n>',
    parse: positiveInteger,
    help: "steps between checkpoints; there is one at each epoch's end too",
    or: of((r) => r.checkpointEvery),
    mayChange: true,
  },
  evalLimit: {
    value: '<n>',
    parse: positiveInteger,
    help: 'measure on a random sample of n test images, spread over the classes',
    or: of((r) => r.evalLimit ?? 'all'),
    mayChange: true,
  },
  insightEvery: {
    value: '<n>',
    parse: (flag) => integer(flag, { min: 0 }),
    help: 'steps between two looks into the model (norms, dead units, kernels); 0 for none',
    or: String(INSIGHT_EVERY),
    mayChange: true,
  },
} satisfies Rows<TrainConfig>;

/** Options of single optimizers, under the same key in config.json's `optimizerOptions`. */
const OPTIMIZER = {
  betas: {
    value: '<b1,b2>',
    parse: fractions,
    help: 'how slowly the averages of adam, adamw, adamax, nadam and lamb change',
    or: '0.9,0.999',
  },
  eps: {
    value: '<x>',
    parse: nonNegativeNumber,
    help: 'added to what an adaptive optimizer divides by',
    or: 'the optimizer’s own',
  },
  amsgrad: { help: 'adam, adamw: divide by the largest average square so far', or: 'off' },
  alpha: { value: '<x>', parse: fraction, help: 'how slowly rmsprop’s average square changes', or: '0.99' },
  centered: { help: 'rmsprop: divide by the standard deviation of the gradient', or: 'off' },
  rho: { value: '<x>', parse: fraction, help: 'how slowly adadelta’s averages change', or: '0.9' },
  lrDecay: { value: '<x>', parse: nonNegativeNumber, help: 'adagrad: how the rate falls by itself', or: '0' },
  initialAccumulatorValue: {
    value: '<x>',
    parse: nonNegativeNumber,
    help: 'adagrad: what its sums of squares begin with',
    or: '0',
  },
  momentumDecay: {
    value: '<x>',
    parse: nonNegativeNumber,
    help: 'nadam: how its momentum rises',
    or: '0.004',
  },
  decoupledWeightDecay: { help: 'nadam: weight decay as in adamw', or: 'off' },
  trustCoefficient: {
    value: '<x>',
    parse: nonNegativeNumber,
    help: 'lars: how far a step may move a layer, relative to its norm',
    or: '0.001',
  },
  dampening: {
    value: '<x>',
    parse: fraction,
    help: 'sgd: share of each gradient left out of the momentum',
    or: '0',
  },
  nesterov: { help: 'sgd, lars: Nesterov’s momentum', or: 'off' },
} satisfies Rows<Record<string, number | boolean | number[]>>;

/** Under the same key in config.json's `model`. */
const MODEL = {
  dropout: { value: '<p>', parse: fraction, help: 'probability of dropout', or: of((r) => r.model.dropout) },
  imageSize: {
    value: '<pixels>',
    parse: (flag) => positiveInteger(flag, 4096),
    help: 'side of the images that the network gets',
    or: of((r) => r.model.imageSize),
  },
} satisfies Rows<ModelConfig>;

/** Of this start of the command alone; nothing of them is kept. */
const COMMAND = {
  run: { value: '<dir>', parse: pathName, help: 'folder for the run', or: 'a new one in ./runs' },
  resume: {
    help: 'continue the run in --run, or the most recent run in ./runs, from its last checkpoint',
    or: 'off',
  },
  dryRun: {
    help: 'two steps, one batch of measuring, a checkpoint written and read back, and nothing left behind',
    or: 'off',
  },
  logDir: {
    value: '<dir>',
    parse: pathName,
    help: 'write TensorBoard event files into a folder of the run’s name there',
    or: 'none',
  },
  serve: {
    value: '[port]',
    parse: port,
    help: 'show the run in the browser while it trains',
    or: 'off; port 8321',
  },
  control: { help: 'with --serve: let the pages pause and stop the run', or: 'off' },
} satisfies Rows<{
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

/** What the command line of `train` holds, under commander's names. */
export interface TrainFlags
  extends DeviceFlags,
    ModelFlags,
    Parsed<typeof CHOICE>,
    Parsed<typeof TRAINING>,
    Parsed<typeof OPTIMIZER>,
    Parsed<typeof MODEL>,
    Omit<Parsed<typeof COMMAND>, 'serve'> {
  /** True for the usual port. */
  readonly serve?: number | true;
  readonly json?: boolean;
}

/** Adds all flags of `train`, with a paper's own, and with the defaults of its recipes in the help. */
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

/** Whether a resumed run may have another value of this key of config.json. */
export const mayChange = (key: string): boolean =>
  Object.hasOwn(TRAINING, key) &&
  (TRAINING as Rows<TrainConfig>)[key as keyof TrainConfig]?.mayChange === true;
