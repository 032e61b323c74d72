import { kernelOf } from '../../../backend/reference/kernels.js';
import type { Node } from '../../../graph/node.js';
import { makeArray, sizeOf, type TypedArray } from '../../../graph/types.js';

/** More elements than any shape or index list of a network; a file cannot ask for more work than that. */
export const MOST_KNOWN = 2 ** 16;
/** Most operations between constants and a number that must be known. */
const MOST_NODES = 1000;

/**
 * The values of a node that depends on constants alone, computed at once; undefined for any other. Exporters write
 * sizes that way: a size as a float, times a scale, rounded down.
 */
export function folded(root: Node): TypedArray | undefined {
  const before = known(root);
  if (before || root.source) return before;
  const order = new Set<Node>();
  const stack = [root];
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (order.has(node)) continue;
    if (order.size >= MOST_NODES || sizeOf(node.shape) > MOST_KNOWN) return undefined;
    order.add(node);
    if (known(node)) continue;
    if (node.source) return undefined;
    stack.push(...node.inputs);
  }
  // Inputs have smaller ids than what reads them.
  for (const node of [...order].sort((a, b) => a.id - b.id)) {
    const { op, attrs, shape, dtype } = node;
    if (known(node)) continue;
    const output = makeArray(dtype, sizeOf(shape));
    kernelOf(op)!({
      inputs: node.inputs.map((input) => known(input)!),
      specs: node.inputs,
      output,
      outputSpec: { shape, dtype },
      attrs,
    });
    results.set(node, output);
  }
  return known(root);
}

/** Each node is computed once, however many ask for it. */
const results = new WeakMap<Node, TypedArray>();
const known = (node: Node): TypedArray | undefined => results.get(node) ?? constant(node);

/** A leaf's own values; the place of an image while shapes are checked has none. */
const constant = ({ source, shape }: Node): TypedArray | undefined =>
  source?.kind === 'host' && source.data.length === sizeOf(shape) ? source.data : undefined;
