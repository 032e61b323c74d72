import { shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import type { Removable, Tensor } from '../../tensor/tensor.js';

/** Called before a module's `forward`; an array that it returns replaces the inputs. */
export type ForwardPreHook = (module: never, inputs: readonly unknown[]) => readonly unknown[] | undefined;

/** Called after a module's `forward`; a value that it returns replaces the output. */
export type ForwardHook = (module: never, inputs: readonly unknown[], output: never) => unknown;

/** A gradient for each input or output of a call; null for what has none. */
export type Gradients = readonly (Tensor | null)[];

/** Called with the gradients of a module's outputs; an array that it returns replaces them. */
export type BackwardPreHook = (module: never, gradOutput: Gradients) => Gradients | undefined;

/** Called with the gradients of a module's inputs and outputs; an array that it returns replaces those of the inputs. */
export type BackwardHook = (
  module: never,
  gradInput: Gradients,
  gradOutput: Gradients,
) => Gradients | undefined;

interface Hooks {
  readonly before: Set<ForwardPreHook>;
  readonly after: Set<ForwardHook>;
  readonly backwardBefore: Set<BackwardPreHook>;
  readonly backward: Set<BackwardHook>;
}

/** The arguments of each kind of hook, for errors. */
const ARGUMENTS: Readonly<Record<keyof Hooks, string>> = {
  before: '(module, inputs) => …',
  after: '(module, inputs, output) => …',
  backwardBefore: '(module, gradOutput) => …',
  backward: '(module, gradInput, gradOutput) => …',
};

const hooks = new WeakMap<object, Hooks>();

/** @throws UsageError for anything other than a function, or for a module whose `forward` cannot be watched */
export function addCallHook<K extends keyof Hooks>(
  module: { readonly typeName: string },
  kind: K,
  hook: Parameters<Hooks[K]['add']>[0],
): Removable {
  if (typeof hook !== 'function')
    throw new UsageError({
      what: `A hook of ${module.typeName} is a function`,
      expected: ARGUMENTS[kind],
      got: shown(hook),
    });
  // Listeners of `watching` are not enumerable.
  if (Object.keys(module).includes('forward'))
    throw new UsageError({
      what: `${module.typeName} has its forward in a property, where hooks do not reach it`,
      expected: 'forward as a method of the class',
      got: 'a function in a property',
    });
  const own = hooks.get(module) ?? {
    before: new Set(),
    after: new Set(),
    backwardBefore: new Set(),
    backward: new Set(),
  };
  hooks.set(module, own);
  const list: Set<unknown> = own[kind];
  list.add(hook);
  return { remove: () => void list.delete(hook) };
}

/** Whether a module ever had a hook. */
export const isHooked = (module: object): boolean => hooks.has(module);

/** The hooks of one kind, in the order in which they were added. */
export const hooksOf = <K extends keyof Hooks>(module: object, kind: K): Hooks[K] | undefined =>
  hooks.get(module)?.[kind];

/** The inputs of a call after its hooks. */
export function beforeCall(module: object, inputs: readonly unknown[]): readonly unknown[] {
  let given = inputs;
  for (const hook of hooks.get(module)?.before ?? []) {
    const made = hook(module as never, given);
    if (made !== undefined && !Array.isArray(made))
      throw new UsageError({
        what: 'A hook before forward returned something else than inputs',
        expected: 'an array of inputs, or nothing',
        got: shown(made),
      });
    given = made ?? given;
  }
  return given;
}

/** The output of a call after its hooks. */
export function afterCall(module: object, inputs: readonly unknown[], output: unknown): unknown {
  let result = output;
  for (const hook of hooks.get(module)?.after ?? []) {
    const made = hook(module as never, inputs, result as never);
    if (made instanceof Promise)
      throw new UsageError({
        what: 'A hook after forward is asynchronous',
        expected: 'an output, or nothing',
        got: 'a promise',
        next: 'keep the tensor, and await its data() later',
      });
    result = made ?? result;
  }
  return result;
}
