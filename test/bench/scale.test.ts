import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scheduleOf } from '../../src/bench/scale/measure.js';
import {
  closedForm,
  computing,
  efficiencies,
  exchangeSeconds,
  NETWORKS,
  type Schedule,
  simulate,
} from '../../src/bench/scale/model.js';
import { runCli } from '../support/cli.js';

const fast = { name: 'fast', bandwidth: 1e9, latency: 0 };

test('in an exchange each rank sends and receives (N−1)/N of the bytes', () => {
  assert.equal(exchangeSeconds(1e9, 1, fast), 0);
  assert.ok(Math.abs(exchangeSeconds(1e9, 2, fast) - (1 + 0.1)) < 1e-12);
  assert.ok(exchangeSeconds(4, 1024, { ...fast, latency: 1e-5 }) > 1033e-5);
});

/** Two gradients of which the first hides behind the second's computation. */
const schedule: Schedule = {
  steps: [
    { seconds: 1 },
    { seconds: 0, starts: 0 },
    { seconds: 2 },
    { seconds: 0, starts: 1 },
    { seconds: 0.25, waits: 0 },
    { seconds: 0.25, waits: 1 },
  ],
  bytes: [1e9, 0.5e9],
};

test('the simulation starts, hides and waits as the plan says', () => {
  const { seconds, exchanges } = simulate(schedule, 2, fast);
  assert.deepEqual(
    exchanges.map(({ start }) => start),
    [1, 3],
  );
  assert.equal(exchanges[0]!.waited, 0);
  assert.ok(Math.abs(exchanges[1]!.waited - (0.55 - 0.25)) < 1e-12);
  assert.ok(Math.abs(seconds - (computing(schedule) + 0.3)) < 1e-12);
  // The formula does not know that the last exchange hides behind the first one's update.
  assert.ok(Math.abs(closedForm(schedule, 2, fast) - (computing(schedule) + 0.55)) < 1e-12);
});

test('a network that is too slow makes exchanges follow each other, in both', () => {
  const slow = { ...fast, bandwidth: 1e8 };
  const { exchanges } = simulate(schedule, 2, slow);
  assert.equal(exchanges[1]!.start, exchanges[0]!.end);
  const total = exchangeSeconds(1e9, 2, slow) + exchangeSeconds(0.5e9, 2, slow);
  assert.ok(Math.abs(closedForm(schedule, 2, slow) - (computing(schedule) + total - 2)) < 1e-9);
  assert.ok(Math.abs(simulate(schedule, 2, slow).seconds - closedForm(schedule, 2, slow)) <= 0.5);
});

test('efficiency falls with the ranks, and overlap never lowers it', () => {
  for (const network of NETWORKS) {
    const all = efficiencies(schedule, network, [2, 16, 1024]);
    for (const [i, { without, closed, simulated }] of all.entries()) {
      assert.ok(without <= closed && closed <= 1 && without <= simulated && simulated <= 1);
      if (i > 0) assert.ok(simulated <= all[i - 1]!.simulated);
    }
  }
});

test('a profile becomes a schedule; other plans are refused', () => {
  const row = (op: string) => ({ op, milliseconds: 1 });
  const rows = ['conv2d', 'sumStart', 'relu', 'sumStart', 'sumEnd', 'sumEnd', 'sumEnd'].map(row);
  const found = scheduleOf(rows, [[10], [3, 4]], 4);
  assert.deepEqual(found.bytes, [40, 28]);
  assert.deepEqual(
    found.steps.map(({ starts, waits }) => starts ?? (waits === undefined ? undefined : `after ${waits}`)),
    [undefined, 0, undefined, 1, 'after 0', 'after 1', 'after 1'],
  );
  assert.throws(() => scheduleOf(rows, [[10], [3, 4], [5]], 4), /other exchanges than its gradients need/);
});

test('bench scale predicts from a measured step', async () => {
  const args = 'bench scale --paper alexnet --preset four-layer --batch 4 --threads 1 --json'.split(' ');
  const { code, stdout, stderr } = await runCli(args);
  assert.equal(code, 0, stderr);
  const { secondsPerStep, float32, bfloat16, simulated } = JSON.parse(stdout);
  assert.ok(secondsPerStep > 0);
  assert.equal(float32.length, 30);
  assert.equal(bfloat16.length, 30);
  assert.equal(simulated.length, 3);
  for (const { end, start } of simulated[0].exchanges) assert.ok(end > start);
});
