import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { referenceDevice } from '../../backend/reference/index.js';
import { inspect, Linear, type Module } from '../../nn/index.js';
import { Adam } from '../../optim/index.js';
import { Parameter } from '../../tensor/parameter.js';
import { manualSeed } from '../../tensor/random.js';
import { setDefaultDevice } from '../../tensor/realize.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';
import { judge } from '../claims/claim.js';
import type { EpochResult, Result, Results } from '../claims/result.js';
import { claims } from './claims.js';
import { adamSteps } from './claims-counted.js';
import { LOGISTIC, measuredVariant } from './experiments.js';
import { Autoencoder, conv, logistic, twoLayer } from './model.js';
import { UncorrectedAdam } from './uncorrected.js';

setDefaultDevice(referenceDevice());

describe('the networks', () => {
  test('have the paper’s layers', () => {
    const parameters = (model: Module, shape: readonly number[]) => inspect(model, shape).parameters;
    assert.equal(parameters(logistic(), [1, 28, 28]), 7850);
    assert.equal(parameters(twoLayer(), [1, 28, 28]), 785_000 + 1_001_000 + 10_010);
    const convolutions = 64 * 76 + 64 * 1601 + 128 * 1601;
    assert.equal(parameters(conv(), [3, 32, 32]), convolutions + 2048 * 1000 + 1000 + 10_010);
    const coder = 784 * 500 + 500 + 2 * (500 * 50 + 50) + 50 * 500 + 500 + 500 * 784 + 784;
    assert.equal(parameters(new Autoencoder(), [1, 28, 28]), coder);
    assert.deepEqual(conv({ kernels: 2, units: 5 }).forward(noise([2, 3, 32, 32])).shape, [2, 10]);
    assert.throws(() => conv({ kernels: 0 }), /whole number from 1/);
  });

  test('learn a batch with and without the correction', async () => {
    const x = tensor(
      Float32Array.from({ length: 4 * 36 }, (_, i) => Number(i % 36 < 9)),
      {
        shape: [4, 1, 6, 6],
      },
    );
    for (const Kind of [Adam, UncorrectedAdam]) {
      manualSeed(1);
      const model = await new Autoencoder(2, 8, 36).to(referenceDevice());
      const optimizer = new Kind(model.parameters(), { lr: 0.01 });
      const losses: number[] = [];
      for (let step = 0; step < 15; step++) {
        optimizer.zeroGrad();
        const loss = model.loss(x, noise([4, 2])).mean();
        loss.backward();
        optimizer.step();
        losses.push(await loss.item());
      }
      assert.ok(losses.at(-1)! < 0.9 * losses[0]!, `${losses}`);
    }
  });
});

const noise = (shape: readonly number[]): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(3 * i + 1)),
    { shape },
  );

describe('Adam without its correction', () => {
  /** Steps of one parameter for given gradients. */
  async function steps(Kind: typeof Adam | typeof UncorrectedAdam, gradients: readonly number[]) {
    const { weight } = await new Linear(1, 1, { bias: false }).to(referenceDevice());
    const optimizer = new Kind([weight], { lr: 1, betas: [0.9, 0.99], eps: 0 });
    const found: number[] = [];
    let [before] = await weight.data();
    for (const g of gradients) {
      optimizer.zeroGrad();
      weight.mul(g).sum().backward();
      optimizer.step();
      const [now] = await weight.data();
      found.push(before! - now!);
      before = now;
    }
    return found;
  }

  test('divides averages that begin at 0', async () => {
    const gradients = [1, -2, 0.5, 3];
    let [m, v] = [0, 0];
    const expected = gradients.map((g) => {
      m = 0.9 * m + 0.1 * g;
      v = 0.99 * v + 0.01 * g * g;
      return m / Math.sqrt(v);
    });
    for (const [i, step] of (await steps(UncorrectedAdam, gradients)).entries())
      assert.ok(Math.abs(step - expected[i]!) < 1e-4, `${step} ${expected[i]}`);
    const corrected = adamSteps(gradients, { beta1: 0.9, beta2: 0.99 });
    for (const [i, step] of (await steps(Adam, gradients)).entries())
      assert.ok(Math.abs(step - corrected[i]!.step) < 1e-4);
  });

  test('refuses wrong options', () => {
    const parameter = new Parameter(Float32Array.of(0), [1]);
    assert.throws(() => new UncorrectedAdam([parameter], { betas: [1, 0.9] }), /betas/);
  });
});

