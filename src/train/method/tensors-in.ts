import { isFloat } from '../../graph/types.js';
import { Tensor } from '../../tensor/tensor.js';

/** The floating-point tensors in a value: itself, or those in its tuples and records. */
export function floatsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return isFloat(value.dtype) ? [value] : [];
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return [];
  return Object.values(value).flatMap(floatsIn);
}
