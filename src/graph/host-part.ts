import type { Node } from './node.js';
import { sizeOf, type TypedArray } from './types.js';

/**
 * The values of a slice of a tensor on the host, if they lie one after another there: a view. So minibatches of a data set
 * are passed to a run without the rest of it, and whatever their start, graphs that read them are equal.
 */
export function hostPart(node: Node): TypedArray | undefined {
  if (node.from === undefined) return undefined;
  const [whole] = node.inputs;
  if (!whole) return undefined;
  const size = sizeOf(node.shape);
  return size > 0 && size < sizeOf(whole.shape) ? valuesOf(node) : undefined;
}

function valuesOf({ source, value, from, inputs: [whole], shape }: Node): TypedArray | undefined {
  const size = sizeOf(shape);
  // A placeholder, which stands for an input while a model is looked at, has no values.
  if (source) return source.kind === 'host' && source.data.length === size ? source.data : undefined;
  if (value || from === undefined || !whole) return value;
  return valuesOf(whole)?.subarray(from, from + size);
}
