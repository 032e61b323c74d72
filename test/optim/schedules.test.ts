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
  readonly optimizer?: 'SGD' | 'Adam';
  readonly momenta?: number[];
}
const { schedules: first } = readFixture<{ schedules: Saved[] }>('optim.json');
/** Several schedules of one optimizer, all stepped; rates set by hand before a step, and a group that is added. */
interface Chained {
  readonly name: string;
  readonly schedules: readonly Part[];
  readonly changes: readonly { readonly step: number; readonly lr: number }[];
  readonly added: { readonly step: number; readonly lr: number } | null;
  /** Of each group, after each step. */
  readonly lrs: readonly (readonly number[])[];
}
const { schedules: second, chained } = readFixture<{ schedules: Saved[]; chained: Chained[] }>(
  'schedules.json',
);
const schedules = [...first, ...second];

const KINDS: Record<string, new (optimizer: optim.HasRates, options: never) => optim.Schedule> = {
  StepLR: optim.StepLR,
  MultiStepLR: optim.MultiStepLR,
  CosineAnnealingLR: optim.CosineAnnealingLR,
  LinearLR: optim.LinearLR,
  ReduceLROnPlateau: optim.ReduceLROnPlateau,
  ExponentialLR: optim.ExponentialLR,
  ConstantLR: optim.ConstantLR,
  PolynomialLR: optim.PolynomialLR,
  LambdaLR: optim.LambdaLR,
  CosineAnnealingWarmRestarts: optim.CosineAnnealingWarmRestarts,
  OneCycleLR: optim.OneCycleLR,
};

type Part = { scheduler: string; args: Record<string, unknown> };

function made(optimizer: optim.HasRates, scheduler: string, args: Record<string, unknown>): optim.Schedule {
  if (scheduler === 'LambdaLR')
    return new optim.LambdaLR(optimizer, { lrLambda: (count) => 1 / (1 + count) });
  if (scheduler !== 'SequentialLR') return new KINDS[scheduler]!(optimizer, args as never);
  const { schedules: parts, milestones } = args as { schedules: Part[]; milestones: number[] };
  const list = parts.map((part) => made(optimizer, part.scheduler, part.args));
  return new optim.SequentialLR(optimizer, { schedules: list, milestones });
}

const groups = (...lrs: number[]) => ({ paramGroups: lrs.map((lr) => ({ lr })) });

