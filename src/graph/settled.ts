import type { Node } from './node.js';

/** Whether a leaf reads a version of a storage that an update has overwritten. */
export const isStale = ({ source }: Node): boolean =>
  source?.kind === 'storage' && source.version !== source.storage.version;

const isKnown = (node: Node): boolean => node.value !== undefined || node.arriving !== undefined;

/**
 * True for a node whose values are known (or being computed) and cannot be computed again, since weights that it
 * depends on have been updated. Such a node becomes a leaf: no gradient flows through it. It drops its inputs, so that
 * a state passed from step to step does not keep the graphs of all earlier steps alive.
 */
export function isSettled(node: Node): boolean {
  if (!isKnown(node)) return false;
  if (node.source) return isStale(node);
  if (node.inputs.length > 0 && dependsOnStale(node)) node.inputs = [];
  return node.inputs.length === 0;
}

/** Whether computing a node would read weights from before an update. */
function dependsOnStale(root: Node): boolean {
  const seen = new Set<Node>();
  const stack = [...root.inputs];
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (seen.has(node) || isKnown(node)) continue;
    if (isStale(node)) return true;
    seen.add(node);
    stack.push(...node.inputs);
  }
  return false;
}
