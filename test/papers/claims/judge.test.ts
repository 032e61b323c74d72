import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { claims } from '../../../src/papers/alexnet/claims.js';
import { type Curve, searchRate } from '../../../src/papers/alexnet/figure1.js';
import { type Claim, judge } from '../../../src/papers/claims/claim.js';
import type { Variant } from '../../../src/papers/claims/job.js';
import { compared, testError } from '../../../src/papers/claims/kinds.js';
import { missingJobs } from '../../../src/papers/claims/reproduce.js';
import type { EpochResult, Result, Results } from '../../../src/papers/claims/result.js';

const text = { en: 'words', zh: '文字' };
const variant = (id: string): Variant => ({ id, seconds: 1 }) as Variant;
const [a, b] = [variant('a'), variant('b')];

/** Results whose last epochs have these test errors, by variant and seed. */
const errors = (table: Readonly<Record<string, readonly number[]>>): Results => ({
  get: ({ id }, seed) => {
    const error = table[id]?.[seed];
    return error === undefined
      ? undefined
      : ({ epochs: [{ epoch: 1, testError: error, trainError: error }] } as Result);
  },
});

const claim = (trend?: Claim['statement']): Claim =>
  compared({
    id: 'less',
    section: '1',
    order: 1,
    statement: text,
    paperSays: '',
    rule: text,
    less: { label: { en: 'a', zh: '甲' }, variant: a },
    more: { label: 'b', variant: b },
    seeds: [0, 1, 2],
    measure: testError,
    ...(trend ? { trend } : {}),
  });

describe('a comparison’s verdict', () => {
  it('follows the results', () => {
    const verdict = (low: number[], high: number[], trend?: Claim['statement']) =>
      judge(claim(trend), errors({ a: low, b: high }));
    assert.equal(verdict([10, 11, 12], [20, 21, 22]).verdict, 'confirmed');
    assert.equal(verdict([20, 21, 22], [10, 11, 12]).verdict, 'refuted');
    const near = verdict([10, 11, 12], [10.5, 11.5, 12.5]);
    assert.equal(near.verdict, 'trend only');
    assert.match(near.reason!.en, /no difference beyond the spread/);
    assert.equal(near.measured, 'a 11.0 ± 1.0 %, b 11.5 ± 1.0 %: 0.50 ± 0.82 (n = 3)');
    assert.equal(near.measuredZh, '甲 11.0 ± 1.0 %, b 11.5 ± 1.0 %: 0.50 ± 0.82 (n = 3)');
    const smaller = verdict([20, 21, 22], [10, 11, 12], { en: 'smaller', zh: '更小' });
    assert.equal(smaller.verdict, 'trend only');
    assert.match(smaller.reason!.en, /^against the paper’s direction; smaller$/);
    assert.match(smaller.measured, /: −10\.00 ± /);
  });

  it('is not given before all training runs are done', () => {
    const { verdict, measured, reason } = judge(claim(), errors({ a: [1, 2, 3], b: [4] }));
    assert.equal(verdict, 'not measured');
    assert.equal(measured, '');
    assert.match(reason!.en, /4 of 6 training runs/);
  });
});

describe('missing jobs', () => {
  it('are listed once each, in the order of the claims, without those that are done', () => {
    const late = { ...claim(), id: 'late', order: 2 };
    const early = { ...claim(), id: 'early', order: 1, jobs: () => [{ variant: b, seed: 7 }] };
    const names = missingJobs([late, early], errors({ a: [5] })).map((j) => `${j.variant.id}${j.seed}`);
    assert.deepEqual(names, ['b7', 'a1', 'a2', 'b0', 'b1', 'b2']);
    assert.deepEqual(missingJobs([{ ...late, needs: text }], errors({})), []);
  });
});

describe('AlexNet’s claims', () => {
  it('have texts in both languages, and no verdict without results', () => {
    assert.ok(claims.length >= 16);
    for (const c of claims) {
      for (const words of [c.statement, c.rule])
        assert.ok(words.en && /\p{Script=Han}/u.test(words.zh), c.id);
      const { verdict, measured, reason } = judge(c, errors({}));
      const needsTraining = c.needs !== undefined || c.jobs(errors({})).length > 0;
      assert.equal(verdict === 'not measured', needsTraining, c.id);
      assert.equal(measured === '', needsTraining, c.id);
      if (needsTraining) assert.ok(reason?.en && reason.zh, c.id);
    }
  });

  it('have the numbers of the paper’s counts', () => {
    const found = new Map(claims.map((c) => [c.id, judge(c, errors({}))]));
    assert.deepEqual(found.get('parameters'), { verdict: 'confirmed', measured: '60,965,224' });
    assert.equal(found.get('neurons-by-layer')!.verdict, 'refuted');
    assert.match(found.get('neurons-by-layer')!.measured, /^290,400 · 186,624 · 64,896 · 64,896 · 43,264/);
    assert.equal(found.get('convolution-share')!.verdict, 'refuted');
  });
});

