import { resolve } from 'node:path';
import { UsageError } from '../../errors/errors.js';
import { didYouMean } from '../../errors/nearest.js';
import type { Paper } from '../../papers/paper.js';
import type { ModelConfig, TrainConfig } from '../../run/config.js';
import { initName, startFromOf } from '../options/finetune.js';
import { modelOptions } from '../options/model.js';
import type { TrainFlags } from './flags.js';

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
      next: didYouMean(
        name,
        Object.keys(paper.recipes),
        'give another value, or leave --preset out for its default (--help shows it)',
      ),
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
    MAY_CHANGE.filter((key) => flags[key] !== undefined).map((key) => [
      key,
      key === 'data' ? resolve(flags.data!) : flags[key],
    ]),
  );
  return { ...config, ...changed };
}