/** Results by variant: training costs after each epoch; undefined for none, empty for a training that diverged. */
const results = (costs: (id: string) => readonly number[] | undefined): Results => ({
  get: ({ id }) => {
    const found = costs(id);
    return (
      found &&
      ({
        diverged: found.length === 0,
        epochs: found.map((trainLoss, i) => ({ epoch: i + 1, trainLoss }) as EpochResult),
      } as Result)
    );
  },
});

describe('its claims', () => {
  const judged = (id: string, given: Results) => judge(claims.find((claim) => claim.id === id)!, given);

  test('are counted on algorithm 1', () => {
    const none = { get: () => undefined };
    for (const id of ['unbiased', 'scale-invariant', 'adagrad-limit'])
      assert.equal(judged(id, none).verdict, 'confirmed', id);
    const bound = judged('step-bound', none);
    assert.equal(bound.verdict, 'refuted');
    assert.match(bound.measured, /β₂ 0\.99: ≤ 1\.00 \/ 1\.00 · 1\.00 · 2\.35/);
  });

  test('search a rate for each method', () => {
    const best = results((id) => [id.includes('lr0.3') ? 1 : 2]);
    assert.equal(measuredVariant(LOGISTIC, 'AdaGrad', best)!.training.lr, 0.3);
    const lost = results((id) => (id.includes('lr0.3') ? [] : [id.includes('lr0.1') ? 1 : 2]));
    assert.equal(measuredVariant(LOGISTIC, 'AdaGrad', lost)!.training.lr, 0.1);
    assert.equal(measuredVariant(LOGISTIC, 'AdaGrad', { get: () => undefined }), undefined);
  });

  test('are confirmed or refuted by the results', () => {
    const method = (name: string, cost: number) => results((id) => [id.includes(`-${name}-`) ? cost : 0.5]);
    assert.equal(judged('logistic-adagrad', method('adagrad', 0.6)).verdict, 'confirmed');
    assert.equal(judged('logistic-adagrad', method('adagrad', 0.4)).verdict, 'refuted');
    assert.equal(judged('logistic-similar', method('adam', 0.52)).verdict, 'confirmed');
    assert.equal(judged('logistic-similar', method('adam', 0.3)).verdict, 'refuted');
    assert.equal(judged('two-layer', method('adam', 0.4)).verdict, 'confirmed');
    assert.equal(judged('two-layer', method('rmsprop', 0.4)).verdict, 'refuted');
    assert.match(judged('conv-later', method('adagrad', 0.6)).reason!.en, /^in the paper’s direction/);
    assert.match(judged('conv-later', method('adam', 0.6)).reason!.en, /^0 of 2/);
    const start = results((id) => (id.includes('-sgd-') ? [2, 0.1] : [1, 0.2]));
    assert.match(judged('conv-start', start).reason!.en, /^in the paper’s direction/);
    assert.match(judged('conv-adam-sgd', start).reason!.en, /^0 of 1/);
  });

  test('judge the correction of the bias by all settings', () => {
    const equal = results(() => [100]);
    assert.equal(judged('bias-instability', equal).verdict, 'refuted');
    assert.equal(judged('bias-rmsprop', equal).verdict, 'confirmed');
    const unstable = results((id) => (id.includes('0.9999-lr1e-2-off') ? [] : [100]));
    assert.equal(judged('bias-instability', unstable).verdict, 'confirmed');
    assert.match(judged('bias-instability', unstable).measured, /0\.9999: × ∞/);
    const better = results((id) => [id.includes('0.999-lr1e-3-on') ? 90 : 100]);
    assert.equal(judged('bias-best', better).verdict, 'confirmed');
    const worse = results((id) => [id.includes('0.99-lr1e-3-off') ? 90 : 100]);
    assert.equal(judged('bias-best', worse).verdict, 'refuted');
    assert.equal(judged('bias-rmsprop', worse).verdict, 'refuted');
    assert.match(judged('bias-rmsprop', worse).measured, /^8\/9; β₂ 0\.99, 1e-3: 100\.0 \/ 90\.0/);
  });

  test('have texts in both languages', () => {
    assert.ok(claims.length >= 12);
    for (const { id, statement, rule, needs } of claims)
      for (const words of [statement, needs ?? rule])
        assert.ok(words.en && /\p{Script=Han}/u.test(words.zh), id);
  });
});
