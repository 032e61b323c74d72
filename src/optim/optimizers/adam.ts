import { checkBooleans } from '../../errors/arguments.js';
import * as ops from '../../ops/index.js';
import { Optimizer, type ParameterGroup, type Parameters } from '../optimizer.js';
import { averageNumbers, averages } from './moments.js';
import { atLeast0, COMMON, type CommonOptions, checkBetas, checkOptions, type Rule } from './rule.js';

/** Options of {@link AdamW}, with PyTorch's defaults. */
export interface AdamWOptions extends Partial<CommonOptions> {
  /** Decay of the averages of the gradient and of its square; [0.9, 0.999] by default. */
  betas?: readonly [number, number];
  /** Added to the root of the average square; 1e-8 by default. */
  eps?: number;
  /** Divides by the largest average square so far (Reddi et al. 2018). */
  amsgrad?: boolean;
}

/** Options of {@link Adam}, with PyTorch's defaults. */
export interface AdamOptions extends AdamWOptions {
  /** Weight decay as in {@link AdamW} instead of in the gradient. */
  decoupledWeightDecay?: boolean;
}

type Options = Required<AdamOptions>;
type OptionsW = Required<AdamWOptions>;
type Slots = 'expAvg' | 'expAvgSq' | 'maxExpAvgSq';
type Numbers = 'step' | 'gain' | 'gain2' | 'keep' | 'keep2' | 'correction' | 'eps' | 'decay';

const DEFAULTS = { ...COMMON, lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, amsgrad: false } as const;

/**
 * The two differ in weight decay: Adam adds it to the gradient, AdamW shrinks the weights directly (decoupled).
 *
 * @param decoupled whether a group's options ask for the latter
 */
const rule = <O extends OptionsW>(
  name: string,
  defaults: Omit<O, 'lr'> & { readonly lr: number },
  decoupled: (options: O) => boolean,
): Rule<O, Slots, Numbers> => ({
  name,
  defaults,
  check: (options) => {
    const { betas, eps, amsgrad } = options;
    checkBetas(name, betas);
    atLeast0(name, { eps });
    checkBooleans(name, { amsgrad, decoupledWeightDecay: decoupled(options) });
  },
  slots: ({ amsgrad }) => ({ expAvg: 0, expAvgSq: 0, ...(amsgrad ? { maxExpAvgSq: 0 } : {}) }),
  remembers: () => ['step'],
  numbers: (options, rate, before) => {
    const { betas, eps, weightDecay: decay } = options;
    const step = (before?.step ?? 0) + 1;
    const [beta1, beta2] = betas;
    return {
      numbers: {
        ...averageNumbers(betas),
        step: -rate / (1 - beta1 ** step),
        correction: 1 / Math.sqrt(1 - beta2 ** step),
        eps,
        decay: decoupled(options) ? -rate * decay : decay,
      },
      memory: { step },
    };
  },
  update: ({ parameter, gradient, state, n, options }) => {
    const decays = options.weightDecay !== 0;
    const g = decays && !decoupled(options) ? ops.addScaled(gradient, parameter, n.decay) : gradient;
    const p = decays && decoupled(options) ? ops.addScaled(parameter, parameter, n.decay) : parameter;
    const { expAvg, expAvgSq } = averages(g, state, n);
    const maxExpAvgSq = options.amsgrad ? ops.maximum(state.maxExpAvgSq, expAvgSq) : undefined;
    const root = ops.mul(ops.sqrt(maxExpAvgSq ?? expAvgSq), n.correction);
    return {
      state: { expAvg, expAvgSq, ...(maxExpAvgSq ? { maxExpAvgSq } : {}) },
      parameter: ops.addScaled(p, ops.div(expAvg, ops.add(root, n.eps)), n.step),
    };
  },
});

const ADAM = rule<Options>(
  'Adam',
  { ...DEFAULTS, decoupledWeightDecay: false },
  ({ decoupledWeightDecay }) => decoupledWeightDecay,
);
const ADAMW = rule<OptionsW>('AdamW', { ...DEFAULTS, weightDecay: 0.01 }, () => true);

/**
 * Adam (Kingma and Ba 2015, Algorithm 1) with PyTorch's rule: g ← g + weightDecay · p; m ← β₁ m + (1 − β₁) g;
 * v ← β₂ v + (1 − β₂) g²; p ← p − lr · m̂ / (√v̂ + eps), where m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ) after t steps of
 * the parameter.
 *
 * @throws UsageError if an option is not valid
 * @example
 * const optimizer = new Adam(model.parameters(), { lr: 1e-3 });
 */
export class Adam extends Optimizer<Options> {
  static readonly defaults: Omit<Options, 'lr'> = ADAM.defaults;

  /** @throws UsageError for an option that is not valid */
  static check(options: Partial<Options>): void {
    checkOptions(ADAM, options);
  }

  constructor(params: Parameters | Iterable<ParameterGroup<Options>>, options: AdamOptions = {}) {
    super(ADAM, params, options);
  }
}

/** {@link Adam} with decoupled weight decay, p ← p − lr · weightDecay · p (Loshchilov and Hutter 2019); 0.01 by default. */
export class AdamW extends Optimizer<OptionsW> {
  static readonly defaults: Omit<OptionsW, 'lr'> = ADAMW.defaults;

  /** @throws UsageError for an option that is not valid */
  static check(options: Partial<OptionsW>): void {
    checkOptions(ADAMW, options);
  }

  constructor(params: Parameters | Iterable<ParameterGroup<OptionsW>>, options: AdamWOptions = {}) {
    super(ADAMW, params, options);
  }
}
