import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { UsageError } from '../../../src/errors/errors.js';
import { charts } from '../../../src/papers/alexnet/charts.js';
import { claims } from '../../../src/papers/alexnet/claims.js';
import { CONDITIONS, conditionJobs, ratiosOf } from '../../../src/papers/alexnet/conditions.js';
import { FourLayerNet } from '../../../src/papers/alexnet/four-layer.js';
import alexnet from '../../../src/papers/alexnet/index.js';
import { activation } from '../../../src/papers/alexnet/layers.js';
import { judge } from '../../../src/papers/claims/claim.js';
import type { EpochResult, Result, Results } from '../../../src/papers/claims/result.js';
import { defaultDataset } from '../../../src/papers/datasets.js';
import { buildModel } from '../../../src/papers/paper.js';
import { Generator } from '../../../src/random.js';
import type { ModelConfig } from '../../../src/run/config.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import { evaluate, tensor } from '../../../src/tensor/tensor.js';

setDefaultDevice(referenceDevice());

/** Training runs that reach the target after a number of epochs, which depends on condition and activation. */
const reaching = (epochs: (condition: string, side: string) => number): Results => ({
  get: ({ id, training }) => {
    const [, condition, side] = /^conditions-(.+)-(relu|tanh)-lr/.exec(id)!;
    const needed = epochs(condition!, side!);
    // Of the rates only 0.001 is good.
    const good = training.lr === 0.001;
    const all = Array.from({ length: training.epochs }, (_, i) => ({
      epoch: i + 1,
      trainLoss: 1,
      trainError: good && i + 1 >= needed ? 25 : 80 + Math.abs(Math.log10(training.lr) + 3),
    }));
    return { epochs: all as EpochResult[], diverged: false } as Result;
  },
});

const claim = claims.find(({ id }) => id === 'relu-tanh-conditions')!;

describe('Figure 1 under other conditions', () => {
  it('searches a rate for each condition and activation, then measures it with another seed', () => {
    const first = conditionJobs({ get: () => undefined });
    assert.equal(first.length, 2 * 3 * CONDITIONS.length);
    assert.ok(first.every(({ seed, variant }) => seed === 0 && variant.dataset === 'cifar10-1000'));
    const all = conditionJobs(reaching(() => 10));
    const measured = all.filter(({ seed }) => seed === 1);
    assert.equal(measured.length, 2 * CONDITIONS.length);
    assert.ok(measured.every(({ variant }) => variant.training.lr === 0.001));
    // The scaled tanh is compared with the ReLUs of the first condition, which trained once.
    assert.equal(new Set(all.map(({ variant }) => variant.id)).size, all.length - 4);
  });

  it('is judged by the number of conditions with at least four times as many epochs', () => {
    const verdict = (tanh: (condition: string) => number) =>
      judge(
        claim,
        reaching((condition, side) => (side === 'relu' ? 10 : tanh(condition))),
      );
    assert.equal(verdict(() => 60).verdict, 'confirmed');
    const none = verdict(() => 20);
    assert.equal(none.verdict, 'refuted');
    assert.match(none.measured, /^base 2\.0, bytes 2\.0, scaled-tanh 2\.0/);
    const one = verdict((condition) => (condition === 'bytes' ? 1000 : 10));
    assert.equal(one.verdict, 'trend only');
    assert.match(one.measured, /base 1\.0.* bytes ≥ 6\.0,/);
    assert.match(one.reason!.en, /^1 of \d+ conditions: bytes minus the mean/);
    assert.match(one.reason!.zh, /^\d+ 种条件中的 1 种：输入为减均值的字节/);
    const lost = judge(
      claim,
      reaching((condition, side) => (side === 'relu' || condition === 'base' ? 1000 : 30)),
    );
    assert.match(lost.measured, /^base —, bytes ≤ 0\.5/);
    assert.equal(lost.verdict, 'refuted');
  });

  it('is drawn as one point for each condition', () => {
    const results = reaching((_, side) => (side === 'relu' ? 10 : 50));
    assert.equal(ratiosOf(results).length, CONDITIONS.length);
    const chart = charts({
      get: (variant, seed) => (variant.id.startsWith('conditions-') ? results.get(variant, seed) : undefined),
    }).find(({ name }) => name === 'figure-1-conditions')!;
    assert.deepEqual(
      chart.series.map(({ points }) => points),
      CONDITIONS.map((_, i) => [{ step: i + 1, value: 5 }]),
    );
  });

  it('uses its part of the data only where it is named', () => {
    assert.equal(defaultDataset(alexnet, 'quick'), undefined);
  });
});

