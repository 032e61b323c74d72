import { checkBooleans, checkInteger, checkNumber, checkOptionNames, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { checkWord, type HasRates } from './schedule.js';
import { Timed } from './timed.js';

/** Options of {@link OneCycleLR}, with PyTorch's defaults. */
export interface OneCycleOptions {
  /** The highest rate; one number, or one for each group. */
  maxLr: number | readonly number[];
  /** Number of steps of the cycle; or give `epochs` and `stepsPerEpoch`. */
  totalSteps?: number;
  epochs?: number;
  stepsPerEpoch?: number;
  /** Share of the cycle in which the rate rises; 0.3 by default. */
  pctStart?: number;
  annealStrategy?: 'cos' | 'linear';
  /** Whether momentum (or the first of `betas`) falls while the rate rises, and rises again; true by default. */
  cycleMomentum?: boolean;
  baseMomentum?: number;
  maxMomentum?: number;
  /** The cycle begins with maxLr / divFactor; 25 by default. */
  divFactor?: number;
  /** It ends with that divided by finalDivFactor; 1e4 by default. */
  finalDivFactor?: number;
  /** Falls to the initial rate as fast as it has risen, and only then to the final one. */
  threePhase?: boolean;
}

type Complete = Required<Omit<OneCycleOptions, 'epochs' | 'stepsPerEpoch'>>;

const DEFAULTS = {
  pctStart: 0.3,
  annealStrategy: 'cos',
  cycleMomentum: true,
  baseMomentum: 0.85,
  maxMomentum: 0.95,
  divFactor: 25,
  finalDivFactor: 1e4,
  threePhase: false,
} as const;

/** A part of the cycle: its last step, and the rate (relative to the highest) and the momentum at that step. */
interface Phase {
  readonly end: number;
  readonly rates: readonly [from: number, to: number];
  readonly momenta: readonly [from: number, to: number];
}

/**
 * The 1cycle policy (Smith and Topin 2018) with PyTorch's rule: the rate rises from maxLr / divFactor to maxLr and falls to
 * maxLr / (divFactor · finalDivFactor), while the momentum does the opposite. The optimizer's own rate is not used. Call
 * `step()` after each optimizer step, `totalSteps` times at most.
 *
 * @throws UsageError if an option is not valid, or the optimizer has neither `momentum` nor `betas` to cycle
 */
export class OneCycleLR extends Timed {
  readonly #options: Complete;
  readonly #phases: readonly Phase[];

  constructor(optimizer: HasRates, options: OneCycleOptions) {
    super(optimizer);
    const names = ['maxLr', 'totalSteps', 'epochs', 'stepsPerEpoch', ...Object.keys(DEFAULTS)];
    checkOptionNames('OneCycleLR', options, names);
    this.#options = complete(options, optimizer.paramGroups.length);
    this.#phases = phasesOf(this.#options);
    const strange = optimizer.paramGroups.find((group) => !('momentum' in group || 'betas' in group));
    if (this.#options.cycleMomentum && strange)
      throw new UsageError({
        what: 'OneCycleLR cannot cycle the momentum of this optimizer',
        expected: 'an optimizer with momentum or betas',
        got: shown(optimizer),
        next: 'pass cycleMomentum: false',
      });
    this.apply();
  }

  protected override apply(): void {
    super.apply();
    if (!this.#options.cycleMomentum) return;
    const momentum = this.#at(this.count, ({ momenta }) => momenta);
    for (const group of this.optimizer.paramGroups as readonly (HasRates['paramGroups'][number] & Momentum)[])
      if (group.betas) group.betas = [momentum, group.betas[1]];
      else group.momentum = momentum;
  }

  protected override get relative(): boolean {
    return false;
  }

  protected rate(_base: number, count: number, group: number): number {
    const { maxLr, totalSteps } = this.#options;
    if (count > totalSteps)
      throw new UsageError({
        what: 'OneCycleLR is over',
        expected: `at most ${totalSteps} calls of step()`,
        got: `${count}`,
        next: 'give the cycle as many steps as the training has',
      });
    const highest = typeof maxLr === 'number' ? maxLr : (maxLr[group] ?? maxLr.at(-1)!);
    return highest * this.#at(count, ({ rates }) => rates);
  }

  #at(count: number, pick: (phase: Phase) => readonly [number, number]): number {
    const i = this.#phases.findIndex(({ end }, at) => count <= end || at === this.#phases.length - 1);
    const begin = this.#phases[i - 1]?.end ?? 0;
    const phase = this.#phases[i]!;
    // After the last step PyTorch extrapolates, to rates below 0; here the rate stays.
    const part = phase.end === begin ? 1 : Math.min(1, (count - begin) / (phase.end - begin));
    const [from, to] = pick(phase);
    if (this.#options.annealStrategy === 'linear') return from + (to - from) * part;
    return to + ((from - to) / 2) * (Math.cos(Math.PI * part) + 1);
  }
}

interface Momentum {
  momentum?: number;
  betas?: readonly [number, number];
}

function phasesOf(options: Complete): Phase[] {
  const { totalSteps, pctStart, divFactor, finalDivFactor, baseMomentum, maxMomentum, threePhase } = options;
  const [initial, final] = [1 / divFactor, 1 / (divFactor * finalDivFactor)];
  const top = pctStart * totalSteps - 1;
  const rise: Phase = { end: top, rates: [initial, 1], momenta: [maxMomentum, baseMomentum] };
  if (!threePhase)
    return [rise, { end: totalSteps - 1, rates: [1, final], momenta: [baseMomentum, maxMomentum] }];
  return [
    rise,
    { end: 2 * pctStart * totalSteps - 2, rates: [1, initial], momenta: [baseMomentum, maxMomentum] },
    { end: totalSteps - 1, rates: [initial, final], momenta: [maxMomentum, maxMomentum] },
  ];
}

function complete(options: OneCycleOptions, groups: number): Complete {
  const { epochs, stepsPerEpoch, totalSteps = Number(epochs) * Number(stepsPerEpoch), ...others } = options;
  const all = { ...DEFAULTS, ...others, totalSteps };
  const { maxLr, pctStart, annealStrategy, cycleMomentum, threePhase, divFactor, finalDivFactor } = all;
  checkInteger('OneCycleLR', 'totalSteps (or epochs and stepsPerEpoch)', totalSteps, { least: 1 });
  checkNumber('OneCycleLR', 'pctStart', pctStart, { least: 0, most: 1, expected: 'a number in [0, 1]' });
  checkWord('OneCycleLR', 'annealStrategy', annealStrategy, ['cos', 'linear']);
  checkBooleans('OneCycleLR', { cycleMomentum, threePhase });
  for (const name of ['baseMomentum', 'maxMomentum'] as const) {
    const value: unknown = all[name];
    if (typeof value !== 'number' || !(value >= 0 && value < 1))
      throw new UsageError({
        what: `OneCycleLR got a bad ${name}`,
        expected: 'a number in [0, 1)',
        got: shown(value),
      });
  }
  const rates: readonly unknown[] = Array.isArray(maxLr) ? maxLr : [maxLr];
  for (const [name, value] of [
    ['divFactor', divFactor],
    ['finalDivFactor', finalDivFactor],
    ...rates.map((rate) => ['maxLr', rate] as const),
  ] as const)
    if (typeof value !== 'number' || !(value > 0) || !Number.isFinite(value))
      throw new UsageError({
        what: `OneCycleLR got a bad ${name}`,
        expected: 'a number above 0',
        got: shown(value),
      });
  if (Array.isArray(maxLr) && maxLr.length !== groups)
    throw new UsageError({
      what: 'OneCycleLR got another number of rates than parameter groups',
      expected: `one maxLr, or ${groups}`,
      got: `${maxLr.length}`,
    });
  return all;
}