/** Training errors by epoch for variants of Figure 1; constant for variants that are not given. */
const figure1 = (curves: Readonly<Record<string, readonly number[]>>): Results => ({
  get: ({ id, training }) => {
    const own = curves[id] ?? Array<number>(training.epochs).fill(90);
    const epochs = own.map(
      (trainError, i) => ({ epoch: i + 1, trainError, trainLoss: trainError / 40 }) as EpochResult,
    );
    return { epochs } as Result;
  },
});

describe('Figure 1', () => {
  const [relu, tanh] = (['relu', 'tanh'] as const).map((activation) => ({
    activation,
    start: 'kaiming',
  })) as [Curve, Curve];
  const reluTanh = claims.find(({ id }) => id === 'relu-tanh')!;
  const search = {
    'figure1-relu-lr0.003-search': [60, 50, 45, 40],
    'figure1-relu-lr0.01-search': [50, 30, 20],
    'figure1-relu-lr0.03-search': [90, 90, 90, 90],
    'figure1-tanh-lr0.003-search': [80, 70, 65, 60],
    'figure1-tanh-lr0.01-search': [80, 70, 65, 61],
    'figure1-tanh-lr0.03-search': [80, 70, 65, 62],
  };

  it('chooses a learning rate that reaches the target, otherwise the one with the smallest loss', () => {
    assert.equal(searchRate(relu, figure1(search)).best, 0.01);
    assert.equal(searchRate(tanh, figure1(search)).best, 0.003);
    assert.equal(searchRate(tanh, { get: () => undefined }).best, undefined);
    const lost: Results = {
      get: (v, seed) => {
        const result = figure1(search).get(v, seed)!;
        return v.training.lr === 0.003 ? { ...result, epochs: [], diverged: true } : result;
      },
    };
    assert.equal(searchRate(tanh, lost).best, 0.01);
  });

  it('tries further rates as long as the best is the first or the last', () => {
    const rates = (curve: Curve, table: Parameters<typeof figure1>[0]) =>
      searchRate(curve, figure1(table)).jobs.map(({ variant: { training } }) => training.lr);
    assert.deepEqual(rates(relu, search), [0.003, 0.01, 0.03]);
    assert.deepEqual(rates(tanh, search), [0.001, 0.003, 0.01, 0.03]);
    const rising = { ...search, 'figure1-tanh-lr0.03-search': [50], 'figure1-tanh-lr0.1-search': [40] };
    assert.deepEqual(rates(tanh, rising), [0.003, 0.01, 0.03, 0.1, 0.3]);
    assert.equal(searchRate(tanh, figure1(rising)).best, 0.1);
    assert.equal(searchRate(tanh, figure1(rising)).isAtEnd, false);
    const falling = { ...search, 'figure1-relu-lr0.0001-search': [1], 'figure1-relu-lr0.0003-search': [2] };
    const ever = { ...falling, 'figure1-relu-lr0.001-search': [3], 'figure1-relu-lr0.003-search': [4] };
    assert.equal(searchRate(relu, figure1(ever)).best, 0.0001);
    assert.ok(searchRate(relu, figure1(ever)).isAtEnd, 'a better one may lie beyond the list');
  });

  it('runs the search first, then the chosen rates with other seeds', () => {
    const none: Results = { get: () => undefined };
    assert.deepEqual(
      reluTanh.jobs(none).map(({ variant: { id }, seed }) => `${id} ${seed}`),
      Object.keys(search).map((id) => `${id} 0`),
    );
    const after = reluTanh.jobs(figure1(search)).filter(({ seed }) => seed > 0);
    assert.deepEqual(
      after.map(({ variant: { id }, seed }) => `${id} ${seed}`),
      ['relu-lr0.01', 'tanh-lr0.003'].flatMap((id) => [1, 2, 3].map((seed) => `figure1-${id} ${seed}`)),
    );
  });

  it('is judged by the ratio of epochs', () => {
    const ratio = (tanh: readonly number[]) =>
      judge(reluTanh, figure1({ ...search, 'figure1-relu-lr0.01': [35, 15], 'figure1-tanh-lr0.003': tanh }));
    const seven = ratio([90, 80, 70, 60, 50, 40, 35, 30, 26, 24]);
    assert.equal(seven.verdict, 'confirmed');
    assert.match(seven.measured, /relu \(lr 0\.01\) 1\.5 ± 0\.0, tanh \(lr 0\.003\) 9\.5 ± 0\.0/);
    assert.equal(ratio([35, 26, 24]).verdict, 'trend only');
    assert.equal(ratio([20]).verdict, 'refuted');
    const never = ratio(Array(40).fill(50));
    assert.equal(never.verdict, 'confirmed');
    assert.match(never.measured, /tanh \(lr 0\.003\) > 40 \(3\/3\).*≥ 26\.7/);
  });
});
