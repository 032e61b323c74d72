import * as ops from '../../ops/index.js';
import { Optimizer, type ParameterGroup, type Parameters } from '../optimizer.js';
import { atLeast0, COMMON, type CommonOptions, checkBetas, checkOptions, type Rule } from './rule.js';

/** Options of {@link Adamax}, with PyTorch's defaults. */
export interface AdamaxOptions extends Partial<CommonOptions> {
  /** Decay of the average of the gradient and of the maximum of its absolute value; [0.9, 0.999] by default. */
  betas?: readonly [number, number];
  /** Added to the gradient's absolute value; 1e-8 by default. */
  eps?: number;
}

type Options = Required<AdamaxOptions>;
type Numbers = 'step' | 'gain' | 'keep' | 'keep2' | 'eps' | 'decay';

const RULE: Rule<Options, 'expAvg' | 'expInf', Numbers> = {
  name: 'Adamax',
  defaults: { ...COMMON, lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8 },
  check: ({ betas, eps }) => {
    checkBetas('Adamax', betas);
    atLeast0('Adamax', { eps });
  },
  slots: () => ({ expAvg: 0, expInf: 0 }),
  remembers: () => ['step'],
  numbers: ({ betas: [beta1, beta2], eps, weightDecay }, rate, before) => {
    const step = (before?.step ?? 0) + 1;
    return {
      numbers: {
        step: -rate / (1 - beta1 ** step),
        gain: 1 - beta1,
        keep: beta1,
        keep2: beta2,
        eps,
        decay: weightDecay,
      },
      memory: { step },
    };
  },
  update: ({ parameter, gradient, state, n, options }) => {
    const g = options.weightDecay === 0 ? gradient : ops.addScaled(gradient, parameter, n.decay);
    const expAvg = ops.addScaled(ops.mul(g, n.gain), state.expAvg, n.keep);
    const expInf = ops.maximum(ops.mul(state.expInf, n.keep2), ops.add(ops.abs(g), n.eps));
    return {
      state: { expAvg, expInf },
      parameter: ops.addScaled(parameter, ops.div(expAvg, expInf), n.step),
    };
  },
};

/**
 * Adamax (Kingma and Ba 2015, Algorithm 2) with PyTorch's rule: m ← β₁ m + (1 − β₁) g; u ← max(β₂ u, |g| + eps);
 * p ← p − lr / (1 − β₁ᵗ) · m / u.
 *
 * @throws UsageError if an option is not valid
 */
export class Adamax extends Optimizer<Options> {
  static readonly defaults: Omit<Options, 'lr'> = RULE.defaults;

  /** @throws UsageError for an option that is not valid */
  static check(options: Partial<Options>): void {
    checkOptions(RULE, options);
  }

  constructor(params: Parameters | Iterable<ParameterGroup<Options>>, options: AdamaxOptions = {}) {
    super(RULE, params, options);
  }
}
