import { checkBooleans } from '../../errors/arguments.js';
import * as ops from '../../ops/index.js';
import { Optimizer, type ParameterGroup, type Parameters } from '../optimizer.js';
import { averageNumbers, averages, decayed } from './moments.js';
import { atLeast0, COMMON, type CommonOptions, checkBetas, checkOptions, type Rule } from './rule.js';

/** Options of {@link NAdam}, with PyTorch's defaults. */
export interface NAdamOptions extends Partial<CommonOptions> {
  /** Decay of the averages of the gradient and of its square; [0.9, 0.999] by default. */
  betas?: readonly [number, number];
  /** Added to the root of the average square; 1e-8 by default. */
  eps?: number;
  /** ψ of the schedule of the momentum; 0.004 by default. */
  momentumDecay?: number;
  /** Weight decay as in AdamW instead of in the gradient. */
  decoupledWeightDecay?: boolean;
}

type Options = Required<NAdamOptions>;
type Numbers =
  | 'step'
  | 'gain'
  | 'gain2'
  | 'keep'
  | 'keep2'
  | 'correction'
  | 'eps'
  | 'decay'
  | 'now'
  | 'ahead';

const RULE: Rule<Options, 'expAvg' | 'expAvgSq', Numbers> = {
  name: 'NAdam',
  defaults: {
    ...COMMON,
    lr: 2e-3,
    betas: [0.9, 0.999],
    eps: 1e-8,
    momentumDecay: 4e-3,
    decoupledWeightDecay: false,
  },
  check: ({ betas, eps, momentumDecay, decoupledWeightDecay }) => {
    checkBetas('NAdam', betas);
    atLeast0('NAdam', { eps, momentumDecay });
    checkBooleans('NAdam', { decoupledWeightDecay });
  },
  slots: () => ({ expAvg: 0, expAvgSq: 0 }),
  remembers: () => ['step', 'muProduct'],
  numbers: ({ betas, eps, weightDecay, momentumDecay, decoupledWeightDecay }, rate, before) => {
    const step = (before?.step ?? 0) + 1;
    const [beta1, beta2] = betas;
    const mu = (t: number) => beta1 * (1 - 0.5 * 0.96 ** (t * momentumDecay));
    const [current, next] = [mu(step), mu(step + 1)];
    const muProduct = (before?.muProduct ?? 1) * current;
    return {
      numbers: {
        ...averageNumbers(betas),
        step: -rate,
        correction: 1 / (1 - beta2 ** step),
        eps,
        decay: decoupledWeightDecay ? -rate * weightDecay : weightDecay,
        now: (1 - current) / (1 - muProduct),
        ahead: next / (1 - muProduct * next),
      },
      memory: { step, muProduct },
    };
  },
  update: ({ parameter, gradient, state, n, options }) => {
    const { g, p } = decayed(parameter, gradient, options, n.decay);
    const { expAvg, expAvgSq } = averages(g, state, n);
    const root = ops.sqrt(ops.mul(expAvgSq, n.correction));
    const ahead = ops.add(ops.mul(g, n.now), ops.mul(expAvg, n.ahead));
    return {
      state: { expAvg, expAvgSq },
      parameter: ops.addScaled(p, ops.div(ahead, ops.add(root, n.eps)), n.step),
    };
  },
};

/**
 * Adam with Nesterov's momentum (Dozat 2016) by PyTorch's rule. With μₜ = β₁ (1 − 0.96^(t · momentumDecay) / 2):
 * p ← p − lr · ((1 − μₜ) / (1 − ∏μ) · g + μₜ₊₁ / (1 − μₜ₊₁ ∏μ) · m) / (√(v / (1 − β₂ᵗ)) + eps).
 *
 * @throws UsageError if an option is not valid
 */
export class NAdam extends Optimizer<Options> {
  static readonly defaults: Omit<Options, 'lr'> = RULE.defaults;

  /** @throws UsageError for an option that is not valid */
  static check(options: Partial<Options>): void {
    checkOptions(RULE, options);
  }

  constructor(params: Parameters | Iterable<ParameterGroup<Options>>, options: NAdamOptions = {}) {
    super(RULE, params, options);
  }
}
