import { checkOptionNames } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';

/** The parts of a paper that are checked here. */
interface Named {
  readonly id: string;
  readonly datasets?: Readonly<Record<string, { readonly open: unknown }>>;
  readonly recipes: Readonly<Record<string, { readonly model: object }>>;
}

const PAPER = [
  'id',
  'name',
  'citation',
  'presets',
  'imageSize',
  'channels',
  'inits',
  'options',
  'recipes',
  'build',
  'datasets',
  'loader',
  'training',
  'observe',
  'transforms',
  'lastBias',
  'weights',
  'parallel',
  'claims',
  'charts',
  'ratios',
  'samples',
];

const DATASET = ['about', 'byNameOnly', 'open'];

const RECIPE = [
  'about',
  'slowStart',
  'dataset',
  'shortOf',
  'minutes',
  'model',
  'epochs',
  'maxSteps',
  'batchSize',
  'optimizer',
  'optimizerOptions',
  'lr',
  'momentum',
  'weightDecay',
  'decayBiases',
  'sgd',
  'augment',
  'startFrom',
  'freeze',
  'lrScale',
  'syncBn',
  'blocks',
  'wire',
  'accumulate',
  'clipNorm',
  'clipValue',
  'ema',
  'labelSmoothing',
  'overfitBatches',
  'onNan',
  'untilTrainError',
  'schedule',
  'checkpointEvery',
  'logEvery',
  'insightEvery',
  'evalLimit',
];

const MODEL = ['preset', 'imageSize', 'dropout', 'init', 'options', 'images'];

/** Functions of a paper, as far as it has them. */
const FUNCTIONS = [
  'imageSize',
  'channels',
  'build',
  'loader',
  'training',
  'observe',
  'transforms',
  'charts',
  'ratios',
  'samples',
];

/** Those that every paper has. */
const NEEDED = ['imageSize', 'build'];

/** Checks the names of a paper's parts. @throws UsageError for an unknown one, such as a misspelled one */
export function checkPartNames(paper: Named): void {
  const where = `The paper ${paper.id}`;
  checkOptionNames(where, paper, PAPER);
  const parts = paper as unknown as Readonly<Record<string, unknown>>;
  for (const name of ['presets', 'recipes'])
    if (Object.keys(parts[name] ?? {}).length === 0)
      throw new UsageError({ what: `${where}: its ${name}`, expected: 'at least one by name', got: 'none' });
  for (const name of FUNCTIONS) {
    const one = parts[name];
    const missing = one === undefined && !NEEDED.includes(name);
    if (!missing && typeof one !== 'function')
      throw new UsageError({ what: `${where}: ${name}`, expected: 'a function', got: typeof one });
  }
  if (!Array.isArray(parts.inits) || parts.inits.length === 0)
    throw new UsageError({ what: `${where}: its inits`, expected: 'at least one name', got: 'none' });
  for (const [name, dataset] of Object.entries(paper.datasets ?? {})) {
    checkOptionNames(`${where}: data set ${name}`, dataset, DATASET);
    if (typeof dataset.open !== 'function')
      throw new UsageError({
        what: `${where}: open of data set ${name}`,
        expected: 'a function',
        got: typeof dataset.open,
      });
  }
  for (const [name, recipe] of Object.entries(paper.recipes)) {
    checkOptionNames(`${where}: recipe ${name}`, recipe, RECIPE);
    checkOptionNames(`${where}: model of recipe ${name}`, recipe.model, MODEL);
  }
}
