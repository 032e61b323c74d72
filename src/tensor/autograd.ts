import { UsageError } from '../errors/errors.js';
import { isConstant } from '../graph/grad-mode.js';
import { byId, type Node, newSearch } from '../graph/node.js';
import { isSettled } from '../graph/settled.js';
import { isFloat, sameShape, showShape } from '../graph/types.js';
import { add } from '../ops/binary.js';
import { operationOf } from '../ops/operation.js';
import { withScope } from '../ops/scope.js';

/** One differentiation, as hooks see it. */
export interface Pass {
  /** Values on a path to what is differentiated. */
  readonly needed: ReadonlySet<Node>;
  /** Gradients not yet propagated; each is complete once all users of its value are processed. */
  readonly pending: ReadonlyMap<Node, Node>;
}

/**
 * Reverse-mode differentiation: the gradients of a value with respect to all targets on which it depends, as new graph
 * nodes. Nothing is computed.
 *
 * @param seed the gradient with respect to the value itself
 * @param hook may replace the complete gradient of a value before it is used
 */
export function gradients(
  root: Node,
  seed: Node,
  isTarget: (node: Node) => boolean,
  hook: (node: Node, grad: Node, pass: Pass) => Node = (_, grad) => grad,
): Map<Node, Node> {
  const needed = nodesTowards(root, isTarget);
  const grads = new Map<Node, Node>([[root, seed]]);
  const result = new Map<Node, Node>();
  const pass: Pass = { needed, pending: grads };
  // Ids increase from inputs to results, so in descending order every user of a value comes before the value.
  for (const node of [...needed].reverse()) {
    const found = grads.get(node);
    if (!found) continue;
    grads.delete(node);
    const grad = hook(node, found, pass);
    if (isTarget(node)) result.set(node, grad);
    if (isConstant(node) || !node.inputs.some((input) => needed.has(input))) continue;
    const rule = operationOf(node.op).gradient;
    if (!rule)
      throw new UsageError({
        what: `The operation ${node.op}${node.scope ? ` in ${node.scope}` : ''} cannot be differentiated`,
        expected: 'differentiable operations between the loss and the trained parameters',
        got: `an operation without a gradient, with a result of shape ${showShape(node.shape)}`,
        next: 'detach() its input or its result if no gradient should flow through it',
      });
    const parts = withScope(node.scope, () => rule(node, grad));
    for (let i = 0; i < parts.length; i++) {
      const [part, input] = [parts[i], node.inputs[i]!];
      if (!part || !needed.has(input)) continue;
      if (!sameShape(part.shape, input.shape))
        throw new Error(
          `the gradient of ${node.op}${node.scope ? ` in ${node.scope}` : ''} for its input ${i} has the shape ${showShape(part.shape)}, not ${showShape(input.shape)}`,
        );
      const before = grads.get(input);
      grads.set(input, before ? withScope(node.scope, () => add(before, part)) : part);
    }
  }
  return result;
}

/** Whether any of these values depends on a target. */
export const dependsOn = (values: readonly Node[], isTarget: (node: Node) => boolean): boolean =>
  values.some((value) => nodesTowards(value, isTarget).size > 0);

/**
 * Nodes on a path from the root to a target, in the order of their creation. Values computed in `noGrad`, or from weights
 * before an update, are constants unless they are targets themselves; so are integers, such as positions of the largest
 * values.
 */
function nodesTowards(root: Node, isTarget: (node: Node) => boolean): Set<Node> {
  const search = newSearch();
  const found: Node[] = [];
  const stack = [root];
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (node.search === search) continue;
    node.search = search;
    const settled = node !== root && isSettled(node);
    const constant = isConstant(node) || settled;
    if (!isFloat(node.dtype) || (constant && (!isTarget(node) || (settled && node.source)))) continue;
    found.push(node);
    // No gradient flows through it, though it may be a target itself.
    if (!constant && node.op !== 'detach') for (const input of node.inputs) stack.push(input);
  }
  const needed = new Set<Node>();
  for (const node of byId(found))
    if (isTarget(node) || node.inputs.some((input) => needed.has(input))) needed.add(node);
  return needed;
}
