import type { GradientRule, Node } from '../graph/node.js';
import { define, type NodeMaker } from './operation.js';

const customOp: NodeMaker<{ of: string }> = define<{ of: string }>({
  name: 'custom',
  infer: ([result]) => ({ shape: result!.shape, dtype: result!.dtype }),
  gradient: (node, grad) => [null, ...(node.rule?.(node, grad) ?? node.inputs.slice(1).map(() => null))],
});

/**
 * The value of `result`, with a custom gradient: `rule` returns the gradients of the inputs, and no gradient flows into
 * `result` itself.
 */
export function custom(name: string, result: Node, inputs: readonly Node[], rule: GradientRule): Node {
  const node = customOp([result, ...inputs], { of: name });
  // Not in a WeakMap: what its values refer to outlives young garbage collections, here whole graphs.
  node.rule = rule;
  return node;
}
