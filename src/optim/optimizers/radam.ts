import { checkBooleans } from '../../errors/arguments.js';
import * as ops from '../../ops/index.js';
import { Optimizer, type ParameterGroup, type Parameters } from '../optimizer.js';
import { averageNumbers, averages, decayed } from './moments.js';
import { atLeast0, COMMON, type CommonOptions, checkBetas, checkOptions, type Rule } from './rule.js';

/** Options of {@link RAdam}, with PyTorch's defaults. */
export interface RAdamOptions extends Partial<CommonOptions> {
  /** Decay of the averages of the gradient and of its square; [0.9, 0.999] by default. */
  betas?: readonly [number, number];
  /** Added to the root of the average square; 1e-8 by default. */
  eps?: number;
  /** Weight decay as in AdamW instead of in the gradient. */
  decoupledWeightDecay?: boolean;
}

type Options = Required<RAdamOptions>;
type Numbers = 'step' | 'gain' | 'gain2' | 'keep' | 'keep2' | 'eps' | 'decay' | 'plain' | 'rectified';

/** Steps whose average square has a variance, which can be rectified. */
const LEAST_LENGTH = 5;

const RULE: Rule<Options, 'expAvg' | 'expAvgSq', Numbers> = {
  name: 'RAdam',
  defaults: { ...COMMON, lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, decoupledWeightDecay: false },
  check: ({ betas, eps, decoupledWeightDecay }) => {
    checkBetas('RAdam', betas);
    atLeast0('RAdam', { eps });
    checkBooleans('RAdam', { decoupledWeightDecay });
  },
  slots: () => ({ expAvg: 0, expAvgSq: 0 }),
  remembers: () => ['step'],
  numbers: ({ betas, eps, weightDecay, decoupledWeightDecay }, rate, before) => {
    const step = (before?.step ?? 0) + 1;
    const [beta1, beta2] = betas;
    const [left1, left2] = [1 - beta1 ** step, 1 - beta2 ** step];
    const longest = 2 / (1 - beta2) - 1;
    const length = longest - (2 * step * beta2 ** step) / left2;
    const rectifies = length > LEAST_LENGTH;
    const factor = Math.sqrt(
      ((length - 4) * (length - 2) * longest) / ((longest - 4) * (longest - 2) * length),
    );
    return {
      numbers: {
        ...averageNumbers(betas),
        step: (-rate / left1) * (rectifies ? factor * Math.sqrt(left2) : 1),
        eps,
        decay: decoupledWeightDecay ? -rate * weightDecay : weightDecay,
        // The divisor is the root or 1, by numbers instead of by the graph, so that all steps are the same plan.
        plain: rectifies ? 0 : 1,
        rectified: rectifies ? 1 : 0,
      },
      memory: { step },
    };
  },
  update: ({ parameter, gradient, state, n, options }) => {
    const { g, p } = decayed(parameter, gradient, options, n.decay);
    const { expAvg, expAvgSq } = averages(g, state, n);
    const root = ops.add(ops.sqrt(expAvgSq), n.eps);
    const divisor = ops.add(ops.mul(root, n.rectified), n.plain);
    return {
      state: { expAvg, expAvgSq },
      parameter: ops.addScaled(p, ops.div(expAvg, divisor), n.step),
    };
  },
};

/**
 * Rectified Adam (Liu et al. 2020) with PyTorch's rule. With ρ∞ = 2 / (1 − β₂) − 1 and ρₜ = ρ∞ − 2t β₂ᵗ / (1 − β₂ᵗ):
 * p ← p − lr · m̂ · r · √(1 − β₂ᵗ) / (√v + eps), r² = (ρₜ − 4)(ρₜ − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρₜ), if ρₜ > 5;
 * p ← p − lr · m̂ in the first steps, for which ρₜ is smaller.
 *
 * @throws UsageError if an option is not valid
 */
export class RAdam extends Optimizer<Options> {
  static readonly defaults: Omit<Options, 'lr'> = RULE.defaults;

  /** @throws UsageError for an option that is not valid */
  static check(options: Partial<Options>): void {
    checkOptions(RULE, options);
  }

  constructor(params: Parameters | Iterable<ParameterGroup<Options>>, options: RAdamOptions = {}) {
    super(RULE, params, options);
  }
}
