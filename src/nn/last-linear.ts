import type { Tensor } from '../tensor/tensor.js';
import { Linear } from './linear.js';
import type { Module } from './module.js';
import { watching } from './watch.js';

/**
 * Runs `forward` and returns its result with the input of the model's last fully connected layer: the features by
 * which it classifies. Undefined for a model without such a layer.
 */
export function withLastInput<T>(
  model: Module,
  forward: () => T,
): { readonly result: T; readonly features: Tensor | undefined } {
  const last = model.namedModules().findLast(([, module]) => module instanceof Linear);
  let features: Tensor | undefined;
  const result = watching(
    last ? [last] : [],
    (_name, _module, [input]) => {
      features = input;
    },
    forward,
  );
  return { result, features };
}