describe('schedules', () => {
  for (const { name, scheduler, args, baseLr, lrs, metrics, optimizer: kind, momenta } of schedules)
    it(`follow PyTorch: ${name}`, () => {
      const groups = (...rates: number[]) => ({
        paramGroups: rates.map((lr) => ({
          lr,
          ...(kind === 'Adam' ? { betas: [0.9, 0.999] as const } : { momentum: 0.9 }),
        })),
      });
      const optimizer = groups(baseLr, 2 * baseLr);
      const momentum = () => {
        const group: { betas?: readonly number[]; momentum?: number } = optimizer.paramGroups[0]!;
        return group.betas?.[0] ?? group.momentum!;
      };
      const schedule = made(optimizer, scheduler, args);
      const path = [optimizer.paramGroups[0]!.lr];
      const carried = [momentum()];
      for (let i = 1; i < lrs.length; i++) {
        schedule.step(metrics?.[i - 1]);
        path.push(optimizer.paramGroups[0]!.lr);
        carried.push(momentum());
      }
      if (momenta) assertNear(carried, momenta, 1e-11, 'momenta');
      for (const [i, lr] of path.entries())
        assert.ok(Math.abs(lr - lrs[i]!) <= 1e-11 * baseLr, `after ${i} steps: ${lr}, expected ${lrs[i]}`);

      // The second half again, from a saved state, with an optimizer that has other rates.
      const half = Math.floor(lrs.length / 2);
      const before = groups(baseLr);
      const first = made(before, scheduler, args);
      for (let i = 1; i <= half; i++) first.step(metrics?.[i - 1]);
      const after = groups(99);
      const second = made(after, scheduler, args);
      second.loadStateDict(JSON.parse(JSON.stringify(first.stateDict())));
      assert.equal(after.paramGroups[0]!.lr, path[half]);
      for (let i = half + 1; i < lrs.length; i++) {
        second.step(metrics?.[i - 1]);
        assert.equal(after.paramGroups[0]!.lr, path[i]);
      }
    });

  for (const { name, schedules: parts, changes, added, lrs } of chained)
    it(`change a rate that something else changes as PyTorch’s do: ${name}`, () => {
      const start = () => {
        const optimizer = groups(0.1);
        return { optimizer, list: parts.map(({ scheduler, args }) => made(optimizer, scheduler, args)) };
      };
      for (let cut = 0; cut < lrs.length; cut++) {
        let { optimizer, list } = start();
        const check = (step: number) =>
          assertNear(
            optimizer.paramGroups.map(({ lr }) => lr),
            lrs[step]!,
            1e-10,
            `after ${step} steps, resumed after ${cut}`,
          );
        check(0);
        for (let step = 0; step + 1 < lrs.length; step++) {
          if (step === cut) {
            const saved = list.map((schedule) => schedule.stateDict());
            const rates = optimizer.paramGroups.map(({ lr }) => lr);
            ({ optimizer, list } = start());
            while (optimizer.paramGroups.length < rates.length) optimizer.paramGroups.push({ lr: 9 });
            for (const [i, schedule] of list.entries()) schedule.loadStateDict(saved[i]!);
            check(step);
          }
          if (added?.step === step) optimizer.paramGroups.push({ lr: added.lr });
          for (const change of changes) if (change.step === step) optimizer.paramGroups[0]!.lr = change.lr;
          for (const schedule of list) schedule.step();
          check(step + 1);
        }
      }
    });

  it('are all compared with PyTorch', () => {
    const compared = new Set([...schedules.map(({ scheduler }) => scheduler), 'WarmupDecay']);
    const all = Object.keys(optim).filter((name) => /LR$|Restarts$|Decay$/.test(name));
    assert.deepEqual(
      all.filter((name) => !compared.has(name)),
      [],
    );
  });

  it('reject options that are not valid', () => {
    const o = groups(0.1, 0.2);
    const one = new optim.ExponentialLR(o, { gamma: 0.9 });
    const cycle = (options: object) =>
      new optim.OneCycleLR(o, { maxLr: 1, totalSteps: 10, cycleMomentum: false, ...options });
    const wrong: [make: () => unknown, says: RegExp][] = [
      [() => new optim.ExponentialLR(o, { gamma: -1 }), /gamma/],
      [() => new optim.ExponentialLR(o, {} as never), /gamma/],
      [() => new optim.ConstantLR(o, { totalIters: 0 }), /totalIters/],
      [() => new optim.PolynomialLR(o, { power: Number.NaN }), /power/],
      [() => new optim.LambdaLR(o, { lrLambda: [() => 1] }), /2 functions/],
      [() => new optim.LambdaLR(o, { lrLambda: 1 as never }), /lrLambda/],
      [
        () => new optim.LambdaLR(o, { lrLambda: () => Number.NaN }),
        /LambdaLR gives a bad learning rate after 0 steps.*NaN/,
      ],
      [() => new optim.CosineAnnealingWarmRestarts(o, { t0: 0 }), /t0/],
      [() => new optim.CosineAnnealingWarmRestarts(o, { t0: 3, tMult: 1.5 }), /tMult/],
      [() => cycle({ totalSteps: undefined }), /totalSteps/],
      [() => cycle({ maxLr: [1] }), /another number of rates/],
      [() => cycle({ maxLr: 0 }), /maxLr/],
      [() => cycle({ pctStart: 2 }), /pctStart/],
      [() => cycle({ annealStrategy: 'cosine' }), /'cos' or 'linear'/],
      [() => cycle({ cycleMomentum: true }), /momentum or betas.*cycleMomentum: false/],
      [() => new optim.SequentialLR(o, { schedules: [], milestones: [] }), /bad schedules/],
      [() => new optim.SequentialLR(o, { schedules: [one, one], milestones: [] }), /1 steps/],
      [() => new optim.SequentialLR(o, { schedules: [one, one, one], milestones: [4, 4] }), /milestone/],
    ];
    for (const [make, says] of wrong)
      assert.throws(make, (error) => error instanceof UsageError && says.test(error.message), String(make));
    const short = cycle({ totalSteps: 2 });
    short.step();
    short.step();
    assert.throws(() => short.step(), /OneCycleLR is over/);
  });

  it('begin with the rate that the optimizer has; those that set it, with that before its first schedule', () => {
    const optimizer = groups(1);
    new optim.ConstantLR(optimizer, { factor: 0.5 });
    new optim.ExponentialLR(optimizer, { gamma: 0.1 });
    assert.equal(optimizer.paramGroups[0]!.lr, 0.5);
    new optim.LambdaLR(optimizer, { lrLambda: () => 0.25 });
    assert.equal(optimizer.paramGroups[0]!.lr, 0.25);
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
