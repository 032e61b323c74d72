import { UsageError } from '../errors/errors.js';
import type { ModelConfig, TrainConfig } from '../run/config.js';
import type { Training } from '../train/method/training.js';
import type { Paper } from './paper.js';

/** Settings of the optimizer that the trainer makes; optimizers of a paper's own have them only if it reads them. */
const OPTIMIZER = [
  'optimizer',
  'optimizerOptions',
  'lr',
  'momentum',
  'weightDecay',
  'lrScale',
  'schedule',
] as const satisfies readonly (keyof TrainConfig)[];

/** Settings of the network that only a paper's own code applies. */
const NETWORK = ['dropout', 'imageSize'] as const satisfies readonly (keyof ModelConfig)[];

/** A copy of an object that tells which of its values are read. */
function watched<T extends object>(value: T, read: Set<string>): T {
  const copy = {} as T;
  for (const key of Object.keys(value) as (keyof T & string)[])
    Object.defineProperty(copy, key, {
      enumerable: true,
      get: () => {
        read.add(key);
        return value[key];
      },
    });
  return copy;
}

/** A paper whose functions are watched while a run begins. */
export interface WatchedPaper {
  readonly paper: Paper;
  /**
   * Refuses settings other than the recipe's that have no effect, once the functions have been called.
   * @throws UsageError
   */
  refuseUnread(): void;
}

/** Notices which settings a paper with a training of its own reads. Any other paper is returned as it is. */
export function watchSettings(paper: Paper, config: TrainConfig): WatchedPaper {
  if (!paper.training) return { paper, refuseUnread: () => undefined };
  const [settings, network] = [new Set<string>(), new Set<string>()];
  const model = watched(config.model, network);
  const all = watched({ ...config, model }, settings);
  let made: Training | undefined;
  const { transforms, loader } = paper;
  const watching: Paper = {
    ...paper,
    build: ({ options }) => paper.build(options === undefined ? model : withOptions(model, options)),
    training: (setup) => {
      made = paper.training!({ ...setup, config: all });
      return made;
    },
    ...(transforms ? { transforms: (_, ...others) => transforms.call(paper, model, ...others) } : {}),
    ...(loader ? { loader: (setup) => loader.call(paper, { ...setup, config: all }) } : {}),
  };
  const refuseUnread = (): void => {
    const { [config.recipe]: recipe } = paper.recipes;
    if (!recipe) return;
    const unread = (keys: readonly string[], read: Set<string>, now: object, usual: object) =>
      keys.find((key) => !read.has(key) && textOf(now, key) !== textOf(usual, key));
    const inTraining = made?.optimizers && unread(OPTIMIZER, settings, config, recipe);
    if (inTraining !== undefined)
      refuse(paper, inTraining, config, 'training(), which makes its own optimizers');
    const inBuild = unread(NETWORK, network, config.model, recipe.model);
    if (inBuild !== undefined) refuse(paper, inBuild, config.model, 'build()');
  };
  return { paper: watching, refuseUnread };
}

/** Options as the paper's schema has validated them; everything else stays watched. */
const withOptions = (model: ModelConfig, options: NonNullable<ModelConfig['options']>): ModelConfig =>
  Object.defineProperties({ options } as ModelConfig, {
    ...Object.getOwnPropertyDescriptors(model),
    options: { value: options, enumerable: true },
  });

const textOf = (settings: object, key: string): string => JSON.stringify(Reflect.get(settings, key)) ?? '';

function refuse({ name }: Paper, key: string, settings: object, where: string): never {
  const value: unknown = Reflect.get(settings, key);
  const names = key === 'optimizerOptions' && typeof value === 'object' ? Object.keys(value ?? {}) : [key];
  const flags = names.map((one) => `--${one.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`).join(', ');
  const path = `config.${key}`;
  throw new UsageError({
    what: `${flags} has no effect with ${name}`,
    expected: `a setting that the paper reads; ${path} is not read in its ${where}`,
    got: flags,
    next: `leave ${flags} out, or read ${path} in the paper's ${where.replace(/,.*/, '')}`,
  });
}
