import { shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { Parameter } from '../../tensor/parameter.js';

/*
 * Properties that hold parameters. JavaScript lets a program assign anything to them, which is found when the module is
 * used next.
 */

/** The part of a module that is needed here. */
interface Holder {
  readonly typeName: string;
}

/** Properties in which a module has had a parameter, and those that its class declares. */
const held = new WeakMap<Holder, readonly string[]>();

const slotsIn = (module: Holder): readonly string[] =>
  held.get(module) ?? (module.constructor as unknown as { parameterNames: readonly string[] }).parameterNames;

/** Remembers that a property of a module holds a parameter. */
export function rememberSlot(module: Holder, name: string): void {
  const slots = slotsIn(module);
  if (!slots.includes(name)) held.set(module, [...slots, name]);
}

/** @param path of the module in its model @throws UsageError if something else was assigned to a parameter's property */
export function checkSlots(module: Holder, path: string): void {
  for (const name of slotsIn(module)) {
    const value = (module as unknown as Readonly<Record<string, unknown>>)[name];
    if (value instanceof Parameter || value === null || value === undefined) continue;
    const type = module.typeName;
    throw new UsageError({
      what: `The parameter ${name} of ${path ? `${path} (${type})` : type} was replaced by something else`,
      expected: 'a Parameter, or null for none',
      got: shown(value),
      next: `write its values with nn.init.constant() or loadStateDict(), or assign new Parameter(values, shape)`,
    });
  }
}
