import type { z } from 'zod';
import type { AnySet, Dataset } from '../data/dataset.js';
import type { ImageStatistics } from '../data/images/image-sums.js';
import type { Transform } from '../data/transforms/index.js';
import type { World } from '../distributed/index.js';
import { shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import { didYouMean } from '../errors/nearest.js';
import { callOwn } from '../errors/own-code.js';
import type { Module } from '../nn/module.js';
import type { ModelConfig, TrainConfig } from '../run/config.js';
import { DATASETS, type DatasetName } from '../run/dataset-names.js';
import type { LoaderParts, LoaderSetup } from '../train/method/loading.js';
import type { Observation, Training, TrainingSetup } from '../train/method/training.js';
import { checkRecipe } from './check-recipe.js';
import type { Chart, RatioChart, SampleFigure } from './claims/chart.js';
import type { Claim } from './claims/claim.js';
import type { Results } from './claims/result.js';
import { checkPartNames } from './part-names.js';
import { expectedBy } from './schema-issue.js';

type Fixed = 'version' | 'recipe' | 'dataset' | 'data' | 'model' | 'seed' | 'machine';

/** Everything in a run's configuration that does not depend on the machine or the data. */
export interface Recipe extends Omit<TrainConfig, Fixed> {
  /** One sentence for `--help`. */
  readonly about: string;
  /** Message while the loss stays at chance level, for recipes known to start slowly. */
  readonly slowStart?: string;
  /**
   * The data set of runs that name none; default: the first of the paper's own, otherwise CIFAR-10, or `shapes10` where
   * it cannot be had.
   */
  readonly dataset?: string;
  /** The full recipe, if this one is a short form of it; named at the end of a run. */
  readonly shortOf?: string;
  /** How long it may take at most: on a slow device it is trained for fewer steps, which are chosen by timing one. */
  readonly minutes?: number;
  readonly model: Omit<ModelConfig, 'paper' | 'classes'>;
}

type Described = 'about' | 'slowStart' | 'dataset' | 'shortOf' | 'minutes';

/** Splits a recipe into the parts of a configuration, network and training, without `about`. */
export function partsOf({
  about: _,
  slowStart: __,
  dataset: ___,
  shortOf: ____,
  minutes: _____,
  model,
  ...training
}: Recipe): {
  readonly model: Recipe['model'];
  readonly training: Omit<Recipe, Described | 'model'>;
} {
  return { model, training };
}

/**
 * An option of a paper's network: `hidden` in a model's configuration is `--hidden <n>` on the command line.
 *
 * @param value placeholder in the help, such as `<n>`
 * @param help what the option does, with its default
 */
export const option = <T extends z.ZodType>(schema: T, value: string, help: string) =>
  schema.optional().meta({ description: help, value });

/** How a paper prepares images. */
export interface PaperViews {
  readonly train: Transform;
  readonly test: Transform;
  /** The paper's own views of a test image (such as ten crops), whose probabilities are averaged. */
  readonly views?: readonly Transform[];
}

/** Tensor shapes of a file or a model, by tensor name. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** A network recognised from tensor names and shapes. */
export interface Recognised {
  readonly preset: string;
  readonly classes: number;
  /** Differences from the preset. */
  readonly options?: NonNullable<ModelConfig['options']>;
  /** Assumptions about what the file does not contain, such as "ReLU". */
  readonly assumed: readonly string[];
}

/** How other programs store a paper's weights. */
export interface ForeignWeights {
  /**
   * Returns the variant that these tensors belong to; undefined if it is not a network of this paper. `preset` is
   * given if the caller knows it: options are then the differences from that preset.
   */
  readonly recognise: (shapes: Shapes, preset?: string) => Recognised | undefined;
  /** For tensors that almost match this paper's network: what differs, and what to do. */
  readonly nearly?: (shapes: Shapes) => { expected: string; got: string; next: string } | undefined;
  /** Maps the model's tensor names to the file's; undefined if the layers differ. */
  readonly translate: (model: Module, shapes: Shapes) => ReadonlyMap<string, string> | undefined;
  /** Other programs' tensor names, by program. Each function throws UsageError for a layer without a name. */
  readonly namings: Readonly<Record<string, (model: Module) => ReadonlyMap<string, string>>>;
}

/** A data set that a paper brings. */
export interface PaperDataset {
  /** A few words for `--help`. */
  readonly about: string;
  /** Used only where it is named, never as the default. */
  readonly byNameOnly?: boolean;
  open(options: PaperDatasetOptions): AnySet | Promise<AnySet>;
}

export interface PaperDatasetOptions {
  readonly train: boolean;
  /** The folder that `--data` names. */
  readonly data?: string | undefined;
  /** Opens a built-in data set of the same split. Passed in, so that a paper's folder can be bundled for browsers. */
  readonly openBuiltIn: (name: DatasetName) => Promise<Dataset>;
}

/** How a paper divides its network over ranks, which then all compute the same batches. */
export interface Parallel {
  /** A few words for messages. */
  readonly about: string;
  /** The number of ranks. */
  readonly ranks: number;
  /**
   * The dimension along which each tensor of the network is divided, in the order of ranks.
   * @throws UsageError for a network that cannot be divided
   */
  dims(model: Module): ReadonlyMap<string, number>;
  /** A network with this rank's part of the tensors, under the same names; their values are set afterwards. */
  part(model: Module, world: World): Module;
}

/** A paper: what `index.ts` of its folder exports by default. */
export interface Paper<M extends Module<unknown> = Module> {
  /** Name of its folder: small letters, digits and hyphens. */
  readonly id: string;
  /** Name of its network. */
  readonly name: string;
  /** Authors, title, place and year. */
  readonly citation: string;
  /** Variants of the network with short descriptions; the first is the default. */
  readonly presets: Readonly<Record<string, string>>;
  /** Side of the input images of a preset, in pixels. */
  readonly imageSize: (preset: string) => number;
  /** Channels of the input images of a preset; default 3. */
  readonly channels?: (preset: string) => number;
  /** Names of its weight initialisations. */
  readonly inits: readonly string[];
  /** Options of the network, each made by {@link option}: the `options` of a model's configuration. */
  readonly options: z.ZodObject;
  /** Training recipes; the first is the default. */
  readonly recipes: Readonly<Record<string, Recipe>>;
  /** Builds the network with newly initialised weights. Preset, init and options have been validated. */
  build(config: ModelConfig): M;
  /** Data sets of its own by name, besides the built-in ones; the first one that is not `byNameOnly` is the default. */
  readonly datasets?: Readonly<Record<string, PaperDataset>>;
  /** How batches are made of data sets: another collate, a sampler, worker threads. */
  loader?(setup: LoaderSetup): LoaderParts;
  /**
   * How it is trained and measured, if that is not by cross-entropy on labelled images: another loss, a whole step,
   * several optimizers, metrics and samples of its own.
   */
  training?(setup: TrainingSetup<M>): Training;
  /** What is measured and drawn from a classifier besides its accuracy, on a sample of the test images. */
  observe?(setup: TrainingSetup<M>): Observation;
  /**
   * Turns the images of a data set into the network's input. Classifiers have it.
   *
   * @param statistics of the training images; the augmentation `crop-mirror-colour` needs them
   */
  readonly transforms?: (
    config: ModelConfig,
    augment: NonNullable<TrainConfig['augment']>,
    statistics?: ImageStatistics,
  ) => PaperViews;
  /** Name of a classifier's last bias, whose length is the number of classes in a bare file of weights. */
  readonly lastBias?: string;
  /** Reads and writes files of other programs; without it, a file must use the model's own tensor names. */
  readonly weights?: ForeignWeights;
  /** Its own ways to divide the network over several ranks, by the names that `--parallel` takes. */
  readonly parallel?: Readonly<Record<string, Parallel>>;
  readonly claims: readonly Claim[];
  /** Learning curves drawn from its results. */
  readonly charts?: (results: Results) => readonly Chart[];
  /** Ratios that its results have under several conditions. */
  readonly ratios?: (results: Results) => readonly RatioChart[];
  /** Images from its training runs that are kept as figures. */
  readonly samples?: (results: Results) => readonly SampleFigure[];
}

/** Papers that this installation has validated. */
const defined = new WeakSet<object>();

/** Whether a paper was made by {@link definePaper} of this installation, whose modules it then uses. */
export const isDefinedHere = (paper: object): boolean => defined.has(paper);

/** A paper that is trained as a classifier. */
export type ClassifierPaper<M extends Module = Module> = Paper<M> &
  Required<Pick<Paper<M>, 'transforms' | 'lastBias'>>;

/** Validates a paper, so that mistakes show when it is loaded. @throws UsageError */
export function definePaper<M extends Module>(paper: ClassifierPaper<M>): ClassifierPaper<M>;
export function definePaper<M extends Module<unknown>>(paper: Paper<M>): Paper<M>;
export function definePaper<M extends Module<unknown>>(paper: Paper<M>): Paper<M> {
  const demand = (fits: boolean, what: string, expected: string, got: unknown): void => {
    if (!fits) throw new UsageError({ what: `The paper ${paper.id}: ${what}`, expected, got: String(got) });
  };
  demand(/^[a-z][a-z0-9-]*$/.test(paper.id), 'its id', 'small letters, digits and hyphens', paper.id);
  checkPartNames(paper);
  const sets = [...Object.keys(paper.datasets ?? {}), ...DATASETS];
  for (const [name, recipe] of Object.entries(paper.recipes)) {
    const { model, dataset, shortOf = name } = recipe;
    checkRecipe(`The paper ${paper.id}: recipe ${name}`, recipe);
    demand(
      dataset === undefined || sets.includes(dataset),
      `the data set of recipe ${name}`,
      sets.join(' or '),
      dataset,
    );
    demand(
      Object.hasOwn(paper.recipes, shortOf),
      `the recipe that ${name} is a short form of`,
      Object.keys(paper.recipes).join(' or '),
      shortOf,
    );
    demand(
      Object.hasOwn(paper.presets, model.preset),
      `the preset of recipe ${name}`,
      Object.keys(paper.presets).join(' or '),
      model.preset,
    );
    demand(
      paper.inits.includes(model.init),
      `the init of recipe ${name}`,
      paper.inits.join(' or '),
      model.init,
    );
  }
  for (const [name, schema] of Object.entries(paper.options.shape))
    demand(
      /\(default: .+\)$/.test((schema as z.ZodType).description ?? ''),
      `its option ${name}`,
      "option(schema, '<value>', 'what it does (default: …)')",
      'no such description',
    );
  demand(
    paper.training !== undefined || (paper.transforms !== undefined && paper.lastBias !== undefined),
    'how it is trained',
    'transforms and lastBias of a classifier, or a training of its own',
    'neither',
  );
  demand(
    !(paper.training && paper.observe),
    'what is measured besides the accuracy of a classifier',
    'measure and samples in its training',
    'observe beside a training of its own',
  );
  for (const name of Object.keys(paper.datasets ?? {}))
    demand(
      /^[a-z][a-z0-9-]*$/.test(name) && !DATASETS.some((other) => other === name),
      'the name of a data set',
      `small letters, digits and hyphens, and none of ${DATASETS.join(', ')}`,
      name,
    );
  defined.add(paper);
  const ids = paper.claims.map(({ id }) => id);
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  demand(twice === undefined, 'its claims', 'an id for each', `${twice} twice`);
  return paper;
}

/** The shape of one input image of a configuration's network: [channels, side, side]. */
export const inputShapeOf = (
  { channels = () => 3 }: Pick<Paper, 'channels'>,
  { preset, imageSize }: Pick<ModelConfig, 'preset' | 'imageSize'>,
): [channels: number, height: number, width: number] => [channels(preset), imageSize, imageSize];

/**
 * Builds the network of a configuration.
 * @throws UsageError for a preset, an init or an option that the paper does not have
 */
export function buildModel(paper: Paper, config: ModelConfig): Module {
  const refuse = (what: string, words: readonly string[], got: string): never => {
    throw new UsageError({
      what: `${paper.name}: unknown ${what}`,
      expected: `one of ${words.join(', ')}`,
      got,
      next: didYouMean(got, words, 'choose one of those'),
    });
  };
  if (!Object.hasOwn(paper.presets, config.preset))
    refuse('preset', Object.keys(paper.presets), config.preset);
  if (!paper.inits.includes(config.init)) refuse('initialisation', paper.inits, config.init);
  const options = parseOptions(paper, config.options ?? {});
  const building = `build() of ${paper.name}`;
  const model: unknown = callOwn(building, () => paper.build({ ...config, options }));
  if (typeof (model as Partial<Module> | undefined)?.stateDict === 'function') return model as Module;
  throw new UsageError({ what: `${building} returned no network`, expected: 'a Module', got: shown(model) });
}

type Options = NonNullable<ModelConfig['options']>;

/** Validates options against the paper's schema. @throws UsageError */
export function parseOptions(paper: Paper, options: Options): Options {
  const known = Object.keys(paper.options.shape);
  const parsed = paper.options.strict().safeParse(options);
  if (parsed.success) return parsed.data as Options;
  const issue = parsed.error.issues[0]!;
  const name = issue.code === 'unrecognized_keys' ? issue.keys[0]! : String(issue.path[0]);
  if (!known.includes(name))
    throw new UsageError({
      what: `${paper.name} has no option ${name}`,
      expected: known.length === 0 ? 'no options' : `one of ${known.join(', ')}`,
      got: name,
      next: 'leave it out',
    });
  throw new UsageError({
    what: `${paper.name} cannot have ${name} ${String(options[name])}`,
    expected: expectedBy(issue),
    got: String(options[name]),
    next: 'give another value, or leave it out to use the preset’s',
  });
}

/** Whether a paper's network names what is in an image. */
export const isClassifier = (paper: Paper): paper is ClassifierPaper =>
  paper.transforms !== undefined && paper.lastBias !== undefined && !paper.training;

/**
 * The fields of a paper that are needed to classify images with its network.
 * @throws UsageError if the paper is not a classifier
 */
export function asClassifier(paper: Paper): Pick<ClassifierPaper, 'transforms' | 'lastBias'> {
  if (isClassifier(paper)) return { transforms: paper.transforms, lastBias: paper.lastBias };
  throw new UsageError({
    what: `${paper.name} is not a classifier of images`,
    expected: 'a paper whose network names what is in an image',
    got: `${paper.id}, which is trained and measured in its own way`,
    next: 'look at its metrics and samples with report or serve',
  });
}
