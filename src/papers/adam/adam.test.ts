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
import { order } from './claims-compared.js';
import { adamSteps } from './claims-counted.js';
import {
  ALL_FALLING,
  BIAS_SETTINGS,
  type Experiment,
  LOGISTIC,
  type Method,
  measuredVariant,
  searchOf,
} from './experiments.js';
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

/** Slightly more than 1 for every rate but 0.01. */
const besideBest = (id: string): number =>
  1 + 1e-3 * Math.abs(Math.log10(Number(/-lr(.+)$/.exec(id)![1])) + 2);

describe('its claims', () => {
  const judged = (id: string, given: Results) => judge(claims.find((claim) => claim.id === id)!, given);

  test('are counted on algorithm 1', () => {
    const none = { get: () => undefined };
    for (const id of ['unbiased', 'scale-invariant', 'adagrad-limit'])
      assert.equal(judged(id, none).verdict, 'confirmed', id);
    const bound = judged('step-bound', none);
    assert.equal(bound.verdict, 'refuted');
    assert.match(bound.measured, /1\.00, 1\.00, 2\.35 \(β₁ = 0\.9, β₂ = 0\.99, bound 1\.00\)/);
  });

  test('search a rate for each method with the cost that is judged', () => {
    const best = results((id) => [id.includes('lr0.3') ? 1 : 2]);
    const chosen = measuredVariant(LOGISTIC, 'AdaGrad', best)!;
    assert.equal(chosen.training.lr, 0.3);
    const tried = searchOf(LOGISTIC, 'AdaGrad', best).jobs;
    assert.ok(tried.every(({ variant }) => variant.training.epochs === chosen.training.epochs));
    const lost = results((id) => (id.includes('lr0.3') ? [] : [id.includes('lr0.1') ? 1 : 2]));
    assert.equal(measuredVariant(LOGISTIC, 'AdaGrad', lost)!.training.lr, 0.1);
    assert.equal(measuredVariant(LOGISTIC, 'AdaGrad', { get: () => undefined }), undefined);
  });

  test('do not judge a rate at the end of the list', () => {
    const rising = results((id) => [/-sgd-lr(\S+)/.test(id) ? 1 / Number(/-sgd-lr(\S+)/.exec(id)![1]) : 0.5]);
    assert.ok(searchOf(LOGISTIC, 'SGD with Nesterov momentum', rising).isAtEnd);
    for (const id of ['logistic-adagrad', 'logistic-similar', 'two-layer']) {
      const { verdict, reason } = judged(id, rising);
      assert.equal(verdict, 'not measured', id);
      assert.match(reason!.en, /^the best rate of SGD-Nesterov, 100, is at the end of the list/);
    }
  });

  test('train every method with its own rule, AdaGrad without a further fall of its rate', () => {
    const given = results((id) => [besideBest(id)]);
    const options = (experiment: Experiment, method: Method) =>
      measuredVariant(experiment, method, given)!.model.options;
    assert.deepEqual(options(LOGISTIC, 'AdaGrad'), { decay: 'none' });
    assert.deepEqual(options(ALL_FALLING, 'AdaGrad'), { decay: 'root' });
    assert.deepEqual(options(LOGISTIC, 'RMSProp'), { decay: 'root' });
    for (const id of ['logistic-adagrad', 'two-layer', 'conv-later'])
      assert.match(judged(id, given).measured, /RMSProp/, id);
  });

  test('are confirmed, refuted or tied by the results', () => {
    const method = (name: string, cost: number) =>
      results((id) => [(id.includes(`-${name}-`) ? cost : 0.5) * besideBest(id)]);
    const verdict = (id: string, given: Results) => judged(id, given).verdict;
    assert.equal(verdict('logistic-adagrad', method('adagrad', 0.6)), 'confirmed');
    assert.equal(verdict('logistic-adagrad', method('adagrad', 0.4)), 'refuted');
    assert.equal(verdict('logistic-adagrad', method('adagrad', 0.505)), 'trend only');
    assert.equal(verdict('logistic-similar', method('adam', 0.52)), 'confirmed');
    assert.equal(verdict('logistic-similar', method('adam', 0.3)), 'refuted');
    assert.equal(verdict('two-layer', method('adam', 0.4)), 'confirmed');
    assert.equal(verdict('two-layer', method('rmsprop', 0.4)), 'refuted');
    const tied = judged('two-layer', method('adam', 0.495));
    assert.equal(tied.verdict, 'trend only');
    assert.match(tied.reason!.en, /^a tie: Adam and AdaGrad, Adam and RMSProp, Adam and SGD-Nesterov; 8,000/);
    const reason = (id: string, given: Results) => judged(id, given).reason!.en;
    assert.match(reason('conv-later', method('adagrad', 0.6)), /^in the paper’s direction/);
    assert.match(reason('conv-later', method('adam', 0.6)), /^Adam behind AdaGrad; a tie: SGD-Nesterov and/);
    const start = results((id) =>
      id.includes('-sgd-') ? [2, 0.1 * besideBest(id)] : [1, 0.2 * besideBest(id)],
    );
    assert.match(reason('conv-start', start), /^in the paper’s direction/);
    assert.match(reason('conv-adam-sgd', start), /^Adam behind SGD-Nesterov/);
  });

  test('count a difference by its size and its spread', () => {
    const cost = (mean: number, std = 0, n = 1) => ({ mean, std, n });
    assert.equal(order(cost(1), cost(1.03)), -1);
    assert.equal(order(cost(1.03), cost(1)), 1);
    assert.equal(order(cost(1), cost(1.01)), 0);
    assert.equal(order(cost(1, 0.1, 2), cost(1.1, 0.1, 2)), 0, 'within the spread');
    assert.equal(order(cost(1, 0.01, 2), cost(1.1, 0.01, 2)), -1);
    const lost = cost(Number.POSITIVE_INFINITY, Number.NaN, 2);
    assert.deepEqual([order(cost(1, 0.1, 2), lost), order(lost, lost)], [-1, 0]);
  });

  test('judge the correction of the bias by all settings', () => {
    const equal = results(() => [100]);
    assert.equal(judged('bias-instability', equal).verdict, 'refuted');
    const reason = (id: string, given: Results) => judged(id, given).reason!.en;
    assert.match(reason('bias-rmsprop', equal), /^in the paper’s direction/);
    assert.match(reason('bias-best', equal), /^a tie: 6 of the 6/);
    const unstable = results((id) => (id.includes('0.9999-lr1e-2-off') ? [] : [100]));
    assert.equal(judged('bias-instability', unstable).verdict, 'confirmed');
    assert.match(
      judged('bias-instability', unstable).measured,
      /divergence only without it \(β₂ = 0\.9999\)/,
    );
    const better = results((id) => [id.includes('beta2-0.999-lr1e-3-on') ? 90 : 100]);
    assert.match(reason('bias-best', better), /^in the paper’s direction/);
    const worse = results((id) => [id.includes('beta2-0.99-lr1e-3-off') ? 95 : 100]);
    assert.match(reason('bias-best', worse), /^against the paper’s direction/);
    assert.match(reason('bias-rmsprop', worse), /^against the paper’s direction in 1 of/);
    assert.equal(judged('bias-best', worse).verdict, 'trend only', 'one seed');
    const total = BIAS_SETTINGS.length;
    assert.ok(
      judged('bias-rmsprop', worse).measured.startsWith(`equal or better in ${total - 1} of ${total}: `),
    );
  });

  test('have texts in both languages', () => {
    assert.ok(claims.length >= 12);
    for (const { id, statement, rule, needs } of claims)
      for (const words of [statement, needs ?? rule])
        assert.ok(words.en && /\p{Script=Han}/u.test(words.zh), id);
  });
});
