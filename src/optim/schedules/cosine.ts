import { checkInteger, checkOptionNames } from '../../errors/arguments.js';
import { checkFactors, type HasRates } from './schedule.js';
import { Timed } from './timed.js';

/** lr = etaMin + (base − etaMin) · (1 + cos(π · count / tMax)) / 2; it rises again after tMax, as in PyTorch. */
export class CosineAnnealingLR extends Timed {
  readonly tMax: number;
  readonly etaMin: number;

  constructor(optimizer: HasRates, options: { tMax: number; etaMin?: number }) {
    super(optimizer);
    checkOptionNames('CosineAnnealingLR', options, ['tMax', 'etaMin']);
    const { tMax, etaMin = 0 } = options;
    checkFactors('CosineAnnealingLR', { etaMin });
    checkInteger('CosineAnnealingLR', 'tMax', tMax, { least: 1 });
    this.tMax = tMax;
    this.etaMin = etaMin;
    this.apply();
  }

  protected rate(base: number, count: number): number {
    return this.etaMin + ((base - this.etaMin) * (1 + Math.cos((Math.PI * count) / this.tMax))) / 2;
  }
}

/**
 * Cosine annealing with restarts (SGDR: Loshchilov and Hutter 2017):
 * lr = etaMin + (base − etaMin) · (1 + cos(π · c / T)) / 2, c steps after the last restart. The first cycle has T = t0
 * steps, each later one tMult times as many as the one before.
 */
export class CosineAnnealingWarmRestarts extends Timed {
  readonly t0: number;
  readonly tMult: number;
  readonly etaMin: number;

  constructor(optimizer: HasRates, options: { t0: number; tMult?: number; etaMin?: number }) {
    super(optimizer);
    checkOptionNames('CosineAnnealingWarmRestarts', options, ['t0', 'tMult', 'etaMin']);
    const { t0, tMult = 1, etaMin = 0 } = options;
    checkInteger('CosineAnnealingWarmRestarts', 't0', t0, { least: 1 });
    checkInteger('CosineAnnealingWarmRestarts', 'tMult', tMult, { least: 1 });
    checkFactors('CosineAnnealingWarmRestarts', { etaMin });
    this.t0 = t0;
    this.tMult = tMult;
    this.etaMin = etaMin;
    this.apply();
  }

  protected override get relative(): boolean {
    return false;
  }

  protected rate(base: number, count: number): number {
    let [left, length] = [count, this.t0];
    if (this.tMult === 1) left %= length;
    else for (; left >= length; length *= this.tMult) left -= length;
    return this.etaMin + ((base - this.etaMin) * (1 + Math.cos((Math.PI * left) / length))) / 2;
  }
}
