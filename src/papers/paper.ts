import type { z } from 'zod';
import type { ImageStatistics } from '../data/images/image-sums.js';
import type { Transform } from '../data/transforms/index.js';
import { UsageError } from '../errors/errors.js';
import { didYouMean } from '../errors/nearest.js';
import type { Module } from '../nn/module.js';
import type { ModelConfig, TrainConfig } from '../run/config.js';
import type { Chart } from './claims/chart.js';
import type { Claim } from './claims/claim.js';
import type { Results } from './claims/result.js';

type Fixed = 'version' | 'recipe' | 'dataset' | 'data' | 'model' | 'seed' | 'machine';

/** All of a run that does not depend on the machine or the data. */
export interface Recipe extends Omit<TrainConfig, Fixed> {
  /** One sentence for `--help`. */
  readonly about: string;
  /** Said of a loss that stays that of chance, where this recipe is known to stay there for a while. */
  readonly slowStart?: string;
  /** The recipe that this one is a short form of; the end of a run names it. */
  readonly shortOf?: string;
  readonly model: Omit<ModelConfig, 'paper' | 'classes'>;
}

/** A recipe as a run's configuration has it: the network, and the training. What is said to people stays behind. */
export function partsOf({ about: _, slowStart: __, shortOf: ___, model, ...training }: Recipe): {
  readonly model: Recipe['model'];
  readonly training: Omit<Recipe, 'about' | 'slowStart' | 'shortOf' | 'model'>;
} {
  return { model, training };
}

/**
 * An option of a paper's network. It is `hidden` in a model's configuration and `--hidden <n>` on the command line.
 *
 * @param value what stands for the value in the help, such as `<n>`
 * @param help what it does, with its default
 */
export const option = <T extends z.ZodType>(schema: T, value: string, help: string) =>
  schema.optional().meta({ description: help, value });

/** How a paper prepares its images. */
export interface PaperViews {
  readonly train: Transform;
  readonly test: Transform;
  /** Its own views of an image whose probabilities are averaged, where it has them. */
  readonly views?: readonly Transform[];
}

/** Shapes of the tensors of a file or a model, by name. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** What a file's names and shapes tell about the network that they belong to. */
export interface Recognised {
  readonly preset: string;
  readonly classes: number;
  /** Where the network differs from the preset. */
  readonly options?: NonNullable<ModelConfig['options']>;
  /** What the file cannot tell, and what is taken for it: "ReLU". */
  readonly assumed: readonly string[];
}

/** How a paper's weights look in files of other programs. */
export interface ForeignWeights {
  /**
   * The variant that tensors of these names and shapes belong to; undefined when it is none of this paper's.
   * `preset` is what the caller knows already: options are then the differences from that.
   */
  readonly recognise: (shapes: Shapes, preset?: string) => Recognised | undefined;
  /** What to say of tensors that are nearly this paper's network: what differs, and what can be done. */
  readonly nearly?: (shapes: Shapes) => { expected: string; got: string; next: string } | undefined;
  /** The file's name of each of the model's tensors; undefined when its layers are not those of the file. */
  readonly translate: (model: Module, shapes: Shapes) => ReadonlyMap<string, string> | undefined;
  /** Other programs' names of each of the model's tensors. They throw UsageError for a layer without one. */
  readonly namings: Readonly<Record<string, (model: Module) => ReadonlyMap<string, string>>>;
}

/** A paper: what `index.ts` of its folder exports by default. */
export interface Paper {
  /** The name of its folder: small letters, digits and hyphens. */
  readonly id: string;
  /** What its network is called. */
  readonly name: string;
  /** Authors, title, place and year. */
  readonly citation: string;
  /** Variants of the network with a few words about each; the first one is the default. */
  readonly presets: Readonly<Record<string, string>>;
  /** Side of the images that a variant is made for. */
  readonly imageSize: (preset: string) => number;
  /** Names of its ways to start the weights. */
  readonly inits: readonly string[];
  /** What can be changed in the network, each by {@link option}: the `options` of a model's configuration. */
  readonly options: z.ZodObject;
  /** How it is trained; the first one is the default. */
  readonly recipes: Readonly<Record<string, Recipe>>;
  /** Builds the network with fresh weights. Called with a preset, an init and options that are its own. */
  readonly build: (config: ModelConfig) => Module;
  /**
   * From the bytes of a data set to the network's input.
   *
   * @param statistics of the training images, which the augmentation `crop-mirror-colour` needs
   */
  readonly transforms: (
    config: ModelConfig,
    augment: NonNullable<TrainConfig['augment']>,
    statistics?: ImageStatistics,
  ) => PaperViews;
  /** The name of the last layer's bias, which tells the number of classes of a bare weights file. */
  readonly lastBias: string;
  /** How files of other programs are read and written; without it a file's names must be the model's own. */
  readonly weights?: ForeignWeights;
  readonly claims: readonly Claim[];
  /** Curves of its results, where it has some to show. */
  readonly charts?: (results: Results) => readonly Chart[];
}

/** Checks a paper, so that a mistake in it is told when it is loaded. @throws UsageError */
export function definePaper(paper: Paper): Paper {
  const demand = (fits: boolean, what: string, expected: string, got: unknown): void => {
    if (!fits) throw new UsageError({ what: `The paper ${paper.id}: ${what}`, expected, got: String(got) });
  };
  demand(/^[a-z][a-z0-9-]*$/.test(paper.id), 'its id', 'small letters, digits and hyphens', paper.id);
  for (const [name, { model, shortOf = name }] of Object.entries(paper.recipes)) {
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
      'no such help',
    );
  const ids = paper.claims.map(({ id }) => id);
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  demand(twice === undefined, 'its claims', 'an id for each', `${twice} twice`);
  return paper;
}

/**
 * Builds what a configuration describes.
 * @throws UsageError for a preset, an init or an option that the paper does not have
 */
export function buildModel(paper: Paper, config: ModelConfig): Module {
  const refuse = (what: string, words: readonly string[], got: string): never => {
    throw new UsageError({
      what: `${paper.name} has no such ${what}`,
      expected: `one of ${words.join(', ')}`,
      got,
      next: didYouMean(got, words, 'choose one of those'),
    });
  };
  if (!Object.hasOwn(paper.presets, config.preset))
    refuse('preset', Object.keys(paper.presets), config.preset);
  if (!paper.inits.includes(config.init)) refuse('initialisation', paper.inits, config.init);
  return paper.build({ ...config, options: parseOptions(paper, config.options ?? {}) });
}

type Options = NonNullable<ModelConfig['options']>;

/** Options that are the paper's own. @throws UsageError */
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
    next: 'give another value, or leave it out for the preset’s own',
  });
}

/** What a value should have been: "one of relu, tanh". */
export function expectedBy(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') {
    const values = issue.values.map(String);
    return values.length === 1 ? values[0]! : `one of ${values.join(', ')}`;
  }
  return issue.message.replace(/^[\w ]+: expected /, '');
}
