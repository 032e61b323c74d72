import type { Node } from '../graph/node.js';
import { define, type NodeMaker } from './operation.js';

/** Gradients with respect to the inputs, given the node and the gradient with respect to its value. */
type Rule = (node: Node, grad: Node) => readonly (Node | null)[];

/** Rules stay out of the graph, which is plain data. */
const rules = new WeakMap<Node, Rule>();

const customOp: NodeMaker<{ of: string }> = define<{ of: string }>({
  name: 'custom',
  infer: ([result]) => ({ shape: result!.shape, dtype: result!.dtype }),
  gradient: (node, grad) => [
    null,
    ...(rules.get(node)?.(node, grad) ?? node.inputs.slice(1).map(() => null)),
  ],
});

/**
 * The value of `result`, with a custom gradient: `rule` returns the gradients of the inputs, and no gradient flows into
 * `result` itself.
 */
export function custom(name: string, result: Node, inputs: readonly Node[], rule: Rule): Node {
  const node = customOp([result, ...inputs], { of: name });
  rules.set(node, rule);
  return node;
}
