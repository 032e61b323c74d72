import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CheckpointError, UsageError } from '../../src/errors/errors.js';
import * as optim from '../../src/optim/index.js';
import { assertNear, readFixture } from '../support/generated.js';

interface Saved {
  readonly name: string;
  readonly scheduler: string;
  readonly args: Record<string, unknown>;
  readonly baseLr: number;
  readonly lrs: number[];
  readonly metrics?: number[];
}
const { schedules } = readFixture<{ schedules: Saved[] }>('optim.json');

const KINDS: Record<string, new (optimizer: optim.HasRates, options: never) => optim.Schedule> = {
  StepLR: optim.StepLR,
  MultiStepLR: optim.MultiStepLR,
  CosineAnnealingLR: optim.CosineAnnealingLR,
  LinearLR: optim.LinearLR,
  ReduceLROnPlateau: optim.ReduceLROnPlateau,
};

const groups = (...lrs: number[]) => ({ paramGroups: lrs.map((lr) => ({ lr })) });

describe('schedules', () => {
  for (const { name, scheduler, args, baseLr, lrs, metrics } of schedules)
    it(`follow PyTorch: ${name}`, () => {
      const Kind = KINDS[scheduler]!;
      const optimizer = groups(baseLr, 2 * baseLr);
      const schedule = new Kind(optimizer, args as never);
      const path = [optimizer.paramGroups[0]!.lr];
      for (let i = 1; i < lrs.length; i++) {
        schedule.step(metrics?.[i - 1]);
        path.push(optimizer.paramGroups[0]!.lr);
      }
      for (const [i, lr] of path.entries())
        assert.ok(Math.abs(lr - lrs[i]!) <= 1e-11 * baseLr, `after ${i} steps: ${lr}, expected ${lrs[i]}`);

      // The second half again, from a saved state, with an optimizer that has other rates.
      const half = Math.floor(lrs.length / 2);
      const before = groups(baseLr);
      const first = new Kind(before, args as never);
      for (let i = 1; i <= half; i++) first.step(metrics?.[i - 1]);
      const after = groups(99);
      const second = new Kind(after, args as never);
      second.loadStateDict(JSON.parse(JSON.stringify(first.stateDict())));
      assert.equal(after.paramGroups[0]!.lr, path[half]);
      for (let i = half + 1; i < lrs.length; i++) {
        second.step(metrics?.[i - 1]);
        assert.equal(after.paramGroups[0]!.lr, path[i]);
      }
    });

  it('keep the ratio of groups', () => {
    const optimizer = groups(1, 0.1);
    const schedule = new optim.StepLR(optimizer, { stepSize: 1, gamma: 0.5 });
    schedule.step();
    assert.deepEqual(optimizer.paramGroups, [{ lr: 0.5 }, { lr: 0.05 }]);
  });

  it('warm up and decay: a rise, a plateau, a fall that ends after the last step', () => {
    const run = (options: optim.WarmupDecayOptions) => {
      const optimizer = groups(1);
      const schedule = new optim.WarmupDecay(optimizer, options);
      return Array.from({ length: options.totalSteps + 2 }, () => {
        const { lr } = optimizer.paramGroups[0]!;
        schedule.step();
        return lr;
      });
    };
    assertNear(
      run({ totalSteps: 10, warmupSteps: 4, decaySteps: 3 }),
      [0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 2 / 3, 1 / 3, 0, 0],
      1e-15,
      'linear',
    );
    assertNear(
      run({ totalSteps: 4, shape: 'cosine' }),
      [1, 0.8535533905932737, 0.5, 0.1464466094067262, 0, 0],
      1e-15,
      'cosine',
    );
    assert.deepEqual(run({ totalSteps: 3, warmupSteps: 2, decaySteps: 0 }), [0.5, 1, 1, 1, 1]);
    assert.throws(
      () => new optim.WarmupDecay(groups(1), { totalSteps: 3, warmupSteps: 4, decaySteps: 0 }),
      UsageError,
    );
  });

  it('watch a metric that should rise, with an absolute threshold', () => {
    const optimizer = groups(1);
    const schedule = new optim.ReduceLROnPlateau(optimizer, {
      mode: 'max',
      patience: 0,
      factor: 0.5,
      thresholdMode: 'abs',
      threshold: 1,
    });
    const rates = [10, 12, 12.5, 14, 14].map((metric) => {
      schedule.step(metric);
      return optimizer.paramGroups[0]!.lr;
    });
    assert.deepEqual(rates, [1, 1, 0.5, 0.5, 0.25]);
  });

  it('reject options that are not valid', () => {
    const wrong: (() => unknown)[] = [
      () => new optim.StepLR(groups(1), { stepSize: 0 }),
      () => new optim.MultiStepLR(groups(1), { milestones: [1.5] }),
      () => new optim.CosineAnnealingLR(groups(1), { tMax: 0 }),
      () => new optim.LinearLR(groups(1), { totalIters: 0 }),
      () => new optim.ReduceLROnPlateau(groups(1), { factor: 1 }),
      () => new optim.ReduceLROnPlateau(groups(1), { patience: -1 }),
      () => new optim.ReduceLROnPlateau(groups(1)).step(),
    ];
    for (const make of wrong) assert.throws(make, UsageError);
    const schedule = new optim.StepLR(groups(1), { stepSize: 3 });
    assert.throws(() => schedule.loadStateDict({ count: 1, baseLrs: [1, 2] }), CheckpointError);
    assert.throws(
      () => new optim.ReduceLROnPlateau(groups(1)).loadStateDict(schedule.stateDict()),
      CheckpointError,
    );
  });
});
