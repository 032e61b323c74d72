import type { Region } from '../plan/region.js';
import { joinedParts } from './bind-joined.js';
import type { Operand } from './bindings.js';
import type { HostWork, Value } from './builder.js';
import { type Binder, type Command, commandsOf, fastest, type Place, type Prepared } from './commands.js';
import type { FinalStep } from './join.js';

/** Compiles and binds the steps of a plan. */
export async function bindSteps(
  binder: Binder,
  steps: readonly FinalStep[],
  placeOf: (region: Region) => Place,
): Promise<Command[]> {
  const operand = (value: Value): Operand => {
    const { buffer, offset } = placeOf(value.region);
    const { dtype, count, half = false } = value;
    return { buffer, offset: offset + value.start, dtype, count, half };
  };
  const prepared = steps.flatMap((step, at): (Prepared | { host: HostWork; step: number })[] => {
    if ('host' in step) return [{ host: step.host, step: at }];
    const { op, scope, macs } = step;
    const common = { step: at, macs, about: scope ? `${op} in ${scope}` : op };
    if ('members' in step)
      return joinedParts(binder, step, operand).map((kernel) => ({ ...kernel, ...common }));
    const { inputs, outputs, ...rest } = step.dispatch;
    return [{ ...rest, ...common, inputs: inputs.map(operand), outputs: outputs.map(operand) }];
  });
  // One after another, since trials of kernels would disturb each other.
  const chosen: typeof prepared = [];
  for (const one of prepared) chosen.push('host' in one ? one : await fastest(binder, one));
  const commands = chosen.map(async (one) => ('host' in one ? [one] : commandsOf(binder, one)));
  return (await Promise.all(commands)).flat();
}
