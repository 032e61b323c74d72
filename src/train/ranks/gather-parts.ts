import type { World } from '../../distributed/index.js';
import type { TypedArray } from '../../graph/types.js';
import type { Trained, Wholes } from '../../run/checkpoint.js';
import type { Parameter } from '../../tensor/parameter.js';

/** The parameters of a model and of its optimizers that have values of their own, with the names of the tensors. */
export function* tensorsIn({ model, optimizers }: Trained): Generator<[string, Parameter], void, void> {
  const all = Object.values(optimizers);
  for (const [name, parameter] of model.stateDict()) {
    yield [name, parameter];
    for (const { average } of all) if (average) yield [name, average.ownOf(parameter)];
  }
  for (const optimizer of all) {
    yield* optimizer.stateDict().tensors;
    yield* optimizer.average?.stateDict().tensors ?? [];
  }
}

/**
 * Gathers the tensors that are divided over the ranks, on rank 0. All ranks call it with the same names in the same order.
 * @returns nothing on the other ranks
 */
export async function gatherParts(
  world: World,
  named: Iterable<readonly [name: string, parameter: Parameter]>,
): Promise<Wholes> {
  const wholes = new Map<Parameter, { shape: number[]; data: TypedArray }>();
  const seen = new Set<Parameter>();
  for (const [name, parameter] of named) {
    const dim = world.split?.dimOf(name);
    if (dim === undefined || seen.has(parameter)) continue;
    seen.add(parameter);
    const parts = await world.gatherArrays(await parameter.data());
    if (world.first) wholes.set(parameter, world.split!.join(dim, parameter.shape, parts));
  }
  return wholes;
}
