import { readerOf } from '../plan/users.js';
import { activationOf, isPostOp, slopeOf } from './activations.js';
import { Alg, type Md, type PostOp } from './api/dnnl.js';
import type { OneDnnBuilder } from './builder.js';
import { same } from './forms.js';
import type { Form } from './ir.js';

/**
 * Fuses an activation into a node's primitive if the activation is the only reader of the node's result. The caller
 * passes the primitive's output to `define`, which makes it the value of both nodes. `rectifier` is the node of a fused
 * ReLU, for `correctRectified`.
 */
export function fuseActivation(
  b: OneDnnBuilder,
  i: number,
): { postOps: PostOp[]; define: (out: Form) => void; rectifier: number | undefined } {
  const fused = fusableActivation(b, i);
  if (fused === undefined) return { postOps: [], define: (out) => b.define(i, out), rectifier: undefined };
  const { op, attrs } = b.node(fused);
  return {
    postOps: [{ kind: 'eltwise', alg: activationOf(op).alg, alpha: slopeOf(attrs), beta: 0 }],
    define: (out) => {
      b.define(i, out);
      b.define(fused, out);
      b.done.add(fused);
    },
    rectifier: op === 'relu' ? fused : undefined,
  };
}

/** The activation that is the only reader of a node's result; undefined if there is none. */
function fusableActivation(b: OneDnnBuilder, i: number): number | undefined {
  const [only, ...others] = b.users[i]!;
  if (only === undefined || others.length > 0 || !isPostOp(b.graph, only)) return undefined;
  return b.wanted.has(i) ? undefined : only;
}

/** A sum that a primitive computes as a post-op: its node, and the post-op with what it adds. */
export interface FusedSum {
  readonly node: number;
  readonly postOp: PostOp;
  /** The node of the other addend. */
  readonly addend: number;
}

/**
 * The sum with a value that is known already, such as a residual connection, if it is the only reader of a node's result.
 * The caller makes the primitive's output the value of the sum.
 *
 * @param md layout of the result, of the node's shape
 */
export function fusableSum(b: OneDnnBuilder, i: number, md: Md): FusedSum | undefined {
  const node = readerOf(b, i);
  if (node === undefined || b.node(node).op !== 'add' || b.clusters.get(node)?.nodes.length !== 1)
    return undefined;
  const { inputs, shape } = b.node(node);
  const others = inputs.filter((input) => b.sourceOf(input) !== b.sourceOf(i));
  const [other] = others;
  if (other === undefined || others.length > 1 || !b.values[other] || !same(b.node(other).shape, shape))
    return undefined;
  return { node, postOp: { kind: 'binary', alg: Alg.add, md }, addend: other };
}
