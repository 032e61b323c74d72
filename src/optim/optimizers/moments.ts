import type { Node } from '../../graph/node.js';
import * as ops from '../../ops/index.js';

/** The averages of the gradient and of its square after a step: m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g². */
export function averages<S extends { readonly expAvg: Node; readonly expAvgSq: Node }>(
  g: Node,
  { expAvg, expAvgSq }: S,
  n: { readonly gain: Node; readonly keep: Node; readonly gain2: Node; readonly keep2: Node },
): { expAvg: Node; expAvgSq: Node } {
  return {
    expAvg: ops.addScaled(ops.mul(g, n.gain), expAvg, n.keep),
    expAvgSq: ops.addScaled(ops.mul(ops.mul(g, g), n.gain2), expAvgSq, n.keep2),
  };
}

/** The numbers of {@link averages}. */
export const averageNumbers = ([beta1, beta2]: readonly [number, number]) => ({
  gain: 1 - beta1,
  keep: beta1,
  gain2: 1 - beta2,
  keep2: beta2,
});

/**
 * Weight decay, of the gradient or, if it is decoupled, of the parameter itself.
 * @param decay number that multiplies the parameter
 */
export function decayed(
  parameter: Node,
  gradient: Node,
  options: { readonly weightDecay: number; readonly decoupledWeightDecay: boolean },
  decay: Node,
): { g: Node; p: Node } {
  if (options.weightDecay === 0) return { g: gradient, p: parameter };
  return options.decoupledWeightDecay
    ? { g: gradient, p: ops.addScaled(parameter, parameter, decay) }
    : { g: ops.addScaled(gradient, parameter, decay), p: parameter };
}
