import { counted } from '../errors/counted.js';
import { CheckpointError } from '../errors/errors.js';
import { showShape } from '../graph/types.js';
import type { Weight } from '../interop/weights.js';
import type { Module } from '../nn/module.js';
import type { TrainConfig } from '../run/config.js';

/**
 * Loads weights of a file into a newly built model.
 *
 * @param weights tensors of the file, under the names of the model
 * @returns messages for the user
 * @throws CheckpointError that lists all mismatches, unless a partial start is allowed
 */
export function startFrom(
  model: Module,
  { file, partial }: NonNullable<TrainConfig['startFrom']>,
  weights: ReadonlyMap<string, Weight>,
): string[] {
  const own = model.stateDict();
  const { missing, unexpected, mismatched } = model.compareStateDict(weights);
  const differing = mismatched.map(
    ({ name, expected, got }) => `${name} (${showShape(got)} there, ${showShape(expected)} here)`,
  );
  const groups = [
    ['not in the file', missing],
    ['of another shape', differing],
    ['only in the file', unexpected],
  ] as const;
  const report = groups
    .filter(([, names]) => names.length > 0)
    .map(([what, names]) => `${what}: ${names.join(', ')}`);
  if (!partial && report.length > 0)
    throw new CheckpointError({
      what: `${file} does not fit this network`,
      expected: `all ${counted(own.size, 'tensor')} of the network, and no others`,
      got: report.join('; '),
      next: 'add --partial to start from what fits, and leave the rest as it is initialised',
    });
  const fitting = own.size - missing.length - mismatched.length;
  if (fitting === 0)
    throw new CheckpointError({
      what: `${file} has no tensor that fits this network`,
      expected: `names such as ${[...own.keys()][0]}`,
      got: [...weights.keys()].slice(0, 3).join(', ') || 'no tensors',
      next: 'give weights of the same network, with the same --paper and --preset',
    });
  model.loadStateDict(weights, { strict: false, skipMismatched: true });
  return [
    `Started from ${file}: ${fitting} of ${counted(own.size, 'tensor')}.`,
    ...[missing, differing].flatMap((names) =>
      names.length > 0 ? [`Left as initialised: ${names.join(', ')}.`] : [],
    ),
    ...(unexpected.length > 0 ? [`Not used: ${unexpected.join(', ')}.`] : []),
  ];
}
