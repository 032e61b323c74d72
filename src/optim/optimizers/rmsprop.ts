import { checkBooleans } from '../../errors/arguments.js';
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

/** Options of {@link RMSprop}, with PyTorch's defaults. */
export interface RMSpropOptions extends Partial<CommonOptions> {
  /** Decay of the average square of the gradient; 0.99 by default. */
  alpha?: number;
  /** Added to the root of the average square; 1e-8 by default. */
  eps?: number;
  /** In [0, 1); 0 by default. */
  momentum?: number;
  /** Divides by the standard deviation of the gradient instead of by its root mean square. */
  centered?: boolean;
}

type Options = Required<RMSpropOptions>;
type Slots = 'squareAvg' | 'gradAvg' | 'momentum';
type Numbers = 'step' | 'gain' | 'keep' | 'eps' | 'momentum' | 'decay';

const RULE: Rule<Options, Slots, Numbers> = {
  name: 'RMSprop',
  defaults: { ...COMMON, lr: 1e-2, alpha: 0.99, eps: 1e-8, momentum: 0, centered: false },
  check: ({ alpha, eps, momentum, centered }) => {
    checkShares('RMSprop', { alpha, momentum });
    atLeast0('RMSprop', { eps });
    checkBooleans('RMSprop', { centered });
  },
  slots: ({ centered, momentum }) => ({
    squareAvg: 0,
    ...(centered ? { gradAvg: 0 } : {}),
    ...(momentum === 0 ? {} : { momentum: 0 }),
  }),
  remembers: () => [],
  numbers: ({ alpha, eps, momentum, weightDecay }, rate) => ({
    numbers: { step: -rate, gain: 1 - alpha, keep: alpha, eps, momentum, decay: weightDecay },
    memory: STARTED,
  }),
  update: ({ parameter, gradient, state, n, options }) => {
    const { weightDecay, centered, momentum } = options;
    const g = weightDecay === 0 ? gradient : ops.addScaled(gradient, parameter, n.decay);
    const squareAvg = ops.addScaled(ops.mul(ops.mul(g, g), n.gain), state.squareAvg, n.keep);
    const gradAvg = centered ? ops.addScaled(ops.mul(g, n.gain), state.gradAvg, n.keep) : undefined;
    const variance = gradAvg ? ops.sub(squareAvg, ops.mul(gradAvg, gradAvg)) : squareAvg;
    const scaled = ops.div(g, ops.add(ops.sqrt(variance), n.eps));
    const next = momentum === 0 ? undefined : ops.addScaled(scaled, state.momentum, n.momentum);
    return {
      state: { squareAvg, ...(gradAvg ? { gradAvg } : {}), ...(next ? { momentum: next } : {}) },
      parameter: ops.addScaled(parameter, next ?? scaled, n.step),
    };
  },
};

/**
 * RMSprop (Tieleman and Hinton 2012, lecture 6.5; centred: Graves 2013) with PyTorch's rule: v ← α v + (1 − α) g²;
 * b ← momentum · b + g / (√v + eps); p ← p − lr · b. Note that eps is outside of the root.
 *
 * @throws UsageError if an option is not valid
 */
export class RMSprop extends Optimizer<Options> {
  static readonly defaults: Omit<Options, 'lr'> = RULE.defaults;

  /** @throws UsageError for an option that is not valid */
  static check(options: Partial<Options>): void {
    checkOptions(RULE, options);
  }

  constructor(params: Parameters | Iterable<ParameterGroup<Options>>, options: RMSpropOptions = {}) {
    super(RULE, params, options);
  }
}
