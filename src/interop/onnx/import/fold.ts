import { kernelOf } from '../../../backend/reference/kernels.js';
import type { Node } from '../../../graph/node.js';
import { makeArray, sizeOf, type TypedArray } from '../../../graph/types.js';

/** Maximum number of elements of a folded value, which bounds the work; shapes and indices are far smaller. */
export const MOST_KNOWN = 2 ** 16;
/** Maximum number of operations to fold for one value. */
const MOST_NODES = 1000;

/**
 * Computes a node that depends only on constants; undefined for others. Exporters compute sizes that way: cast to float,
 * multiply by a scale, round down.
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
  // Inputs have smaller ids than the nodes that read them.
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

/** Cache: each node is computed once. */
const results = new WeakMap<Node, TypedArray>();
const known = (node: Node): TypedArray | undefined => results.get(node) ?? constant(node);

/** Values of a leaf; undefined for the input placeholder during shape checks. */
const constant = ({ source, shape }: Node): TypedArray | undefined =>
  source?.kind === 'host' && source.data.length === sizeOf(shape) ? source.data : undefined;
