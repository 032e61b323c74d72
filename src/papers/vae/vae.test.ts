import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { referenceDevice } from '../../backend/reference/index.js';
import { inspect } from '../../nn/index.js';
import { Adagrad } from '../../optim/index.js';
import { Generator } from '../../random.js';
import { manualSeed } from '../../tensor/random.js';
import { setDefaultDevice } from '../../tensor/realize.js';
import { tensor } from '../../tensor/tensor.js';
import { judge } from '../claims/claim.js';
import type { EpochResult, Result, Results } from '../claims/result.js';
import { claims } from './claims.js';
import { chosenRate, type Series, variantOf } from './experiments.js';
import { divergence, drawn, logNormal, logPrior, missing, VAE } from './model.js';
import { quantile } from './training.js';

setDefaultDevice(referenceDevice());

const values = (count: number, seed: number) => {
  const generator = new Generator(seed);
  return Float32Array.from({ length: count }, () => generator.normal(0, 1));
};

describe('the VAE', () => {
  test('has 500 hidden units on both sides of its latent variables', () => {
    const parameters = (latent: number) => inspect(new VAE({ latent }), [1, 28, 28]).parameters;
    const expected = (latent: number) =>
      784 * 500 + 500 + 2 * (500 * latent + latent) + latent * 500 + 500 + 500 * 784 + 784;
    assert.equal(parameters(20), expected(20));
    assert.equal(parameters(2), expected(2));
    assert.throws(() => new VAE({ latent: 0 }), /whole number from 1/);
  });

  test('gives images of the shape of its input, from 0 to 1', async () => {
    const model = new VAE({ latent: 3, hidden: 5 });
    const x = model.forward(tensor(values(2 * 784, 1), { shape: [2, 1, 28, 28] }));
    assert.deepEqual(x.shape, [2, 1, 28, 28]);
    for (const value of await x.data()) assert.ok(value > 0 && value < 1);
  });

  test('has the densities and the divergence of normal and Bernoulli variables', async () => {
    const q = {
      mean: tensor([0.5, -1], { shape: [1, 2] }),
      logVariance: tensor([Math.log(4), Math.log(0.25)], { shape: [1, 2] }),
    };
    const z = drawn(q, tensor([1, -2], { shape: [1, 2] }));
    assert.deepEqual([...(await z.data())], [2.5, -2]);
    const density = (x: number, mean: number, std: number) =>
      -0.5 * ((x - mean) / std) ** 2 - Math.log(std) - 0.5 * Math.log(2 * Math.PI);
    const near = async (value: { item(): Promise<number> }, expected: number) =>
      assert.ok(Math.abs((await value.item()) - expected) < 1e-5, `${await value.item()} ${expected}`);
    await near(logNormal(z, q), density(2.5, 0.5, 2) + density(-2, -1, 0.5));
    await near(logPrior(z), density(2.5, 0, 1) + density(-2, 0, 1));
    const kl = (mean: number, std: number) => 0.5 * (mean ** 2 + std ** 2 - 1 - Math.log(std ** 2));
    await near(divergence(q), kl(0.5, 2) + kl(-1, 0.5));
    const [p, x] = [0.8, 0.3];
    const logits = tensor([Math.log(p / (1 - p)), 40], { shape: [1, 2] });
    await near(
      missing(logits, tensor([x, 1], { shape: [1, 2] })),
      -x * Math.log(p) - (1 - x) * Math.log(1 - p),
    );
  });

  test('learns a batch: its bound rises', async () => {
    manualSeed(1);
    const model = await new VAE({ latent: 2, hidden: 16, inputs: 36 }).to(referenceDevice());
    const optimizer = new Adagrad(model.parameters(), { lr: 0.05 });
    const x = tensor(
      Float32Array.from({ length: 8 * 36 }, (_, i) => Number(i % 36 < 9 + (i % 2))),
      { shape: [8, 1, 6, 6] },
    );
    const losses: number[] = [];
    for (let step = 0; step < 25; step++) {
      optimizer.zeroGrad();
      const noise = [tensor(values(16, 100 + step), { shape: [8, 2] })];
      const terms = model.bound(x, noise);
      const loss = terms.reconstruction.add(terms.divergence).mean();
      loss.backward();
      optimizer.step();
      losses.push(await loss.item());
    }
    assert.ok(losses.at(-1)! < 0.8 * losses[0]!, `${losses}`);
  });

  test('lays out its manifold by the quantiles of a normal variable', () => {
    for (const [chance, expected] of [
      [0.5, 0],
      [0.975, 1.959964],
      [0.025, -1.959964],
    ] as const)
      assert.ok(Math.abs(quantile(chance) - expected) < 1e-5);
  });
});