describe('the four-layer network of the conditions', () => {
  const config = (options: NonNullable<ModelConfig['options']>, init = 'cuda-convnet'): ModelConfig => ({
    paper: 'alexnet',
    preset: 'four-layer',
    classes: ['a', 'b'],
    imageSize: 32,
    dropout: 0,
    init,
    options,
  });
  const largest = async (model: ReturnType<typeof buildModel>): Promise<number> =>
    Math.max(...(await model.getParameter('features.0.weight').data()).map(Math.abs));

  it('takes bytes with weights that are smaller by their standard deviation', async () => {
    const image = tensor([1, 0, 0.5], { shape: [1, 3, 1, 1] });
    const prepared = async (options: NonNullable<ModelConfig['options']>): Promise<number[]> => {
      const { test } = alexnet.transforms!({ ...config(options), imageSize: 1 }, 'none');
      const bytes = Uint8Array.from(await image.data(), (v) => Math.round(255 * v));
      const applied = test.apply(tensor(bytes, { shape: [1, 3, 1, 1] }), { generator: new Generator(0) });
      return [...(await applied.data())];
    };
    const [plain, bytes] = [await prepared({}), await prepared({ pixels: 'bytes' })];
    assert.ok(Math.abs(bytes[0]! - 255 * (1 - 0.4914)) < 0.01, String(bytes));
    assert.ok(Math.abs(plain[0]! - (1 - 0.4914) / 0.247) < 0.001, String(plain));
    assert.ok((await largest(buildModel(alexnet, config({ pixels: 'bytes' })))) < 1e-3);
    assert.ok((await largest(buildModel(alexnet, config({})))) > 1e-2);
  });

  it('can have another depth', () => {
    const lines = (model: FourLayerNet) => String(model);
    const shallow = new FourLayerNet({ without: 'conv3' });
    assert.equal(lines(shallow).match(/Conv2d/g)!.length, 2);
    assert.deepEqual(
      shallow.forward(tensor(new Float32Array(3072), { shape: [1, 3, 32, 32] })).shape,
      [1, 10],
    );
    const deep = new FourLayerNet({ hidden: 7, width: 'half' });
    assert.equal(lines(deep).match(/Linear/g)!.length, 2);
    assert.deepEqual(deep.forward(tensor(new Float32Array(3072), { shape: [1, 3, 32, 32] })).shape, [1, 10]);
  });

  it('refuses what it does not have', () => {
    for (const [options, says] of [
      [{ without: 'conv4' }, /no conv4/],
      [{ towers: 2 }, /no option towers/],
    ] as const)
      assert.throws(
        () => buildModel(alexnet, config(options)),
        (e) => e instanceof UsageError && says.test(e.message),
      );
    assert.throws(
      () => buildModel(alexnet, { ...config({ pixels: 'bytes' }, 'paper'), preset: 'paper', imageSize: 224 }),
      /no option pixels/,
    );
  });

  it('has LeCun’s tanh, whose values at ±1 are ±1', async () => {
    const layer = activation('scaled-tanh');
    const [y] = await evaluate(layer.forward(tensor([-1, 0, 1])));
    for (const [i, expected] of [-1, 0, 1].entries()) assert.ok(Math.abs(y![i]! - expected) < 1e-4);
  });
});
