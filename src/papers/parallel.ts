import type { SplitModel, World } from '../distributed/index.js';
import { Split } from '../distributed/split.js';
import { UsageError } from '../errors/errors.js';
import type { TypedArray } from '../graph/types.js';
import { withoutInit } from '../nn/init.js';
import type { Module } from '../nn/module.js';
import type { TrainConfig } from '../run/config.js';
import type { Paper, Parallel } from './paper.js';

/** What works on whole tensors, so that parts of them would change the training. */
const WHOLE = {
  clipNorm: '--clip-norm',
  syncBn: '--sync-bn',
} as const;
const LAYERWISE = ['lars', 'lamb'];

/**
 * How a paper divides its network.
 * @param model the whole network
 * @param ranks that train together
 * @throws UsageError if the paper has no such way, or the run cannot be divided in this way
 */
export function parallelOf(
  paper: Paper,
  name: string,
  {
    model,
    config,
    ranks,
  }: { model: Module; config: Pick<TrainConfig, 'clipNorm' | 'syncBn' | 'optimizer'>; ranks: number },
): Parallel {
  const known = paper.parallel ?? {};
  const refuse = (what: string, expected: string, got: string, next: string): never => {
    throw new UsageError({ what, expected, got, next });
  };
  if (!Object.hasOwn(known, name))
    refuse(
      `${paper.name} cannot be divided with --parallel ${name}`,
      Object.keys(known).join(' or ') || 'a paper with a parallelism of its own',
      name,
      'leave --parallel out: the ranks then divide each batch',
    );
  const found = known[name]!;
  if (ranks !== found.ranks)
    refuse(
      `--parallel ${name} needs ${found.ranks} ranks`,
      `mpirun -n ${found.ranks} …`,
      `${ranks}`,
      'start that number of ranks, or leave --parallel out',
    );
  for (const [key, flag] of Object.entries(WHOLE))
    if (config[key as keyof typeof WHOLE])
      refuse(
        `${flag} cannot be used with --parallel ${name}`,
        'a training whose updates look at single values',
        flag,
        `leave one of them out`,
      );
  if (LAYERWISE.includes(config.optimizer ?? 'sgd'))
    refuse(
      `--optimizer ${config.optimizer} cannot be used with --parallel ${name}`,
      'an optimizer that does not compute norms of layers',
      String(config.optimizer),
      'choose another optimizer, or leave --parallel out',
    );
  const split = new Split(found.dims(model), ranks, 0);
  for (const [key, { shape }] of model.stateDict()) split.check(key, shape);
  return found;
}

/** Divides a network that is on the host: from now on this rank has its part of it. */
export async function divide(parallel: Parallel, whole: Module, world: World): Promise<Module> {
  const split: SplitModel = {
    dims: parallel.dims(whole),
    model: withoutInit(() => parallel.part(whole, world)),
  };
  const values = new Map<string, { shape: readonly number[]; data: TypedArray }>();
  for (const [name, parameter] of whole.stateDict())
    values.set(name, { shape: parameter.shape, data: await parameter.data() });
  world.divide(split);
  for (const [name, parameter] of split.model.stateDict()) {
    const { data } = world.split!.part(name, values.get(name)!);
    if (data instanceof Float64Array) await parameter.convert('float64');
    parameter.load(data);
  }
  return split.model;
}
