import { checkBooleans, checkNumber, checkOptionNames, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import type { Node } from '../../graph/node.js';

/** Options that every optimizer has, complete. */
export interface CommonOptions {
  /** Learning rate. */
  lr: number;
  weightDecay: number;
  /** Follows the gradient upwards instead of downwards. */
  maximize: boolean;
  /** Factor on `lr`, for layers that should learn slower or faster than others; 1 by default. Schedules change `lr` only. */
  lrScale: number;
}

export const COMMON = { weightDecay: 0, maximize: false, lrScale: 1 } as const;

/** Numbers about a parameter's earlier steps that its next step needs, such as their count. JSON data. */
export type Memory = Readonly<Record<string, number>>;

/** Memory of a parameter that has been updated, for rules that need no numbers. */
export const STARTED: Memory = {};

/** Inputs of one step of one parameter. */
export interface StepInputs<O, S extends string, N extends string> {
  readonly parameter: Node;
  readonly gradient: Node;
  /** The state tensors of `Rule.slots`. */
  readonly state: Readonly<Record<S, Node>>;
  /** The numbers of `Rule.numbers` as scalars, whose values are passed with each run: a new value does not recompile. */
  readonly n: Readonly<Record<N, Node>>;
  readonly options: O;
  /** Whether it is the parameter's first step. */
  readonly first: boolean;
}

/** The new values of a parameter and of its state tensors. */
export interface StepResult<S extends string> {
  readonly parameter: Node;
  readonly state?: Readonly<Partial<Record<S, Node>>>;
}

/**
 * The update rule of one optimizer. `S` names its state tensors, `N` the numbers of a step.
 *
 * An update ends in `addScaled`, which writes into the parameter's own memory; everything before it should be elementwise,
 * so that it is computed as one kernel.
 */
export interface Rule<O extends CommonOptions, S extends string, N extends string> {
  /** Class name. */
  readonly name: string;
  /** All options; `lr` is left out if it has no default. */
  readonly defaults: Omit<O, 'lr'> & { readonly lr?: number };
  /** Checks the options beyond `CommonOptions`. @throws UsageError */
  check(options: O): void;
  /** State tensors of a parameter and the value that fills each of them at first. */
  slots(options: O): Readonly<Partial<Record<S, number>>>;
  /** Names of the numbers in `Memory` after a step. */
  remembers(options: O): readonly string[];
  /** The numbers of a parameter's next step, and the `Memory` after that step. `rate` is `lr · lrScale`. */
  numbers(
    options: O,
    rate: number,
    before: Memory | undefined,
  ): { readonly numbers: Readonly<Record<N, number>>; readonly memory: Memory };
  update(inputs: StepInputs<O, S, N>): StepResult<S>;
}

/** Names of all options of a rule. */
export const optionNames = ({ defaults }: { readonly defaults: object }): string[] => [
  ...new Set(['lr', ...Object.keys(defaults)]),
];

/** Checks the options of an optimizer; those left out have their defaults. @throws UsageError */
export function checkOptions<O extends CommonOptions>(
  rule: Rule<O, string, string>,
  options: Partial<O>,
): void {
  checkOptionNames(rule.name, options, optionNames(rule));
  checkComplete(rule, { ...COMMON, ...rule.defaults, ...options } as unknown as O);
}

/** Checks the values of all options. @throws UsageError */
export function checkComplete<O extends CommonOptions>(rule: Rule<O, string, string>, options: O): void {
  checkCommon(rule.name, options);
  rule.check(options);
}

/** Checks the options that all optimizers have. @throws UsageError */
function checkCommon(owner: string, { lr, weightDecay, maximize, lrScale }: CommonOptions): void {
  // Not by checkNumber: its message would say "lr" instead of "learning rate".
  if (typeof lr !== 'number' || !(lr >= 0) || !Number.isFinite(lr))
    throw new UsageError({
      what: `${owner} got a bad learning rate`,
      expected: 'lr of at least 0',
      got: shown(lr),
    });
  atLeast0(owner, { weightDecay });
  checkBooleans(owner, { maximize });
  if (typeof lrScale !== 'number' || !(lrScale > 0) || !Number.isFinite(lrScale))
    throw new UsageError({
      what: `${owner} got a bad lrScale`,
      expected: 'a number above 0',
      got: shown(lrScale),
    });
}

/** @throws UsageError unless all are finite numbers of at least 0 */
export function atLeast0(owner: string, values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values))
    checkNumber(owner, name, value, { least: 0, expected: 'a number of at least 0' });
}

/** @throws UsageError unless all are in [0, 1) */
export function checkShares(owner: string, values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values))
    if (typeof value !== 'number' || !(value >= 0 && value < 1))
      throw new UsageError({
        what: `${owner} got a bad ${name}`,
        expected: 'a number in [0, 1)',
        got: shown(value),
      });
}

/** @throws UsageError unless it is a pair of numbers in [0, 1) */
export function checkBetas(owner: string, betas: unknown): void {
  const fits =
    Array.isArray(betas) &&
    betas.length === 2 &&
    betas.every((beta) => typeof beta === 'number' && beta >= 0 && beta < 1);
  if (!fits)
    throw new UsageError({
      what: `${owner} got bad betas`,
      expected: 'two numbers in [0, 1), such as [0.9, 0.999]',
      got: shown(betas),
    });
}
