import { checkBooleans } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import * as ops from '../../ops/index.js';
import { Optimizer, type ParameterGroup, type Parameters } from '../optimizer.js';
import {
  atLeast0,
  COMMON,
  type CommonOptions,
  checkOptions,
  checkShares,
  type Rule,
  STARTED,
} from './rule.js';
import { normOf, trustRatio } from './trust.js';

/** Options of {@link LARS}. */
export interface LARSOptions extends Partial<CommonOptions> {
  /** Learning rate. */
  lr: number;
  /** In [0, 1); 0.9 by default. */
  momentum?: number;
  nesterov?: boolean;
  /** η: how far a step may move a layer, relative to its norm; 0.001 by default. */
  trustCoefficient?: number;
  /** Added to the gradient's norm; 1e-8 by default. */
  eps?: number;
}

type Options = Required<LARSOptions>;
type Numbers = 'step' | 'one' | 'momentum' | 'decay' | 'trust' | 'eps';

const RULE: Rule<Options, 'momentum', Numbers> = {
  name: 'LARS',
  defaults: { ...COMMON, momentum: 0.9, nesterov: false, trustCoefficient: 1e-3, eps: 1e-8 },
  check: ({ momentum, nesterov, trustCoefficient, eps }) => {
    checkShares('LARS', { momentum });
    checkBooleans('LARS', { nesterov });
    atLeast0('LARS', { trustCoefficient, eps });
    if (nesterov && momentum === 0)
      throw new UsageError({
        what: 'LARS got a bad combination with nesterov',
        expected: 'a momentum above 0',
        got: 'momentum 0',
      });
  },
  slots: ({ momentum }) => (momentum === 0 ? {} : { momentum: 0 }),
  remembers: () => [],
  numbers: ({ momentum, weightDecay, trustCoefficient, eps }, rate) => ({
    numbers: { step: -rate, one: 1, momentum, decay: weightDecay, trust: trustCoefficient, eps },
    memory: STARTED,
  }),
  update: ({ parameter, gradient, state, n, options }) => {
    const { weightDecay, momentum, nesterov } = options;
    const [size, slope] = [normOf(parameter), normOf(gradient)];
    const total = ops.add(ops.add(slope, ops.mul(size, n.decay)), n.eps);
    const trust = trustRatio(size, slope, ops.div(ops.mul(size, n.trust), total), n.one);
    const decayed = weightDecay === 0 ? gradient : ops.addScaled(gradient, parameter, n.decay);
    const g = ops.mul(decayed, trust);
    if (momentum === 0) return { parameter: ops.addScaled(parameter, g, n.step) };
    const next = ops.addScaled(g, state.momentum, n.momentum);
    const direction = nesterov ? ops.addScaled(g, next, n.momentum) : next;
    return { state: { momentum: next }, parameter: ops.addScaled(parameter, direction, n.step) };
  },
};

/**
 * SGD whose rate is adapted for each parameter (You, Gitman and Ginsburg 2017, Algorithm 1), for large batches:
 * λ = η ‖p‖ / (‖g‖ + weightDecay · ‖p‖ + eps), or 1 if one of the norms is 0; b ← momentum · b + λ (g + weightDecay · p);
 * p ← p − lr · b. Biases and scales of normalisation layers are usually trained by plain SGD instead.
 *
 * @throws UsageError if an option is not valid
 */
export class LARS extends Optimizer<Options> {
  static readonly defaults: Omit<Options, 'lr'> = RULE.defaults;

  /** @throws UsageError for an option that is not valid */
  static check(options: Partial<Options>): void {
    checkOptions(RULE, options);
  }

  constructor(params: Parameters | Iterable<ParameterGroup<Options>>, options: LARSOptions) {
    super(RULE, params, options);
  }
}
