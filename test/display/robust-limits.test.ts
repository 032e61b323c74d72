import assert from 'node:assert/strict';
import { test } from 'node:test';
import { robustLimits, wholeLimits } from '../../src/display/robust-limits.js';

/** A number between -1 and 1 that looks random. */
const noise = (n: number): number => {
  const x = Math.sin(n * 12.9898) * 43758.5453;
  return 2 * (x - Math.floor(x)) - 1;
};
const curve = (n: number, decay: number): number[] =>
  Array.from({ length: n }, (_, i) => 2.3 * Math.exp(-i / decay) + 0.1 + 0.05 * noise(i));
const set = (values: number[], at: number, ...others: number[]): number[] => {
  values.splice(at, others.length, ...others);
  return values;
};

test('a curve that falls, rises by steps or stays keeps all of its values', () => {
  const schedule = [...Array(900).fill(0.1), ...Array(900).fill(0.01), ...Array(60).fill(0.001)];
  for (const values of [curve(1000, 300), curve(1000, 30), curve(100, 10), schedule, Array(50).fill(3)])
    assert.deepEqual(robustLimits([values]), wholeLimits([values]));
});

test('outliers are left out, wherever they are and however few values there are', () => {
  for (const n of [12, 120, 5000])
    for (const at of [0, 5, n - 1])
      for (const far of [1e3, 1e12, -1e12]) {
        const limits = robustLimits([set(curve(n, n / 4), at, far)]);
        const usual = wholeLimits([curve(n, n / 4)])!;
        assert.ok(
          limits && limits.min >= usual.min && limits.max <= usual.max + 1e-9 && limits.max > 1,
          `${n} values, ${far} at ${at}: ${JSON.stringify(limits)}`,
        );
      }
  const several = robustLimits([set(curve(200, 50), 60, 1e5, 1e6, 1e7, 1e5)]);
  assert.ok(several && several.max < 3);
  const ending = robustLimits([[...curve(200, 50), 50, 1e4, 1e9, 1e20]]);
  assert.ok(ending && ending.max <= 50, 'one that diverges at its end');
});

test('a value that leaves enough room for the others stays', () => {
  const values = set(curve(200, 50), 100, 5);
  assert.equal(robustLimits([values])?.max, 5);
});

test('each curve of a chart counts', () => {
  const limits = robustLimits([curve(100, 20), curve(100, 20).map((v) => v + 10)])!;
  assert.ok(limits.min < 1 && limits.max > 12);
  const spike = robustLimits([curve(100, 20), set(curve(100, 20), 50, 1e9)])!;
  assert.ok(spike.max < 3);
});

test('on a logarithmic axis ratios count', () => {
  const values = Array.from({ length: 200 }, (_, i) => 10 ** (-i / 50));
  assert.deepEqual(robustLimits([values], true), wholeLimits([values]));
  const low = robustLimits([set([...values], 100, 1e-300)], true)!;
  assert.ok(low.min > 1e-5, String(low.min));
  assert.ok(robustLimits([[0, -1, 0.1, 1]], true)!.min > 0.09, 'what is not above 0 has no place');
});

test('NaN and infinity are skipped', () => {
  assert.equal(robustLimits([]), undefined);
  assert.equal(robustLimits([[Number.NaN, null, undefined, Number.POSITIVE_INFINITY]]), undefined);
  assert.deepEqual(robustLimits([[Number.NaN, 2, Number.NEGATIVE_INFINITY, 1]]), { min: 1, max: 2 });
});
