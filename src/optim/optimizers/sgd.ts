import { checkBooleans, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import * as ops from '../../ops/index.js';
import { Optimizer, type ParameterGroup, type Parameters } from '../optimizer.js';
import type { OptimizerState } from '../state.js';
import { COMMON, type CommonOptions, checkOptions, checkShares, type Rule, STARTED } from './rule.js';

/** Options of {@link SGD}, with PyTorch's defaults. */
export interface SGDOptions extends Partial<CommonOptions> {
  /** Learning rate; 1e-3 by default. */
  lr?: number;
  /** In [0, 1). */
  momentum?: number;
  /** In [0, 1): the momentum buffer adds (1 − dampening) · gradient. */
  dampening?: number;
  nesterov?: boolean;
  /**
   * The rule of Krizhevsky et al. 2012 (section 5): v ← momentum · v − lr · (weightDecay · p + g); p ← p + v. The velocity
   * includes the rate, so a lower rate affects new gradients only, not those already in the velocity.
   */
  rateInVelocity?: boolean;
}

type Options = Required<SGDOptions>;
/** @deprecated Use `OptimizerState`. */
export type SGDState = OptimizerState<Options>;
type Numbers = 'step' | 'undamped' | 'weightDecay' | 'carried';

const RULE: Rule<Options, 'momentum', Numbers> = {
  name: 'SGD',
  defaults: { ...COMMON, lr: 1e-3, momentum: 0, dampening: 0, nesterov: false, rateInVelocity: false },
  check: ({ lr, momentum, dampening, nesterov, rateInVelocity }) => {
    checkShares('SGD', { momentum, dampening });
    checkBooleans('SGD', { nesterov, rateInVelocity });
    const demand = (fits: boolean, name: string, expected: string, got: string): void => {
      if (!fits) throw new UsageError({ what: `SGD got a bad combination with ${name}`, expected, got });
    };
    demand(
      !nesterov || (momentum > 0 && dampening === 0),
      'nesterov',
      'a momentum above 0 and no dampening',
      `momentum ${momentum}, dampening ${dampening}`,
    );
    demand(
      !rateInVelocity || (lr > 0 && dampening === 0 && !nesterov),
      'rateInVelocity',
      'lr above 0, no dampening and no nesterov',
      `lr ${lr}, dampening ${dampening}, nesterov ${shown(nesterov)}`,
    );
  },
  slots: ({ momentum }) => (momentum === 0 ? {} : { momentum: 0 }),
  // The velocity is the momentum times the rate of the last step.
  remembers: ({ rateInVelocity }) => (rateInVelocity ? ['rate'] : []),
  numbers: ({ momentum, dampening, weightDecay, rateInVelocity }, rate, before) => ({
    numbers: {
      step: -rate,
      undamped: 1 - dampening,
      weightDecay,
      carried: momentum * (rateInVelocity && before ? before.rate! / rate : 1),
    },
    memory: rateInVelocity ? { rate } : STARTED,
  }),
  update: ({ parameter, gradient, state, n, options, first }) => {
    const { momentum, dampening, weightDecay, nesterov } = options;
    const g = weightDecay === 0 ? gradient : ops.addScaled(gradient, parameter, n.weightDecay);
    if (momentum === 0) return { parameter: ops.addScaled(parameter, g, n.step) };
    // With zero momentum the general rule is also correct for the first step, except for dampening.
    let next = g;
    if (dampening === 0) next = ops.addScaled(g, state.momentum, n.carried);
    else if (!first) next = ops.addScaled(ops.mul(g, n.undamped), state.momentum, n.carried);
    const direction = nesterov ? ops.addScaled(g, next, n.carried) : next;
    return { state: { momentum: next }, parameter: ops.addScaled(parameter, direction, n.step) };
  },
};

/**
 * Stochastic gradient descent with PyTorch's rule: g ← g + weightDecay · p; b ← momentum · b + (1 − dampening) · g
 * (b ← g in the first step); p ← p − lr · b, or p ← p − lr · (g + momentum · b) with Nesterov. The momentum does not
 * include the rate, unlike in Krizhevsky et al. 2012 (section 5); the rules differ when the rate changes, and
 * `rateInVelocity` selects the latter. It uses the same buffer b = −v / (last rate), with the factor
 * momentum · (last rate) / lr instead of momentum.
 *
 * @throws UsageError if an option is not valid
 * @example
 * const optimizer = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
 * optimizer.zeroGrad();
 * loss.backward();
 * optimizer.step();
 * console.log(await loss.item());
 */
export class SGD extends Optimizer<Options> {
  static readonly defaults: Omit<Options, 'lr'> = RULE.defaults;

  /** @throws UsageError for an option that is not valid */
  static check(options: Partial<Options>): void {
    checkOptions(RULE, options);
  }

  constructor(params: Parameters | Iterable<ParameterGroup<Options>>, options: SGDOptions = {}) {
    super(RULE, params, options);
  }
}
