import type { Node } from '../../graph/node.js';
import { isSettled } from '../../graph/settled.js';
import { INTEGERS, NOT_EXPORTED } from './operators.js';

/** Whether a graph ends at a node: it computes nothing, or its values are known. */
export const isLeaf = (node: Node): boolean =>
  node.source !== undefined || node.value !== undefined || isSettled(node);

/** Inputs whose values the rule of an operation reads itself, such as one position for each image. */
const READ_BY_RULES: Readonly<Record<string, readonly number[]>> = { crop: [1] };

/** Whether the results of an operation may be written as constants: random ones may not. */
const isComputable = (op: string): boolean =>
  !Object.hasOwn(NOT_EXPORTED, op) || NOT_EXPORTED[op] === INTEGERS;

/**
 * The nodes that are written as constants although they are computed: those made from whole numbers that depend on
 * nothing, such as a causal mask by a comparison or a table of relative positions. Most operators of ONNX are not
 * defined for whole numbers in every runtime. What grows with the batch is repeated when the file runs, so it stays an
 * operation.
 *
 * @param nodes a graph, inputs first
 * @param isGiven whether a leaf is an input or a weight
 */
export function computedConstants(
  nodes: readonly Node[],
  batch: number,
  isGiven: (leaf: Node) => boolean,
): ReadonlySet<Node> {
  const fixed = new Set<Node>();
  const whole = new Set<Node>();
  const found = new Set<Node>();
  for (const node of nodes) {
    const leaf = isLeaf(node);
    const inputs = leaf ? [] : node.inputs;
    const grows = node.shape.some((size) => size > 0 && size % batch === 0);
    if (grows || (leaf ? isGiven(node) : !isComputable(node.op))) continue;
    if (!inputs.every((input) => fixed.has(input))) continue;
    fixed.add(node);
    if (node.dtype !== 'int32' && !inputs.some((input) => whole.has(input))) continue;
    whole.add(node);
    if (!leaf) found.add(node);
  }
  return found;
}

/** The nodes whose values the file must have: its outputs, and what is read by operations that are not constants. */
export function readNodes(
  nodes: readonly Node[],
  outputs: readonly Node[],
  constants: ReadonlySet<Node>,
): ReadonlySet<Node> {
  const read = new Set(outputs);
  for (const node of nodes) {
    if (isLeaf(node) || constants.has(node)) continue;
    for (const [i, input] of node.inputs.entries()) if (!READ_BY_RULES[node.op]?.includes(i)) read.add(input);
  }
  return read;
}
