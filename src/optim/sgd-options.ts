import { shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import type { Parameter } from '../tensor/tensor.js';

/** Options of `SGD`; all except `lr` have PyTorch's defaults. */
export interface SGDOptions {
  /** Learning rate. */
  lr: number;
  /** In [0, 1). */
  momentum?: number;
  /** In [0, 1): the momentum buffer adds (1 − dampening) · gradient. */
  dampening?: number;
  weightDecay?: number;
  nesterov?: boolean;
  /**
   * The rule of Krizhevsky et al. 2012 (section 5): v ← momentum · v − lr · (weightDecay · p + g); p ← p + v. The velocity
   * includes the rate, so a lower rate affects new gradients only, not those already in the velocity.
   */
  rateInVelocity?: boolean;
  /** Factor on `lr`, for layers that should learn slower or faster than others; 1 by default. Schedules change `lr` only. */
  lrScale?: number;
}

/** Parameters, with or without names: `model.parameters()` or `model.namedParameters()`. */
export type Parameters = Iterable<Member>;
export type Member = Parameter | readonly [string, Parameter];

/** Parameters with their own options. */
export interface ParameterGroup extends Partial<SGDOptions> {
  params: Parameters;
}

/** The options of a group. Every number may be changed between steps. */
export type Group = Required<SGDOptions> & { readonly parameters: readonly Parameter[] };

/** The part of the state that is JSON data. */
export interface SGDState {
  readonly steps: number;
  readonly groups: Required<SGDOptions>[];
  /** Rate of each parameter's last step, by name; only with `rateInVelocity`. */
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

/** @throws UsageError if an option is not valid */
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
  // A string such as "0.9" would pass the comparisons below.
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
