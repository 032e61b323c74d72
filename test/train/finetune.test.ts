import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Device } from '../../src/backend/backend.js';
import { type DeviceName, openDevice } from '../../src/backend/open.js';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { CheckpointError, UsageError } from '../../src/errors/errors.js';
import { readSafetensors } from '../../src/interop/safetensors/checked.js';
import { readWeights } from '../../src/interop/weights.js';
import { Conv2d, Flatten, Linear, type Module, ReLU, Sequential } from '../../src/nn/index.js';
import * as ops from '../../src/ops/index.js';
import { SGD, WeightAverage } from '../../src/optim/index.js';
import { saveWeights } from '../../src/run/checkpoint.js';
import { Parameter } from '../../src/tensor/parameter.js';
import { Tensor, tensor } from '../../src/tensor/tensor.js';
import { Accumulator } from '../../src/train/accumulate.js';
import { startFrom } from '../../src/train/start-from.js';
import { assertNear } from '../support/generated.js';
import {
  makeToyNet,
  plainMetrics,
  scratch,
  ToySet,
  toyConfig,
  toyRun,
  toyTransform,
} from '../support/toy.js';

const valuesOf = async (model: Module): Promise<Map<string, number[]>> => {
  const found = new Map<string, number[]>();
  for (const [name, p] of model.stateDict()) found.set(name, [...(await p.data())]);
  return found;
};

/** Without batch norm and dropout, so that a batch is the sum of its images. */
const plainNet = (): Sequential =>
  new Sequential(new Conv2d(3, 8, 3, { padding: 1 }), new ReLU(), new Flatten(), new Linear(512, 10));

describe('accumulated gradients', () => {
  test('of N batches are those of one, in float64, with a short last group', async () => {
    const numbers = (n: number, seed: number) =>
      Float64Array.from({ length: n }, (_, i) => Math.sin(seed + 3 * i));
    const steps = async (groups: readonly (readonly number[])[]) => {
      const w = new Parameter(numbers(20, 1), [4, 5]);
      await w.place(referenceDevice());
      const optimizer = new SGD([['w', w]], { lr: 0.3, momentum: 0.9, weightDecay: 0.01 });
      const sums = new Accumulator();
      let at = 0;
      for (const group of groups) {
        const total = group.reduce((a, b) => a + b);
        for (const [i, n] of group.entries()) {
          optimizer.zeroGrad();
          const x = tensor(numbers(7 * 4, 2).slice(4 * at, 4 * (at + n)), { shape: [n, 4] });
          const labels = tensor(Int32Array.from({ length: n }, (_, k) => (at + k) % 5));
          const loss = new Tensor(ops.crossEntropy(x.matmul(w).node, labels.node)).mean();
          loss.mul(n / total).backward();
          at = (at + n) % 7;
          if (i < group.length - 1) sums.add([w], i, { outputs: [loss], guard: loss });
        }
        if (group.length > 1) sums.total([w]);
        optimizer.step();
      }
      return w.data();
    };
    const whole = await steps([[4], [3], [4], [3]]);
    assertNear(
      await steps([
        [2, 2],
        [2, 1],
        [1, 3],
        [1, 1, 1],
      ]),
      [...whole],
      1e-12,
      'weights',
    );
    assert.notDeepEqual(await steps([[4], [3], [3], [4]]), whole);
  });
});

