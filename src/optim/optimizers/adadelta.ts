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

/** Options of {@link Adadelta}, with PyTorch's defaults. */
export interface AdadeltaOptions extends Partial<CommonOptions> {
  /** Decay of the average squares; 0.9 by default. */
  rho?: number;
  /** Added below both roots; 1e-6 by default. */
  eps?: number;
}

type Options = Required<AdadeltaOptions>;

const RULE: Rule<Options, 'squareAvg' | 'accDelta', 'step' | 'gain' | 'keep' | 'eps' | 'decay'> = {
  name: 'Adadelta',
  defaults: { ...COMMON, lr: 1, rho: 0.9, eps: 1e-6 },
  check: ({ rho, eps }) => {
    checkShares('Adadelta', { rho });
    atLeast0('Adadelta', { eps });
  },
  slots: () => ({ squareAvg: 0, accDelta: 0 }),
  remembers: () => [],
  numbers: ({ rho, eps, weightDecay }, rate) => ({
    numbers: { step: -rate, gain: 1 - rho, keep: rho, eps, decay: weightDecay },
    memory: STARTED,
  }),
  update: ({ parameter, gradient, state, n, options }) => {
    const g = options.weightDecay === 0 ? gradient : ops.addScaled(gradient, parameter, n.decay);
    const squareAvg = ops.addScaled(ops.mul(ops.mul(g, g), n.gain), state.squareAvg, n.keep);
    const ratio = ops.div(ops.sqrt(ops.add(state.accDelta, n.eps)), ops.sqrt(ops.add(squareAvg, n.eps)));
    const delta = ops.mul(ratio, g);
    const accDelta = ops.addScaled(ops.mul(ops.mul(delta, delta), n.gain), state.accDelta, n.keep);
    return { state: { squareAvg, accDelta }, parameter: ops.addScaled(parameter, delta, n.step) };
  },
};

/**
 * Adadelta (Zeiler 2012) with PyTorch's rule: v ← ρ v + (1 − ρ) g²; Δ = √(d + eps) / √(v + eps) · g;
 * d ← ρ d + (1 − ρ) Δ²; p ← p − lr · Δ.
 *
 * @throws UsageError if an option is not valid
 */
export class Adadelta extends Optimizer<Options> {
  static readonly defaults: Omit<Options, 'lr'> = RULE.defaults;

  /** @throws UsageError for an option that is not valid */
  static check(options: Partial<Options>): void {
    checkOptions(RULE, options);
  }

  constructor(params: Parameters | Iterable<ParameterGroup<Options>>, options: AdadeltaOptions = {}) {
    super(RULE, params, options);
  }
}
