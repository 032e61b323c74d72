import { CheckpointError } from '../errors.js';
import { sameShape, showShape } from '../graph/types.js';
import type { Weight } from '../interop/weights.js';
import type { Module } from '../nn/module.js';
import type { TrainConfig } from './config.js';

/**
 * Puts a file's weights into a model that has just been built.
 *
 * @param weights what the file holds, under the model's own names
 * @returns what there is to say about it
 * @throws CheckpointError with all names that do not fit, unless the start may be partial
 */
export function startFrom(
  model: Module,
  { file, partial }: NonNullable<TrainConfig['startFrom']>,
  weights: ReadonlyMap<string, Weight>,
): string[] {
  const own = model.stateDict();
  const absent = [...own.keys()].filter((name) => !weights.has(name));
  const stray = [...weights.keys()].filter((name) => !own.has(name) && !name.endsWith('num_batches_tracked'));
  const differing = [...own].flatMap(([name, { shape }]) => {
    const saved = weights.get(name);
    return saved && !sameShape(saved.shape, shape)
      ? [`${name} (${showShape(saved.shape)} there, ${showShape(shape)} here)`]
      : [];
  });
  const groups = [
    ['not in the file', absent],
    ['of another shape', differing],
    ['only in the file', stray],
  ] as const;
  const report = groups
    .filter(([, names]) => names.length > 0)
    .map(([what, names]) => `${what}: ${names.join(', ')}`);
  if (!partial && report.length > 0)
    throw new CheckpointError({
      what: `${file} does not fit this network`,
      expected: `all ${own.size} tensors of the network, and no others`,
      got: report.join('; '),
      next: 'add --partial to start from what fits, and leave the rest as it is initialised',
    });
  const fitting = [...own.keys()].filter(
    (name) => weights.has(name) && sameShape(weights.get(name)!.shape, own.get(name)!.shape),
  );
  if (fitting.length === 0)
    throw new CheckpointError({
      what: `${file} has no tensor that fits this network`,
      expected: `names such as ${[...own.keys()][0]}`,
      got: [...weights.keys()].slice(0, 3).join(', ') || 'no tensors',
      next: 'give weights of the same network, with the same --paper and --preset',
    });
  model.loadStateDict(new Map(fitting.map((name) => [name, weights.get(name)!])), { strict: false });
  return [
    `Started from ${file}: ${fitting.length} of ${own.size} tensors.`,
    ...[absent, differing].flatMap((names) =>
      names.length > 0 ? [`Left as initialised: ${names.join(', ')}.`] : [],
    ),
    ...(stray.length > 0 ? [`Not used: ${stray.join(', ')}.`] : []),
  ];
}
