import type { Node } from '../graph/node.js';
import type { Pass } from './autograd.js';

/** Changes a gradient, or only looks at it and returns nothing. */
export type NodeHook = (grad: Node, pass: Pass) => Node | undefined;

/** Hooks by the value whose gradient they get. */
const hooks = new WeakMap<Node, Set<NodeHook>>();

/** Adds a hook to a value. @returns all its hooks, from which it can be removed */
export function addHook(node: Node, hook: NodeHook): Set<NodeHook> {
  const known = hooks.get(node) ?? new Set();
  hooks.set(node, known);
  known.add(hook);
  return known;
}

/** Lets the hooks of a parameter's old value apply to its new one. */
export function moveHooks(from: Node, to: Node): void {
  const known = hooks.get(from);
  if (known) hooks.set(to, known);
}

/** The gradient of a value after its hooks, in the order in which they were added. */
export function hooked(node: Node, grad: Node, pass: Pass): Node {
  let result = grad;
  for (const hook of hooks.get(node) ?? []) result = hook(result, pass) ?? result;
  return result;
}
