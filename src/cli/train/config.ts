import { resolve } from 'node:path';
import { UsageError } from '../../errors/errors.js';
import { didYouMean } from '../../errors/nearest.js';
import { hasOption, OPTIMIZER_NAMES } from '../../optim/by-name.js';
import { type Paper, partsOf } from '../../papers/paper.js';
import { paperIdOf } from '../../papers/registry.js';
import type { ModelConfig, TrainConfig } from '../../run/config.js';
import { defaultSettings } from '../../train/optimizer.js';
import { modelOptions } from '../options/model.js';
import { flagName } from '../options/options.js';
import { applyFlags, mayChange, optimizerOptions, type TrainFlags } from './flags.js';

/** A run's configuration before its data set is known. */
export interface Settings extends Omit<TrainConfig, 'model' | 'dataset' | 'data'> {
  readonly model: Omit<ModelConfig, 'classes'>;
}

/** The paper's recipe with the changes of the flags. @throws UsageError */
export function configFrom(flags: TrainFlags, paper: Paper): Settings {
  const names = Object.keys(paper.recipes);
  const name = flags.preset ?? names[0]!;
  if (!Object.hasOwn(paper.recipes, name))
    throw new UsageError({
      what: `--preset ${name} cannot be used`,
      expected: `one of ${names.join(', ')}`,
      got: `"${name}"`,
      next: didYouMean(
        name,
        names,
        'give another value, or leave --preset out for its default (--help shows it)',
      ),
    });
  const recipe = partsOf(paper.recipes[name]!);
  const options = { ...recipe.model.options, ...modelOptions(flags) };
  const [init, start] = [initName(flags), startFromOf(flags)];
  const settings: Settings = {
    version: 1,
    recipe: name,
    model: {
      paper: paper.id,
      ...recipe.model,
      ...(init === undefined ? {} : { init }),
      ...(Object.keys(options).length > 0 ? { options } : {}),
    },
    seed: 0,
    ...recipe.training,
    ...(start ? { startFrom: start } : {}),
  };
  useOptimizer(flags, settings);
  applyFlags(flags, settings, settings.model);
  checkOptimizerFlags(flags, settings);
  // An explicit number of epochs overrides the recipe's step limit.
  if (flags.epochs !== undefined && flags.maxSteps === undefined) delete settings.maxSteps;
  return settings;
}

/** An optimizer other than the recipe's starts from its own defaults, since rates and decays do not carry over. */
function useOptimizer(flags: TrainFlags, settings: Settings): void {
  const name = flags.optimizer;
  const given = optimizerOptions(flags);
  if (name !== undefined && name !== (settings.optimizer ?? 'sgd')) {
    delete settings.optimizerOptions;
    delete settings.sgd;
    Object.assign(settings, defaultSettings(name));
  }
  if (Object.keys(given).length > 0) settings.optimizerOptions = { ...settings.optimizerOptions, ...given };
}

/** @throws UsageError for an option that the optimizer does not have */
function checkOptimizerFlags(flags: TrainFlags, { optimizer = 'sgd' }: Settings): void {
  const given = [
    ...(flags.momentum === undefined ? [] : ['momentum']),
    ...Object.keys(optimizerOptions(flags)),
  ];
  const stray = given.find((key) => !hasOption(optimizer, key));
  if (stray === undefined) return;
  throw new UsageError({
    what: `${flagName(stray)} has no effect with --optimizer ${optimizer}`,
    expected: `--optimizer ${OPTIMIZER_NAMES.filter((name) => hasOption(name, stray)).join(' or ')}`,
    got: optimizer,
    next: `leave ${flagName(stray)} out, or choose another optimizer`,
  });
}

/** True for a file rather than the name of an initialisation: it has an extension or a folder. */
const isFile = (init: string): boolean => /[./\\]/.test(init);

/** The initialisation named by the flags; undefined if they name a file or nothing. */
const initName = ({ init }: TrainFlags): string | undefined =>
  init !== undefined && !isFile(init) ? init : undefined;

/** @throws UsageError for --partial without a file */
function startFromOf({ init, partial = false }: TrainFlags): TrainConfig['startFrom'] {
  if (init !== undefined && isFile(init)) return { file: resolve(init), partial };
  if (!partial) return undefined;
  throw new UsageError({
    what: '--partial has no effect without a file of weights',
    expected: '--init weights.safetensors --partial',
    got: init === undefined ? '--partial alone' : `--init ${init}`,
    next: 'name a file of weights, or leave --partial out',
  });
}

const shown = (value: unknown): string =>
  typeof value === 'object' ? JSON.stringify(value) : String(value ?? 'none');

/**
 * The configuration of a resumed run.
 * @throws UsageError for a flag that would make it a different run
 */
export function resumedConfig(config: TrainConfig, flags: TrainFlags): TrainConfig {
  const keep = (key: string, before: unknown, now: unknown): void => {
    if (now === undefined || JSON.stringify(now) === JSON.stringify(before)) return;
    throw new UsageError({
      what: `${flagName(key)} cannot change when a run is resumed`,
      expected: `${shown(before)}, as when the run was started`,
      got: shown(now),
      next: `leave ${flagName(key)} out, or start a new run`,
    });
  };
  const keepAll = (before: object, now: object): void => {
    for (const [key, value] of Object.entries(now))
      if (!mayChange(key)) keep(key, before[key as keyof typeof before], value);
  };
  const changes = { training: {}, model: {} };
  applyFlags(flags, changes.training, changes.model);
  keepAll({ ...config, preset: config.recipe }, { preset: flags.preset, dataset: flags.dataset });
  keepAll(config, changes.training);
  const start = startFromOf(flags);
  if (start) keep('init', config.startFrom?.file, start.file);
  else keep('init', config.model.init, initName(flags));
  keepAll(config.optimizerOptions ?? {}, optimizerOptions(flags));
  const paper = flags.paper === undefined ? undefined : paperIdOf(flags.paper);
  keepAll(config.model, { paper, ...changes.model });
  keepAll(config.model.options ?? {}, modelOptions(flags) ?? {});
  const changed = Object.entries(changes.training).filter(([key]) => mayChange(key));
  const data = flags.data === undefined ? {} : { data: resolve(flags.data) };
  return { ...config, ...Object.fromEntries(changed), ...data };
}
