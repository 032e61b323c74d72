import assert from 'node:assert/strict';
import { test } from 'node:test';
import { relativeDifference } from '../../src/bench/peer-side.js';
import { median, percentile, spread } from '../../src/bench/stats.js';

test('percentiles are interpolated as in NumPy', () => {
  // numpy.percentile([3, 1, 2, 10], [0, 25, 50, 75, 95, 100])
  const values = [3, 1, 2, 10];
  assert.deepEqual(
    [0, 0.25, 0.5, 0.75, 1].map((part) => percentile(values, part)),
    [1, 1.75, 2.5, 4.75, 10],
  );
  assert.ok(Math.abs(percentile(values, 0.95) - 8.95) < 1e-12);
  assert.deepEqual(values, [3, 1, 2, 10], 'the list is left as it was');
  assert.equal(median([5]), 5);
  assert.throws(() => median([]), RangeError);
});

test('a spread has extremes, quartiles and the number of values', () => {
  assert.deepEqual(spread([2, 4, 1, 3, 5]), { min: 1, q1: 2, median: 3, q3: 4, max: 5, samples: 5 });
});

test('differences of logits are relative to the largest, and infinite for different lengths', () => {
  assert.equal(relativeDifference([1, -4], [1, -3]), 0.25);
  assert.equal(relativeDifference([1, 2], [1]), Number.POSITIVE_INFINITY);
  assert.equal(relativeDifference([], []), Number.POSITIVE_INFINITY);
  assert.ok(!(relativeDifference([1, 2], [1, Number.NaN]) <= 1e-4), 'NaN is never the same');
});
