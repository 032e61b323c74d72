import type { Node } from './node.js';

/** Whether a leaf reads a storage as it was before an update. */
export const isGone = ({ source }: Node): boolean =>
  source?.kind === 'storage' && source.version !== source.storage.version;

const isKnown = (node: Node): boolean => node.value !== undefined || node.arriving !== undefined;

/**
 * True for a node whose values are here, or on their way, and that could not be computed again, since weights below
 * it have been updated. It is a leaf from now on: no gradient goes through it, and it lets go of what it came from,
 * so that a state which is handed from step to step does not hold the graphs of all steps before.
 */
export function isSettled(node: Node): boolean {
  if (!isKnown(node)) return false;
  if (node.source) return isGone(node);
  if (node.inputs.length > 0 && restsOnGone(node)) node.inputs = [];
  return node.inputs.length === 0;
}

/** Whether computing a node would read weights that are gone. */
function restsOnGone(root: Node): boolean {
  const seen = new Set<Node>();
  const stack = [...root.inputs];
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (seen.has(node) || isKnown(node)) continue;
    if (isGone(node)) return true;
    seen.add(node);
    stack.push(...node.inputs);
  }
  return false;
}
