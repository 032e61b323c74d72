import { UsageError } from '../errors/errors.js';
import type { Node } from '../graph/node.js';
import { isSettled } from '../graph/settled.js';
import { showShape } from '../graph/types.js';
import { add } from '../ops/binary.js';
import { operationOf } from '../ops/operation.js';
import { withScope } from '../ops/scope.js';

/**
 * Reverse-mode differentiation: gradient nodes of a scalar with regard to each target that it depends on.
 * Nothing is computed; gradients are more graph.
 */
export function gradients(root: Node, seed: Node, isTarget: (node: Node) => boolean): Map<Node, Node> {
  const needed = nodesTowards(root, isTarget);
  const grads = new Map<Node, Node>([[root, seed]]);
  const result = new Map<Node, Node>();
  // Ids grow from inputs to results, so descending order meets every user of a value before the value itself.
  for (const node of [...needed].sort((a, b) => b.id - a.id)) {
    const grad = grads.get(node);
    if (!grad) continue;
    grads.delete(node);
    if (isTarget(node)) result.set(node, grad);
    if (node.inputs.length === 0) continue;
    const rule = operationOf(node.op).gradient;
    if (!rule)
      throw new UsageError({
        what: `The operation ${node.op}${node.scope ? ` in ${node.scope}` : ''} cannot be differentiated`,
        expected: 'operations that have a gradient on the way from the loss to what is trained',
        got: `one of ${showShape(node.shape)} that has none`,
        next: 'detach() its input or its result, if no gradient is to go through it',
      });
    withScope(node.scope, () => {
      rule(node, grad).forEach((g, i) => {
        const input = node.inputs[i]!;
        if (!g || !needed.has(input)) return;
        const before = grads.get(input);
        grads.set(input, before ? add(before, g) : g);
      });
    });
  }
  return result;
}

/** Nodes on a path from the root to a target. What has been computed on weights that are gone is a constant. */
function nodesTowards(root: Node, isTarget: (node: Node) => boolean): Set<Node> {
  const all = new Set<Node>();
  const stack = [root];
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (all.has(node) || (node !== root && isSettled(node))) continue;
    all.add(node);
    stack.push(...node.inputs);
  }
  const needed = new Set<Node>();
  for (const node of [...all].sort((a, b) => a.id - b.id))
    if (isTarget(node) || node.inputs.some((input) => needed.has(input))) needed.add(node);
  return needed;
}
