import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killAtRandom } from '../support/kill.js';
import { scratch } from '../support/toy.js';

// `node dist/bench/kill.js` does the same 200 times.
test('a run that is killed at random times ends with the same bits', async (t) => {
  const seed = Date.now() % 1e6;
  t.diagnostic(`seed ${seed}`);
  const counts = await killAtRandom(await scratch(t), { kills: 6, perRun: 6, seed });
  assert.equal(counts.kills, 6);
  t.diagnostic(JSON.stringify(counts));
});
