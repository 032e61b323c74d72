import { Tensor } from '../tensor/tensor.js';

/**
 * The tensors in a value: itself, or those in arrays and plain objects, in order, with their paths: `0`, `state.h`. The
 * path is empty if the value itself is a tensor.
 */
export function namedTensors(value: unknown, path = ''): [string, Tensor][] {
  if (value instanceof Tensor) return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  const parent: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && parent !== Object.prototype && parent !== null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    namedTensors(item, path === '' ? key : `${path}.${key}`),
  );
}

/** The tensors in a value, in order. */
export const tensorsIn = (value: unknown): Tensor[] => namedTensors(value).map(([, tensor]) => tensor);
