import { shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { showShape } from '../../graph/types.js';
import { onParameterUse, type Parameter } from '../../tensor/parameter.js';
import { Tensor } from '../../tensor/tensor.js';
import { leavesIn, plainObjectsIn } from '../nested.js';
import { backwardCall } from './backward-hooks.js';
import { afterCall, beforeCall, isHooked } from './call-hooks.js';

/*
 * Finds the members of a module in its properties. Members that cannot be found, as in #private fields, are detected when
 * `forward` uses one of their parameters.
 */

/** The part of a module that is needed here. */
interface Model {
  readonly typeName: string;
  readonly training: boolean;
  namedModules(): readonly (readonly [string, unknown])[];
  namedParameters(): [string, Parameter][];
}

/** Members in the value of a property: the value itself, or values in arrays, plain objects, Maps and Sets. */
export function* membersIn<T extends object>(
  name: string,
  value: unknown,
  isMember: (value: unknown) => value is T,
): Iterable<readonly [string, T]> {
  if (typeof value !== 'object' || value === null) return;
  for (const [keys, member] of leavesIn(value, isMember, objectsIn)) {
    const nameless = keys.findIndex((key) => typeof key !== 'string' && typeof key !== 'number');
    if (nameless >= 0)
      throw new UsageError({
        what: `A module in ${name} has no name`,
        expected: 'a Map whose keys are strings or numbers',
        got: shown(keys[nameless]),
      });
    yield [[name, ...keys].join('.'), member];
  }
}

function objectsIn(value: object): readonly (readonly [unknown, object])[] {
  const entries = value instanceof Map ? value : value instanceof Set ? [...value].entries() : undefined;
  if (!entries) return plainObjectsIn(value);
  return [...entries].filter(
    (entry): entry is [unknown, object] => typeof entry[1] === 'object' && entry[1] !== null,
  );
}

/** Modules whose `forward` is running, outermost first. */
const running: Model[] = [];
/** The arguments of the outermost call. */
let passed: readonly unknown[] = [];
/** The parameters registered in a module when its `forward` ran last. */
const registered = new WeakMap<Model, ReadonlySet<Parameter>>();
const wrapped = new WeakSet<object>();

/**
 * Wraps `forward` of a class to record when it runs, so that the parameters that it uses can be checked.
 *
 * @param check called with a module before its `forward` runs
 */
export function watchCalls<M extends Model>(
  prototype: object,
  base: object,
  check: (module: M) => void,
): void {
  for (let at: object | null = prototype; at && at !== base; at = Object.getPrototypeOf(at)) {
    const own = wrapped.has(at) ? undefined : Object.getOwnPropertyDescriptor(at, 'forward');
    wrapped.add(at);
    const forward: unknown = own?.value;
    if (typeof forward !== 'function') continue;
    const value = function (this: M, ...inputs: unknown[]): unknown {
      // Once, so that errors can name module paths even before the model is moved to a device.
      if (running.length === 0 && !registered.has(this)) register(this);
      check(this);
      // A forward that calls super.forward() is one call.
      const whole = running.at(-1) !== this;
      if (running.length === 0) passed = inputs;
      running.push(this);
      try {
        if (!whole || !isHooked(this)) return forward.apply(this, inputs);
        const call = backwardCall(this);
        const given = call.inputs(beforeCall(this, inputs));
        return call.output(afterCall(this, given, forward.apply(this, [...given])));
      } finally {
        running.pop();
        if (running.length === 0) passed = [];
      }
    };
    Object.defineProperty(at, 'forward', { ...own, value });
  }
}

/** Whether the caller passed a parameter or a module: as an argument, or in an array, a Map, a Set or an object. */
function isPassed(member: object): boolean {
  const seen = new Set<unknown>();
  const open: unknown[] = [passed];
  while (open.length > 0) {
    const value = open.pop();
    if (value === member) return true;
    // A tensor refers to everything that it was computed from.
    const isLeaf = typeof value !== 'object' || value === null || value instanceof Tensor;
    if (isLeaf || ArrayBuffer.isView(value) || seen.has(value)) continue;
    seen.add(value);
    const items = value instanceof Map || value instanceof Set ? value.values() : Object.values(value);
    for (const item of items) open.push(item);
  }
  return false;
}

/**
 * Checks that a module in training mode is not part of a model in evaluation mode that cannot reach it.
 * @throws UsageError if the model does not own the module
 */
export function checkMode(module: Model): void {
  const [model] = running;
  if (!model || model === module || model.training) return;
  if (isPassed(module) || model.namedModules().some(([, own]) => own === module)) return;
  throw new UsageError({
    what: `${model.typeName} uses a ${module.typeName} in training mode that it does not own`,
    expected: 'layers in properties of the model, or in arrays, objects or Maps in them',
    got: 'a layer in a #private field, in an object of another class, or made in forward()',
    next: 'make it a property (TypeScript’s private and readonly are fine), since otherwise eval() cannot reach it',
  });
}

function register(model: Model): ReadonlySet<Parameter> {
  model.namedModules();
  const found = new Set(model.namedParameters().map(([, parameter]) => parameter));
  registered.set(model, found);
  return found;
}

onParameterUse((parameter) => {
  const model = running[0];
  if (!model || !parameter.requiresGrad || registered.get(model)?.has(parameter)) return;
  // What the caller passes is the caller's: an image that is optimised, or a prompt.
  if (isPassed(parameter) || register(model).has(parameter)) return;
  const user = running.at(-1)!;
  throw new UsageError({
    what: `${model.typeName} uses a parameter ${showShape(parameter.shape)}${user === model ? '' : ` of a ${user.typeName}`} that it does not own`,
    expected: 'layers and parameters in properties of the model, or in arrays, objects or Maps in them',
    got: 'a parameter in a #private field, in an object of another class, or outside of the model',
    next: 'make it a property (TypeScript’s private and readonly are fine), since otherwise it is neither trained nor saved; or freeze() it if it must not be trained',
  });
});
