import type { Tensor } from '../tensor/tensor.js';
import type { Module } from './module.js';

/** Is told of each call of a module that is watched. */
export type Listener = (name: string, module: Module, inputs: readonly Tensor[], output: Tensor) => void;

/**
 * Runs `body` and tells of each call of some modules, in the order of the calls.
 *
 * @param modules with their paths, as `namedModules()` gives them
 * @example
 * const outputs = new Map<string, Tensor>();
 * watching(model.namedModules(), (name, _module, _inputs, output) => outputs.set(name, output), () =>
 *   model.forward(images),
 * );
 */
export function watching<T>(
  modules: readonly (readonly [string, Module])[],
  listener: Listener,
  body: () => T,
): T {
  for (const [name, module] of modules) {
    const forward = module.forward.bind(module);
    const watch = (...inputs: Tensor[]): Tensor => {
      const output = forward(...inputs);
      listener(name, module, inputs, output);
      return output;
    };
    // On the instance, over the class's own method; not enumerable, so that walks do not see it.
    Object.defineProperty(module, 'forward', { value: watch, configurable: true });
  }
  try {
    return body();
  } finally {
    for (const [, module] of modules) Reflect.deleteProperty(module, 'forward');
  }
}