for (const name of ['reference', 'onednn', 'wasm'] satisfies DeviceName[])
  describe(`fine-tuning on ${name}`, () => {
    let device: Device;
    before(async () => {
      ({ device } = await openDevice(name, { threads: 2 }));
    });
    after(() => device?.close());

    test('--accumulate 4 with batches of 2 is a batch of 8', async (t) => {
      const run = async (batchSize: number, accumulate?: number) => {
        const config = toyConfig({
          batchSize,
          maxSteps: 9,
          insightEvery: 0,
          ...(accumulate ? { accumulate } : {}),
        });
        const parts = { config, net: plainNet, trainTransform: toyTransform };
        const { trainer, model, recorder } = await toyRun(device, await scratch(t), parts);
        await trainer.run();
        return { values: await valuesOf(model), recorder };
      };
      const [large, small] = [await run(8), await run(2, 4)];
      assert.equal(small.recorder.steps.length, 9);
      for (const [key, values] of large.values) assertNear(small.values.get(key)!, values, 1e-5, key);
      const losses = (r: typeof large) => r.recorder.steps.map(({ loss }) => loss);
      assertNear(losses(small), losses(large), 1e-5, 'losses');
      // 44 images: the sixth step of an epoch has 4.
      assert.deepEqual(
        small.recorder.epochs.map(({ step, epoch }) => [epoch, step]),
        [
          [1, 6],
          [2, 9],
        ],
      );
    });

    test('a run with an average, accumulation, clipping and lr scales resumes bit for bit', async (t) => {
      const config = toyConfig({
        batchSize: 4,
        accumulate: 2,
        ema: 0.9,
        clipNorm: 0.5,
        clipValue: 0.1,
        labelSmoothing: 0.1,
        lrScale: [{ pattern: '0', factor: 0.5 }],
      });
      const whole = await toyRun(device, await scratch(t), { config });
      assert.ok(await whole.trainer.run());
      const path = await scratch(t);
      const abort = new AbortController();
      const hooks = { step: ({ step }: { step: number }) => step === 8 && abort.abort() };
      const first = await toyRun(device, path, { config, signal: abort.signal, hooks });
      assert.equal(await first.trainer.run(), undefined);
      const second = await toyRun(device, path, { config, resume: true });
      assert.ok(second.trainer.step > 7 && second.trainer.step < 18);
      assert.ok(await second.trainer.run());
      assert.deepEqual(await plainMetrics(second.folder), await plainMetrics(whole.folder));
      const bytes = async ({ folder }: typeof whole) => {
        const { latest, best } = await folder.state();
        return Promise.all([latest!, best!.file].map((file) => readFile(folder.checkpoints.file(file))));
      };
      const [a, b] = [await bytes(whole), await bytes(second)];
      assert.ok(a[0]!.equals(b[0]!), 'the last checkpoints differ');
      assert.ok(a[1]!.equals(b[1]!), 'the best weights differ');
      for (const { gradNorm } of whole.recorder.steps) assert.ok(gradNorm! > 0);
    });

    test('frozen modules keep weights and running statistics, and get no gradients', async (t) => {
      const config = toyConfig({ freeze: ['0', '1'], maxSteps: 3 });
      const { trainer, model, recorder } = await toyRun(device, await scratch(t), { config });
      const before = await valuesOf(model);
      await trainer.run();
      const after = await valuesOf(model);
      const changed = [...before].filter(([key, v]) => JSON.stringify(v) !== JSON.stringify(after.get(key)));
      assert.deepEqual(
        changed.map(([key]) => key),
        ['6.weight', '6.bias'],
      );
      assert.equal(recorder.notes[0], 'Frozen: 240 parameters in 4 tensors; trained: 1,290 in 2.');
      assert.equal((await device.stats()).length > 0, true);
    });

    test('an lr scale multiplies the learning rate of its module', async (t) => {
      const run = async (factor: number) => {
        const lrScale = [{ pattern: '6', factor }];
        const config = toyConfig({ maxSteps: 1, momentum: 0, weightDecay: 0, lrScale });
        const { trainer, model, recorder } = await toyRun(device, await scratch(t), { config });
        const before = (await valuesOf(model)).get('6.weight')!;
        await trainer.run();
        const after = (await valuesOf(model)).get('6.weight')!;
        // The logged learning rate is that of modules without a factor.
        assert.equal(recorder.steps[0]!.lr, 0.05);
        return after.map((v, i) => v - before[i]!);
      };
      const [one, tenth] = [await run(1), await run(0.1)];
      assert.ok(one.some((v) => Math.abs(v) > 1e-4));
      assertNear(
        tenth,
        one.map((v) => v / 10),
        1e-5,
        'updates',
      );
    });

    test('the average is evaluated and kept as best; training continues from the model’s own weights', async (t) => {
      const config = toyConfig({ ema: 0.95, epochs: 1 });
      const { trainer, model, folder, recorder } = await toyRun(device, await scratch(t), { config });
      await trainer.run();
      const { latest, best } = await folder.state();
      const checkpoint = (await readSafetensors(folder.checkpoints.file(latest!))).tensors;
      const kept = (await readSafetensors(folder.checkpoints.file(best!.file))).tensors;
      for (const [key, values] of await valuesOf(model)) {
        assert.deepEqual([...checkpoint.get(`model.${key}`)!.data], values, key);
        assert.deepEqual(kept.get(key)!.data, checkpoint.get(`ema.${key}`)!.data, key);
        assert.notDeepEqual(kept.get(key)!.data, checkpoint.get(`model.${key}`)!.data, key);
      }
      const plain = await toyRun(device, await scratch(t), { config: toyConfig({ epochs: 1 }) });
      await plain.trainer.run();
      assert.deepEqual(await valuesOf(plain.model), await valuesOf(model), 'averaging changes no training');
      assert.notEqual(plain.recorder.epochs[0]!.testLoss, recorder.epochs[0]!.testLoss);
    });

    test('--overfit-batches repeats the same batches in the same order', async (t) => {
      const seen: number[] = [];
      const trainSet = new ToySet(8);
      const read = trainSet.read.bind(trainSet);
      Object.assign(trainSet, {
        read: (i: number, into: Uint8Array, at: number) => {
          seen.push(i);
          return read(i, into, at);
        },
      });
      const config = toyConfig({ overfitBatches: 2, batchSize: 4, epochs: 3 });
      const { trainer } = await toyRun(device, await scratch(t), { config, trainSet });
      await trainer.run();
      // The first image is read once more, to check that the set returns bytes.
      assert.match(seen.join(''), /^01230?4567(01234567){2}$/);
    });
  });

