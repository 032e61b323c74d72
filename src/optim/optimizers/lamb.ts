import * as ops from '../../ops/index.js';
import { Optimizer, type ParameterGroup, type Parameters } from '../optimizer.js';
import { averageNumbers, averages } from './moments.js';
import { atLeast0, COMMON, type CommonOptions, checkBetas, checkOptions, type Rule } from './rule.js';
import { normOf, trustRatio } from './trust.js';

/** Options of {@link LAMB}. */
export interface LAMBOptions extends Partial<CommonOptions> {
  /** Decay of the averages of the gradient and of its square; [0.9, 0.999] by default. */
  betas?: readonly [number, number];
  /** Added to the root of the average square; 1e-6 by default. */
  eps?: number;
}

type Options = Required<LAMBOptions>;
type Numbers =
  | 'step'
  | 'one'
  | 'gain'
  | 'gain2'
  | 'keep'
  | 'keep2'
  | 'correction'
  | 'correction2'
  | 'eps'
  | 'decay';

const RULE: Rule<Options, 'expAvg' | 'expAvgSq', Numbers> = {
  name: 'LAMB',
  defaults: { ...COMMON, lr: 1e-3, betas: [0.9, 0.999], eps: 1e-6 },
  check: ({ betas, eps }) => {
    checkBetas('LAMB', betas);
    atLeast0('LAMB', { eps });
  },
  slots: () => ({ expAvg: 0, expAvgSq: 0 }),
  remembers: () => ['step'],
  numbers: ({ betas, eps, weightDecay }, rate, before) => {
    const step = (before?.step ?? 0) + 1;
    const [beta1, beta2] = betas;
    return {
      numbers: {
        ...averageNumbers(betas),
        step: -rate,
        one: 1,
        correction: 1 / (1 - beta1 ** step),
        correction2: 1 / Math.sqrt(1 - beta2 ** step),
        eps,
        decay: weightDecay,
      },
      memory: { step },
    };
  },
  update: ({ parameter, gradient, state, n, options }) => {
    const { expAvg, expAvgSq } = averages(gradient, state, n);
    const root = ops.add(ops.mul(ops.sqrt(expAvgSq), n.correction2), n.eps);
    const ratio = ops.div(ops.mul(expAvg, n.correction), root);
    const direction = options.weightDecay === 0 ? ratio : ops.addScaled(ratio, parameter, n.decay);
    const [size, length] = [normOf(parameter), normOf(direction)];
    const trust = trustRatio(size, length, ops.div(size, length), n.one);
    return {
      state: { expAvg, expAvgSq },
      parameter: ops.addScaled(parameter, ops.mul(direction, trust), n.step),
    };
  },
};

/**
 * Adam whose step is scaled to the norm of each parameter (You et al. 2020, Algorithm 2), for large batches:
 * r = m̂ / (√v̂ + eps) + weightDecay · p; p ← p − lr · ‖p‖ / ‖r‖ · r, with the factor 1 if one of the norms is 0.
 *
 * @throws UsageError if an option is not valid
 */
export class LAMB extends Optimizer<Options> {
  static readonly defaults: Omit<Options, 'lr'> = RULE.defaults;

  /** @throws UsageError for an option that is not valid */
  static check(options: Partial<Options>): void {
    checkOptions(RULE, options);
  }

  constructor(params: Parameters | Iterable<ParameterGroup<Options>>, options: LAMBOptions = {}) {
    super(RULE, params, options);
  }
}
