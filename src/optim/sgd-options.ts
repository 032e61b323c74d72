import { shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import type { Parameter } from '../tensor/tensor.js';

/** Options of `SGD`; all but the rate have PyTorch's defaults. */
export interface SGDOptions {
  /** Learning rate. */
  lr: number;
  /** In [0, 1). */
  momentum?: number;
  /** In [0, 1): how much of the gradient stays out of the momentum. */
  dampening?: number;
  weightDecay?: number;
  nesterov?: boolean;
  /**
   * The paper's own rule (section 5): v ← momentum · v − lr · (weightDecay · p + g); p ← p + v. The rate is part of
   * the velocity, so that a fall of the rate slows down new gradients and not those that are under way.
   */
  rateInVelocity?: boolean;
  /** Multiplies `lr`, which schedules set; for layers that learn slower or faster than the others. 1 unless given. */
  lrScale?: number;
}

/** Parameters, with or without their names: `model.parameters()` or `model.namedParameters()`. */
export type Parameters = Iterable<Member>;
export type Member = Parameter | readonly [string, Parameter];

/** Parameters with options of their own. */
export interface ParameterGroup extends Partial<SGDOptions> {
  params: Parameters;
}

/** What a group runs with. Every number may be changed between steps. */
export type Group = Required<SGDOptions> & { readonly parameters: readonly Parameter[] };

/** The part of the state that is plain JSON. */
export interface SGDState {
  readonly steps: number;
  readonly groups: Required<SGDOptions>[];
  /** With `rateInVelocity`: the rate of each parameter's last step, by name. */
  readonly rates?: Readonly<Record<string, number>>;
}

export const DEFAULTS = {
  momentum: 0,
  dampening: 0,
  weightDecay: 0,
  nesterov: false,
  rateInVelocity: false,
  lrScale: 1,
};

export const SGD_OPTIONS: readonly string[] = ['lr', ...Object.keys(DEFAULTS)];

export const isGroup = (item: unknown): item is ParameterGroup =>
  typeof item === 'object' && item !== null && 'params' in item;

/** @throws UsageError for numbers that SGD cannot work with */
export function checkOptions({
  lr,
  momentum,
  dampening,
  weightDecay,
  nesterov,
  rateInVelocity,
  lrScale,
}: Required<SGDOptions>): void {
  const demand = (fits: boolean, name: string, expected: string, got: unknown): void => {
    if (!fits) throw new UsageError({ what: `SGD got a bad ${name}`, expected, got: String(got) });
  };
  // A text such as "0.9" would pass for a number in what follows.
  for (const [name, value] of Object.entries({ momentum, dampening, weightDecay, lrScale }))
    demand(typeof value === 'number', name, 'a number', shown(value));
  for (const [name, value] of Object.entries({ nesterov, rateInVelocity }))
    demand(typeof value === 'boolean', name, 'true or false', shown(value));
  demand(lr >= 0 && Number.isFinite(lr), 'learning rate', 'lr of at least 0', lr);
  demand(lrScale > 0 && Number.isFinite(lrScale), 'lrScale', 'a number above 0', lrScale);
  demand(momentum >= 0 && momentum < 1, 'momentum', 'a number in [0, 1)', momentum);
  demand(dampening >= 0 && dampening < 1, 'dampening', 'a number in [0, 1)', dampening);
  demand(
    weightDecay >= 0 && Number.isFinite(weightDecay),
    'weightDecay',
    'a number of at least 0',
    weightDecay,
  );
  demand(
    !nesterov || (momentum > 0 && dampening === 0),
    'combination with nesterov',
    'a momentum above 0 and no dampening',
    `momentum ${momentum}, dampening ${dampening}`,
  );
  demand(
    !rateInVelocity || (lr > 0 && dampening === 0 && !nesterov),
    'combination with rateInVelocity',
    'lr above 0, no dampening and no nesterov',
    `lr ${lr}, dampening ${dampening}, nesterov ${nesterov}`,
  );
}
