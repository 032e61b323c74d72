import { checkBooleans, checkOptionNames, shown } from '../errors/arguments.js';
import { DeviceError, ShapeError, UsageError } from '../errors/errors.js';
import { sameShape, showShape } from '../graph/types.js';
import { Parameter, queueUpdate } from './parameter.js';
import { deferUpdate, takePending } from './pending.js';
import { operand, type Tensor } from './tensor.js';

/**
 * Queues one run on the device that overwrites parameters with new values, as an optimizer's step does. All values are
 * computed from the old ones, so parameters may depend on each other.
 *
 * @param changes parameters on a device, each with a tensor of its shape and type
 * @param options `compute`: further tensors to compute from the old values in the same run; `guard`: a scalar, and if it is
 *   NaN or infinite, the parameters keep their values; `later`: true for buffers and frozen parameters that a layer changes
 *   in `forward`: the optimizer's next step writes them in its run. Until then whatever reads them gets the new value, and
 *   what was described with the old one can still be computed. Buffers on the host keep their values then, as those of
 *   batch norm
 * @throws UsageError, ShapeError or DeviceError for a change that cannot be made; nothing is changed then
 * @example
 * update([[target.weight, target.weight.mul(0.99).add(online.weight.mul(0.01))]]);
 */
export function update(
  changes: Iterable<readonly [Parameter, Tensor]>,
  options: { compute?: readonly Tensor[]; guard?: Tensor; later?: boolean } = {},
): void {
  checkOptionNames('update', options, ['compute', 'guard', 'later']);
  const { compute = [], guard, later = false } = options;
  checkBooleans('update', { later });
  if (!Array.isArray(compute))
    throw new UsageError({
      what: 'update got a bad compute',
      expected: 'a list of tensors',
      got: shown(compute),
    });
  const list: readonly unknown[] =
    typeof (changes as { [Symbol.iterator]?: unknown } | null)?.[Symbol.iterator] === 'function'
      ? [...changes]
      : [changes];
  const seen = new Set<Parameter>();
  const made = list.map((change, i) => {
    const [parameter, value]: readonly unknown[] = Array.isArray(change) ? change : [];
    if (!(parameter instanceof Parameter))
      throw new UsageError({
        what: 'update takes pairs of a parameter and its new value',
        expected: '[[parameter, tensor], …]',
        got: Array.isArray(change) ? `${shown(parameter)} as the parameter of pair ${i}` : shown(change),
      });
    const node = operand('update', value, false);
    if (!sameShape(node.shape, parameter.shape) || node.dtype !== parameter.dtype)
      throw new ShapeError({
        what: 'update got a value that does not fit its parameter',
        expected: `${parameter.dtype} ${showShape(parameter.shape)}`,
        got: `${node.dtype} ${showShape(node.shape)}`,
      });
    if (seen.has(parameter))
      throw new UsageError({
        what: 'update got a parameter twice',
        expected: 'one new value for each',
        got: showShape(parameter.shape),
      });
    seen.add(parameter);
    if (later && parameter.requiresGrad)
      throw new UsageError({
        what: `update got later for a parameter ${showShape(parameter.shape)} that is trained`,
        expected: 'buffers and frozen parameters, whose values the optimizer does not change',
        got: 'a trained parameter',
        next: 'register a buffer with registerBuffer(name, tensor), or freeze() its module',
      });
    if (!parameter.storage && !later)
      throw new DeviceError({
        what: `update got a parameter ${showShape(parameter.shape)} that is not on a device`,
        expected: 'parameters that a device can update in place',
        got: 'values on the host',
        next: 'await parameter.place(device), or model.to(device), first',
      });
    return { parameter, value: node };
  });
  if (later && (compute.length > 0 || guard))
    throw new UsageError({
      what: 'update with later computes nothing at once',
      expected: 'neither compute nor guard',
      got: guard ? 'guard' : 'compute',
      next: 'give them to the optimizer’s step',
    });
  for (const tensor of [...compute, ...(guard ? [guard] : [])]) operand('update', tensor, false);
  if (guard && guard.size !== 1)
    throw new ShapeError({
      what: 'update got a bad guard',
      expected: 'a scalar',
      got: showShape(guard.shape),
    });
  if (later) {
    for (const { parameter, value } of made) deferUpdate(parameter, value, true);
    return;
  }
  // Updates of forward passes may depend on the old values, so they are written in the same run.
  const devices = new Set(made.map(({ parameter }) => parameter.storage!.device));
  const others = [...devices].flatMap(takePending).filter(({ parameter }) => !seen.has(parameter));
  queueUpdate([...made, ...others], compute, guard);
}