describe('an average of weights', () => {
  test('is the weighted mean of the weights after each step, in float64', async () => {
    const p = new Parameter(Float64Array.of(1, -2), [2]);
    await p.place(referenceDevice());
    const optimizer = new SGD([['p', p]], { lr: 0.1 });
    const decay = 0.8;
    optimizer.average = new WeightAverage([['p', p]], decay);
    const path: number[][] = [];
    for (let step = 0; step < 4; step++) {
      optimizer.zeroGrad();
      p.square().sum().backward();
      optimizer.step();
      path.push([...(await p.data())]);
      const weights = path.map((_, i) => decay ** (path.length - 1 - i));
      const total = weights.reduce((a, b) => a + b);
      const expected = [0, 1].map((k) => path.reduce((sum, v, i) => sum + v[k]! * weights[i]!, 0) / total);
      assertNear(
        await optimizer.average.stateDict().tensors.get('ema.p')!.data(),
        expected,
        1e-14,
        `step ${step}`,
      );
    }
    const own = [...(await p.data())];
    optimizer.average.swapIn();
    assert.notDeepEqual([...(await p.data())], own);
    assert.deepEqual([...(await optimizer.average.ownOf(p).data())], own);
    optimizer.average.swapOut();
    assert.deepEqual([...(await p.data())], own);
  });

  test('rejects a decay that is not valid', async () => {
    for (const decay of [0, 1, -1, Number.NaN]) assert.throws(() => new WeightAverage([], decay), UsageError);
  });
});

describe('starting from weights', () => {
  test('loads the tensors that fit, keeps the initialisation of the others, and lists them', async (t) => {
    const file = join(await scratch(t), 'ten.safetensors');
    const ten = makeToyNet();
    await saveWeights(file, ten);
    const three = makeToyNet({ classes: 3 });
    const before = await valuesOf(three);
    const { tensors } = await readWeights(file);
    assert.throws(
      () => startFrom(three, { file, partial: false }, tensors),
      (e) =>
        e instanceof CheckpointError &&
        /6\.weight \(\[10, 128\] there, \[3, 128\] here\), 6\.bias.*--partial/.test(e.message),
    );
    assert.deepEqual(await valuesOf(three), before);
    const said = startFrom(three, { file, partial: true }, tensors);
    const [after, from] = [await valuesOf(three), await valuesOf(ten)];
    for (const key of after.keys())
      assert.deepEqual(after.get(key), (key.startsWith('6.') ? before : from).get(key), key);
    assert.match(said.join('\n'), /: 6 of 8 tensors\.\nLeft as initialised: 6\.weight .*, 6\.bias/);
    const other = new Sequential(new Linear(2, 2));
    assert.throws(() => startFrom(other, { file, partial: true }, tensors), /no tensor that fits/);
  });

  test('an unknown module is refused with a list of the existing ones', async (t) => {
    const device = referenceDevice();
    for (const wrong of [{ freeze: ['features'] }, { lrScale: [{ pattern: 'head.*', factor: 2 }] }])
      await assert.rejects(
        async () => toyRun(device, await scratch(t), { config: toyConfig(wrong) }),
        (e) => e instanceof UsageError && /matches no module.*among 0, 1, 2, 3, 4, 5, 6/.test(e.message),
      );
    await assert.rejects(
      async () => toyRun(device, await scratch(t), { config: toyConfig({ freeze: ['*'] }) }),
      /leaves nothing to train/,
    );
  });
});