/** Results by variant: the negated bounds after each epoch, and how far those of training are below those of test. */
const results = (
  losses: (id: string) => readonly number[] | undefined,
  gap: (id: string) => number = () => 0,
  divergence: (id: string) => number = () => 20,
): Results => ({
  get: ({ id }) => {
    const epochs = losses(id)?.map((loss, i) => ({
      epoch: i + 1,
      trainMetrics: { reconstruction: loss - 20 - gap(id), divergence: 20 },
      testMetrics: {
        loss,
        reconstruction: loss - 20,
        divergence: divergence(id),
        'neighbours of the same digit': loss,
        'variance of estimator A': 9,
        'variance of estimator B': loss,
      },
    }));
    return epochs && ({ epochs: epochs as unknown as EpochResult[], diverged: false } as Result);
  },
});

describe('its claims', () => {
  const rules = new Map(claims.map((claim) => [claim.id, claim]));
  const verdict = (id: string, losses: (name: string) => readonly number[] | undefined) =>
    judge(rules.get(id)!, results(losses)).verdict;

  test('use the best step size of the search', () => {
    const found = results((id) => [id.endsWith('0.02') ? 100 : 120]);
    assert.equal(chosenRate('aevb', found), 0.02);
    assert.equal(chosenRate('aevb', { get: () => undefined }), undefined);
    const series: Series = { algorithm: 'wake-sleep', latent: 3 };
    assert.equal(variantOf(series, found)!.training.lr, 0.02);
    assert.equal(rules.get('more-latent')!.jobs({ get: () => undefined }).length, 3);
    assert.equal(rules.get('more-latent')!.jobs(found).length, 3 + 4);
  });

  test('are confirmed or refuted by the results', () => {
    const size = (id: string) => Number(/-(\d+)/.exec(id)?.[1] ?? 1);
    assert.equal(
      verdict('more-latent', (id) => [200 - size(id)]),
      'confirmed',
    );
    assert.equal(
      verdict('more-latent', (id) => [200 + size(id)]),
      'refuted',
    );
    const reason = (few: number, many: number, loss = 100) =>
      judge(
        rules.get('superfluous')!,
        results(
          (id) => [id === 'aevb-200' ? loss : 100],
          (id) => (id === 'aevb-200' ? many : few),
        ),
      ).reason!.en;
    assert.match(reason(3, 3, 102), /^in the paper.* 2\.0 nat below/);
    assert.match(reason(0, 2, 98), /^against the paper.* 2\.0 nat above/);
    assert.equal(
      verdict('estimators', () => [8]),
      'confirmed',
    );
    assert.equal(
      verdict('estimators', () => [10]),
      'refuted',
    );
    assert.equal(
      verdict('estimators', (id) => [id === 'aevb-3' ? 10 : 8]),
      'trend only',
    );
    const unused = (few: number, many: number) =>
      judge(
        rules.get('unused')!,
        results(
          () => [100],
          () => 0,
          (id) => (id === 'aevb-200' ? many : few),
        ),
      );
    assert.equal(unused(20, 25).verdict, 'trend only', 'one seed');
    assert.match(unused(20, 25).reason!.en, /^in the paper.*5\.0 nat more/);
    assert.match(unused(20, 31).reason!.en, /^against/);
    const direction = (id: string, losses: (name: string) => readonly number[]): string => {
      const judged = judge(rules.get(id)!, results(losses));
      assert.equal(judged.verdict, 'trend only');
      return judged.reason!.en.split(' ')[0]!;
    };
    for (const [five, word] of [
      [99.5, 'in'],
      [90, 'against'],
    ] as const)
      assert.equal(
        direction('one-draw', (id) => [id.includes('draws') ? five : 100]),
        word,
      );
    assert.equal(
      direction('projection', () => [40]),
      'in',
    );
    assert.equal(
      direction('projection', () => [12]),
      'against',
    );
    const compare = (id: string, own: number[], other: number[]): string =>
      direction(id, (name) => (name.startsWith('wake-sleep') ? other : own));
    assert.equal(compare('better-than-wake-sleep', [100], [110]), 'in');
    assert.equal(compare('better-than-wake-sleep', [110], [100]), 'against');
    const slow = [160, 150, 140, 130];
    assert.equal(compare('faster-than-wake-sleep', [140, 125, 120, 110], slow), 'in');
    assert.equal(compare('faster-than-wake-sleep', [150, 140, 129, 110], slow), 'against');
    assert.equal(compare('faster-than-wake-sleep', slow, [110, 100]), 'against');
  });

  test('have texts in both languages', () => {
    assert.ok(claims.length >= 10);
    for (const { id, statement, rule, needs } of claims)
      for (const words of [statement, ...(needs ? [needs] : [rule])])
        assert.ok(words.en && /\p{Script=Han}/u.test(words.zh), id);
  });
});
