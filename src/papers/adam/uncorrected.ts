import { ops, optim } from 'paperweight/core';

interface Options extends optim.CommonOptions {
  betas: readonly [number, number];
  eps: number;
}

/** Adam without the division by 1 − βᵗ: its averages begin at 0 and are too small at first (section 6.4). */
const RULE: optim.Rule<
  Options,
  'average' | 'square',
  'step' | 'keep' | 'gain' | 'keep2' | 'gain2' | 'eps' | 'decay'
> = {
  name: 'UncorrectedAdam',
  defaults: {
    lr: 1e-3,
    weightDecay: 0,
    maximize: false,
    lrScale: 1,
    betas: [0.9, 0.999],
    eps: 1e-8,
  },
  // Its options have been checked by the corrected rule, or come from it.
  check: () => undefined,
  slots: () => ({ average: 0, square: 0 }),
  remembers: () => [],
  numbers: ({ betas: [beta1, beta2], eps, weightDecay }, rate) => ({
    numbers: {
      step: -rate,
      keep: beta1,
      gain: 1 - beta1,
      keep2: beta2,
      gain2: 1 - beta2,
      eps,
      decay: weightDecay,
    },
    memory: {},
  }),
  update({ parameter, gradient, state, n, options }) {
    const g = options.weightDecay === 0 ? gradient : ops.addScaled(gradient, parameter, n.decay);
    const average = ops.add(ops.mul(state.average, n.keep), ops.mul(g, n.gain));
    const square = ops.add(ops.mul(state.square, n.keep2), ops.mul(ops.mul(g, g), n.gain2));
    const direction = ops.div(average, ops.add(ops.sqrt(square), n.eps));
    return { state: { average, square }, parameter: ops.addScaled(parameter, direction, n.step) };
  },
};

/** Adam without its correction of the bias: RMSProp with momentum. */
export class UncorrectedAdam extends optim.Optimizer<Options> {
  constructor(params: optim.Parameters, options: Partial<Options> = {}) {
    // Refuses wrong options in the words of the library's own rule.
    new optim.Adam(params, options);
    super(RULE, params, options);
  }
}
