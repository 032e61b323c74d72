import * as ops from '../../ops/index.js';
import { Optimizer, type ParameterGroup, type Parameters } from '../optimizer.js';
import { atLeast0, COMMON, type CommonOptions, checkOptions, type Rule } from './rule.js';

/** Options of {@link Adagrad}, with PyTorch's defaults. */
export interface AdagradOptions extends Partial<CommonOptions> {
  /** The rate of step t is lr / (1 + (t − 1) · lrDecay); 0 by default. */
  lrDecay?: number;
  /** Initial value of the sums of squares; 0 by default. */
  initialAccumulatorValue?: number;
  /** Added to the root of the sum; 1e-10 by default. */
  eps?: number;
}

type Options = Required<AdagradOptions>;

const RULE: Rule<Options, 'sum', 'step' | 'one' | 'eps' | 'decay'> = {
  name: 'Adagrad',
  defaults: { ...COMMON, lr: 1e-2, lrDecay: 0, initialAccumulatorValue: 0, eps: 1e-10 },
  check: ({ lrDecay, initialAccumulatorValue, eps }) =>
    atLeast0('Adagrad', { lrDecay, initialAccumulatorValue, eps }),
  slots: ({ initialAccumulatorValue }) => ({ sum: initialAccumulatorValue }),
  remembers: () => ['step'],
  numbers: ({ lrDecay, eps, weightDecay }, rate, before) => {
    const step = (before?.step ?? 0) + 1;
    return {
      numbers: { step: -rate / (1 + (step - 1) * lrDecay), one: 1, eps, decay: weightDecay },
      memory: { step },
    };
  },
  update: ({ parameter, gradient, state, n, options }) => {
    const g = options.weightDecay === 0 ? gradient : ops.addScaled(gradient, parameter, n.decay);
    const sum = ops.addScaled(ops.mul(g, g), state.sum, n.one);
    const direction = ops.div(g, ops.add(ops.sqrt(sum), n.eps));
    return { state: { sum }, parameter: ops.addScaled(parameter, direction, n.step) };
  },
};

/**
 * AdaGrad (Duchi et al. 2011) with PyTorch's rule: s ← s + g²; p ← p − lr · g / (√s + eps).
 *
 * @throws UsageError if an option is not valid
 */
export class Adagrad extends Optimizer<Options> {
  static readonly defaults: Omit<Options, 'lr'> = RULE.defaults;

  /** @throws UsageError for an option that is not valid */
  static check(options: Partial<Options>): void {
    checkOptions(RULE, options);
  }

  constructor(params: Parameters | Iterable<ParameterGroup<Options>>, options: AdagradOptions = {}) {
    super(RULE, params, options);
  }
}
