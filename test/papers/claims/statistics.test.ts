import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { epochsTo } from '../../../src/papers/claims/kinds.js';
import type { EpochResult } from '../../../src/papers/claims/result.js';
import { difference, isClear, show, summarise } from '../../../src/papers/claims/statistics.js';

const epochs = (...errors: number[]): { epochs: EpochResult[] } => ({
  epochs: errors.map((trainError, i) => ({ epoch: i + 1, trainError }) as EpochResult),
});

describe('statistics', () => {
  it('has the mean and the sample standard deviation', () => {
    assert.deepEqual(summarise([1, 2, 3]), { mean: 2, std: 1, n: 3 });
    assert.deepEqual(summarise([5]), { mean: 5, std: 0, n: 1 });
    assert.equal(show(summarise([1, 2, 3])), '2.0 ± 1.0');
    assert.equal(show(summarise([5]), 2), '5.00');
  });

  it('counts a difference only if it exceeds twice its standard error', () => {
    const { value, error } = difference(summarise([11, 12, 13]), summarise([9, 10, 11]));
    assert.equal(value, 2);
    assert.ok(Math.abs(error - Math.sqrt(2 / 3)) < 1e-12);
    assert.ok(isClear({ value, error }));
    assert.ok(!isClear(difference(summarise([11, 12, 13]), summarise([10, 11, 12]))));
    // Single runs have no standard error.
    assert.ok(!isClear(difference(summarise([9]), summarise([1]))));
  });

  it('interpolates the epoch of a training error', () => {
    assert.equal(epochsTo(epochs(60, 40, 20), 25), 2.75);
    assert.equal(epochsTo(epochs(60, 25, 20), 25), 2);
    assert.equal(epochsTo(epochs(20), 25), 1);
    assert.equal(epochsTo(epochs(60, 40), 25), undefined);
  });
});
