import { activationOf, isActivation } from './activations.js';
import type { PostOp } from './api/dnnl.js';
import type { Builder } from './builder.js';
import type { Form } from './ir.js';

/**
 * Fuses an activation into a node's primitive if the activation is the only reader of the node's result. The caller
 * passes the primitive's output to `define`, which makes it the value of both nodes.
 */
export function fuseActivation(b: Builder, i: number): { postOps: PostOp[]; define: (out: Form) => void } {
  const fused = fusableActivation(b, i);
  if (fused === undefined) return { postOps: [], define: (out) => b.define(i, out) };
  const { op, attrs } = b.node(fused);
  return {
    postOps: [{ kind: 'eltwise', alg: activationOf(op).alg, alpha: attrs.alpha as number, beta: 0 }],
    define: (out) => {
      b.define(i, out);
      b.define(fused, out);
      b.done.add(fused);
    },
  };
}

/** The activation that is the only reader of a node's result; undefined if there is none. */
function fusableActivation(b: Builder, i: number): number | undefined {
  const [only, ...others] = b.users[i]!;
  if (only === undefined || others.length > 0 || !isActivation(b.node(only).op)) return undefined;
  const wanted = b.graph.outputs.includes(i) || b.graph.updates.some((u) => u.node === i);
  return wanted ? undefined : only;
}
