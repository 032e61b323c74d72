import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { type TrainConfig, trainConfigSchema } from '../../src/run/config.js';
import { makeOptimizer, makeSchedule } from '../../src/train/optimizer.js';
import { makeToyNet, plainMetrics, scratch, ToySet, toyConfig, toyRun } from '../support/toy.js';

/** The paper's training schedules for a small run. */
const paperConfig = (changes: Partial<TrainConfig> = {}): TrainConfig =>
  toyConfig({
    sgd: 'rate-in-velocity',
    decayBiases: false,
    schedule: { kind: 'plateau', factor: 0.1, patience: 0, drops: 3 },
    ...changes,
  });

const inVelocity = (group: object): unknown => (group as { rateInVelocity?: boolean }).rateInVelocity;

describe('the optimizer of a configuration', () => {
  it('excludes biases from weight decay if configured', async () => {
    const model = await makeToyNet().to(referenceDevice());
    const groups = makeOptimizer(model, paperConfig()).paramGroups;
    assert.deepEqual(
      groups.map((group) => [
        group.weightDecay,
        inVelocity(group),
        group.parameters.map((p) => p.shape.length),
      ]),
      [
        [1e-3, true, [4, 2]],
        [0, true, [1, 1, 1, 1]],
      ],
    );
    const [all, ...none] = makeOptimizer(model, toyConfig()).paramGroups;
    assert.deepEqual([all!.weightDecay, inVelocity(all!), none.length], [1e-3, false, 0]);
  });
});

describe('the schedule of a configuration', () => {
  const rates = async (config: TrainConfig, accuracies: readonly number[]): Promise<number[]> => {
    const optimizer = makeOptimizer(await makeToyNet().to(referenceDevice()), config);
    const { schedule, every } = makeSchedule(optimizer, config, 100)!;
    assert.equal(every, 'epoch');
    return accuracies.map((accuracy) => {
      schedule.step(accuracy);
      return Number(optimizer.paramGroups[0]!.lr.toPrecision(6));
    });
  };

  it('divides by 10 when accuracy stalls, three times and no more', async () => {
    const config = paperConfig({
      lr: 0.01,
      schedule: { kind: 'plateau', factor: 0.1, patience: 1, drops: 3 },
    });
    assert.deepEqual(
      await rates(config, [30, 40, 40, 39, 41, 41, 41, 41, 41, 41, 41, 41]),
      [0.01, 0.01, 0.01, 1e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5, 1e-5, 1e-5],
    );
  });

  it('drops at its milestones', async () => {
    const config = toyConfig({ lr: 0.1, schedule: { kind: 'milestones', epochs: [1, 3], factor: 0.1 } });
    assert.deepEqual(await rates(config, [0, 0, 0, 0]), [0.01, 0.01, 0.001, 0.001]);
  });
});

describe('a schedule over the whole run', () => {
  const path = async (changes: Partial<TrainConfig>, steps: number): Promise<[number, unknown][]> => {
    const config = toyConfig({ lr: 0.1, ...changes });
    const optimizer = makeOptimizer(await makeToyNet().to(referenceDevice()), config);
    const { schedule, every } = makeSchedule(optimizer, config, steps)!;
    assert.equal(every, 'step');
    return Array.from({ length: steps }, () => {
      const group: { lr: number; momentum?: number; betas?: readonly number[] } = optimizer.paramGroups[0]!;
      const { lr, momentum, betas } = group;
      schedule.step();
      return [Number(lr.toFixed(6)), betas?.[0] ?? momentum];
    });
  };

  it('rises for the warm-up and falls to 0 after the last step', async () => {
    const schedule = { kind: 'annealing', shape: 'linear', warmupSteps: 2 } as const;
    const rates = (await path({ schedule }, 6)).map(([lr]) => lr);
    assert.deepEqual(rates, [0.05, 0.1, 0.1, 0.075, 0.05, 0.025]);
    assert.equal((await path({ schedule: { ...schedule, warmupSteps: 99 } }, 3)).at(-1)![0], 0.1);
  });

  it('makes one cycle of the rate and of the momentum, if the optimizer has any', async () => {
    const schedule = { kind: 'one-cycle', pctStart: 0.5 } as const;
    const sgd = await path({ schedule }, 4);
    assert.deepEqual(
      [sgd[0], sgd[1]],
      [
        [0.004, 0.95],
        [0.1, 0.85],
      ],
    );
    assert.deepEqual((await path({ schedule, optimizer: 'adam', momentum: 0 }, 4))[1], [0.1, 0.85]);
    assert.deepEqual((await path({ schedule, optimizer: 'adagrad', momentum: 0 }, 4))[1], [0.1, undefined]);
    assert.deepEqual((await path({ schedule, momentum: 0 }, 4))[1], [0.1, 0]);
  });
});

