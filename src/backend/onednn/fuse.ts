import type { GraphNode } from '../../graph/graph.js';
import type { Builder } from './builder.js';
import { Alg, type PostOp } from './dnnl.js';

const ACTIVATION: Readonly<Record<string, { alg: number; fromDst: number }>> = {
  relu: { alg: Alg.relu, fromDst: Alg.reluFromDst },
  leakyRelu: { alg: Alg.relu, fromDst: Alg.reluFromDst },
  tanh: { alg: Alg.tanh, fromDst: Alg.tanhFromDst },
  sigmoid: { alg: Alg.logistic, fromDst: Alg.logisticFromDst },
};

/** oneDNN's algorithm for an activation, and the one that differentiates it from its result. */
export const activationOf = (op: string) => ACTIVATION[op.replace(/Grad$/, '')]!;

export const activationPostOp = (node: GraphNode): PostOp => ({
  kind: 'eltwise',
  alg: activationOf(node.op).alg,
  alpha: node.attrs.alpha as number,
  beta: 0,
});

/** The activation that alone reads a node's result, which the node's primitive may then apply itself. */
export function fusableActivation(b: Builder, i: number): number | undefined {
  const [only, ...others] = b.users[i]!;
  if (only === undefined || others.length > 0 || !(b.node(only).op in ACTIVATION)) return undefined;
  const wanted = b.graph.outputs.includes(i) || b.graph.updates.some((u) => u.node === i);
  return wanted ? undefined : only;
}
