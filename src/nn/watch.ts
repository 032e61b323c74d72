import type { Tensor } from '../tensor/tensor.js';
import type { Module } from './module.js';
import { tensorsIn } from './nested.js';

/**
 * Called after each call of a watched module.
 *
 * @param inputs the tensors among the arguments, also those in arrays and plain objects
 * @param output the first tensor of the result, which is all of it for most layers
 * @param outputs all tensors of the result
 */
export type Listener = (
  name: string,
  module: Module,
  inputs: readonly Tensor[],
  output: Tensor,
  outputs: readonly Tensor[],
) => void;

/**
 * Runs `body` and calls a listener for each call of the given modules, in order.
 *
 * @param modules modules with their paths, as from `namedModules()`
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
    const watch = (...inputs: unknown[]): unknown => {
      const result: unknown = forward(...inputs);
      const outputs = tensorsIn(result);
      const [output] = outputs;
      if (output) listener(name, module, tensorsIn(inputs), output, outputs);
      return result;
    };
    // Defined on the instance, to override the class's method; not enumerable, so that member listings skip it.
    Object.defineProperty(module, 'forward', { value: watch, configurable: true });
  }
  try {
    return body();
  } finally {
    for (const [, module] of modules) Reflect.deleteProperty(module, 'forward');
  }
}