describe('a run with the paper’s recipe', () => {
  const accuracyFalls = { testSet: new ToySet(21, 2, (index) => index % 10) };

  it('continues bit for bit from any step, schedule and velocity included', async (t) => {
    const config = paperConfig({ epochs: 4, lr: 0.05 });
    const device = referenceDevice();
    const whole = await toyRun(device, await scratch(t), { config, ...accuracyFalls });
    await whole.trainer.run();
    const lrs = new Set(whole.recorder.steps.map(({ lr }) => lr));
    assert.ok(lrs.size > 1, `${[...lrs]}`);
    const path = await scratch(t);
    for (const stop of [5, 6, 12, 18, undefined]) {
      const abort = new AbortController();
      const hooks = { step: ({ step }: { step: number }) => void (step === stop && abort.abort()) };
      const resume = stop !== 5;
      await (
        await toyRun(device, path, { config, resume, hooks, signal: abort.signal, ...accuracyFalls })
      ).trainer.run();
    }
    const again = (await toyRun(device, path, { config, resume: true, ...accuracyFalls })).folder;
    const bytes = async (folder: typeof again) =>
      readFile(folder.checkpoints.file((await folder.state()).latest!));
    assert.ok((await bytes(whole.folder)).equals(await bytes(again)));
    const lines = (await plainMetrics(again)).filter((line) => 'lr' in line);
    assert.deepEqual(
      lines,
      (await plainMetrics(whole.folder)).filter((line) => 'lr' in line),
    );
  });

  it('ends when the training error is low enough, and does not continue when resumed', async (t) => {
    const config = toyConfig({ epochs: 30, untilTrainError: 95, schedule: { kind: 'constant' } });
    const path = await scratch(t);
    const first = await toyRun(referenceDevice(), path, { config });
    await first.trainer.run();
    const epochs = first.recorder.epochs;
    assert.ok(epochs.length < 30);
    assert.ok(100 - epochs.at(-1)!.trainAccuracy <= 95);
    for (const { trainAccuracy } of epochs.slice(0, -1)) assert.ok(100 - trainAccuracy > 95);
    const second = await toyRun(referenceDevice(), path, { config, resume: true });
    assert.equal((await second.trainer.run())!.step, first.trainer.step);
    assert.deepEqual(second.recorder.steps, []);
  });
});

describe('a run’s configuration', () => {
  it('of an older version is still valid', () => {
    const old = toyConfig();
    assert.deepEqual(trainConfigSchema.parse(JSON.parse(JSON.stringify(old))), old);
  });

  it('rejects invalid values', () => {
    for (const wrong of [
      { sgd: 'adam' },
      { augment: 'rotate' },
      { untilTrainError: 101 },
      { schedule: { kind: 'plateau', factor: 2, patience: 1, drops: 3 } },
      { schedule: { kind: 'milestones', epochs: [0], factor: 0.1 } },
      { model: { ...toyConfig().model, options: { nested: {} } } },
    ])
      assert.equal(trainConfigSchema.safeParse({ ...toyConfig(), ...wrong }).success, false);
  });
});
