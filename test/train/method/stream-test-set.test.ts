import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EpochEvent } from '../../../src/run/events.js';
import type { Tensor } from '../../../src/tensor/tensor.js';
import { measuredIn } from '../../support/runs/killed-runs.js';
import { ownRun, squares } from '../../support/runs/own-runs.js';

/** Rows of four equal numbers: 0, 1, 2, … */
const counting = (length: number | undefined, count: number) => ({
  name: 'counting',
  ...(length === undefined ? {} : { length }),
  *iterate() {
    for (let i = 0; i < count; i++) yield Float32Array.of(i, i, i, i);
  },
});
const isEpoch = (line: unknown): line is EpochEvent => (line as EpochEvent).event === 'epoch';
const training = squares(() => ({ measure: (x: Tensor) => ({ loss: x.mean() }) }));

for (const [name, testSet, evalLimit, mean, measured] of [
  ['as a whole', counting(20, 20), undefined, 9.5, 20],
  ['without a length', counting(undefined, 20), undefined, 9.5, 20],
  ['its first batches', counting(20, 20), 10, 7.5, 16],
  ['the first batches of one without an end', counting(undefined, 1e9), 10, 7.5, 16],
] as const)
  test(`a stream as test set is measured: ${name}`, async (t) => {
    const config = evalLimit === undefined ? {} : { evalLimit };
    const { trainer, path } = await ownRun(t, { training, testSet, config });
    assert.ok(await trainer.run());
    const epoch = (await measuredIn(path)).find(isEpoch)!;
    assert.equal(epoch.testLoss, mean);
    assert.equal(epoch.testImages, measured);
  });
