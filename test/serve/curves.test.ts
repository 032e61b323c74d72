import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { toyConfig } from '../support/toy.js';
import { addLines, ask, call, epochLine, jsonl, makeRun, openDashboard, stepLine, steps } from './support.js';

const insight = (step: number) => ({
  event: 'insight',
  step,
  parameters: [{ name: 'a.weight', gradNorm: step / 10, norm: null }],
  activations: [{ name: 'relu', kind: 'ReLU', units: 4, dead: 0.25, active: 0.5, mean: 0, std: 1 }],
});

test('one metric of several runs: of steps, epochs, layers and the paper’s own', async (t) => {
  const { root, dashboard } = await openDashboard(t);
  await makeRun(root, 'a, b', {
    metrics: [
      ...steps(1, 4),
      stepLine(5, { metrics: { 'd/loss': 7 }, gradNorm: 3 }),
      { ...epochLine(1, 5), testMetrics: { fid: 12 } },
    ],
    files: { 'insights.jsonl': jsonl([insight(2), insight(4)]) },
  });
  await makeRun(root, 'plain', { metrics: steps(1, 2) });
  const runs = ['a, b', 'plain', 'gone'].map(encodeURIComponent);
  const curves = async (name: string, more: object = {}) =>
    (await call(dashboard, 'GET /api/curves', { query: { runs, name, ...more } })).body;
  const { body: names } = await call(dashboard, 'GET /api/metrics', { query: { runs } });
  for (const name of [
    'loss',
    'lr',
    'epoch/testAccuracy',
    'test/fid',
    'train/d/loss',
    'gradNorm',
    'gradient/a.weight',
    'dead/relu',
  ])
    assert.ok(names.includes(name), `${name} in ${names}`);
  const [a, plain, gone] = await curves('loss');
  assert.deepEqual(a!.curve?.step, [1, 2, 3, 4, 5]);
  assert.deepEqual(plain!.curve?.mean, [2, 1]);
  assert.deepEqual(gone, { id: 'gone' });
  const first = async (name: string) => (await curves(name))[0]!.curve;
  assert.deepEqual((await first('epoch/testAccuracy'))?.mean, [41]);
  assert.deepEqual((await first('test/fid'))?.mean, [12]);
  assert.deepEqual((await first('train/d/loss'))?.step, [5]);
  assert.deepEqual((await first('gradNorm'))?.mean, [3]);
  assert.deepEqual((await first('gradient/a.weight'))?.mean, [0.2, 0.4]);
  assert.deepEqual((await first('norm/a.weight'))?.gaps, [2, 4]);
  for (const name of ['epoch/nothing', 'dead/other', 'constructor', '__proto__/x', ''])
    assert.equal(await first(name), undefined, name);
  assert.deepEqual((await curves('loss', { from: 2, to: 3 }))[0]!.curve?.step, [2, 3]);
  // A resumed run repeats steps: what was logged after them is gone.
  await writeFile(join(root, 'a, b', 'metrics.jsonl'), jsonl(steps(1, 3)));
  assert.deepEqual((await curves('gradNorm'))[0]!.curve?.step ?? [], []);
  for (const query of [
    '',
    '?runs=',
    `?runs=${Array.from({ length: 201 }, (_, i) => i)}`,
    '?runs=%25zz&name=loss',
  ])
    assert.equal((await ask(dashboard, `/api/curves${query}`)).status, 400, query);
});

test('a clock converts steps to times and epochs', async (t) => {
  const { root, dashboard } = await openDashboard(t);
  const run = await makeRun(root, 'a', { metrics: [] });
  const clock = async () => (await call(dashboard, 'GET /api/runs/:id/clock', { params: { id: 'a' } })).body;
  assert.deepEqual([(await clock()).step, (await clock()).epochs], [[], []]);
  await addLines(run, [...steps(1, 3), epochLine(1, 3), ...steps(4, 4)]);
  const { started, ...rest } = await clock();
  assert.deepEqual(rest, { step: [1, 2, 3, 4], seconds: [0.25, 0.5, 0.75, 1], epochs: [3] });
  assert.ok(started > 1.6e9);
  await addLines(run, steps(5, 4000));
  const long = await clock();
  assert.equal(long.step.length, 200);
  assert.deepEqual([long.step.at(-1), long.seconds.at(-1)], [4000, 1000]);
});

test('the origin of a run: its command, its preset, its data', async (t) => {
  const { root, dashboard } = await openDashboard(t);
  const of = async (id: string) => call(dashboard, 'GET /api/runs/:id/origin', { params: { id } });
  const base = toyConfig({}) as { model: object };
  const config = { ...base, recipe: 'quick', model: { ...base.model, paper: 'alexnet' } };
  const data = {
    version: 1,
    train: { images: 9, classes: [], fingerprint: 'abc' },
    test: { images: 3, classes: [] },
  };
  await makeRun(root, 'new', {
    config: { ...config, machine: { command: "paperweight train --run 'it'\\''s'" } },
    files: { 'data.json': JSON.stringify(data) },
  });
  const recorded = (await of('new')).body;
  assert.equal(recorded.command, "paperweight train --run 'it'\\''s'");
  assert.ok(recorded.recorded);
  assert.deepEqual(recorded.data, { train: { images: 9, fingerprint: 'abc' }, test: { images: 3 } });
  await makeRun(root, 'old', {
    config: { ...config, lr: 0.125, seed: 7, data: '/data of mine', clipNorm: 2 },
  });
  const derived = (await of('old')).body;
  assert.equal(derived.recorded, false);
  for (const part of ['--preset quick', '--seed 7', '--lr 0.125', '--clip-norm 2', "--data '/data of mine'"])
    assert.ok(derived.command?.includes(part), `${part} in ${derived.command}`);
  assert.equal(typeof derived.preset?.lr, 'number');
  await makeRun(root, 'foreign', { config: { ...config, model: { ...config.model, paper: '../../etc' } } });
  assert.deepEqual((await of('foreign')).body, { recorded: false, beyond: [] });
  await mkdir(join(root, 'broken'));
  await writeFile(join(root, 'broken', 'config.json'), '[]');
  assert.equal((await of('broken')).status, 422);
});

test('figures of the machine, as means of neighbouring lines', async (t) => {
  const { root, dashboard } = await openDashboard(t);
  const lines = Array.from({ length: 600 }, (_, i) => ({
    time: 1000 * (i + 1),
    cpu: i % 2,
    ...(i > 300 ? { gpu: 9 } : {}),
  }));
  await makeRun(root, 'a', {
    files: { 'machine.jsonl': `${jsonl(lines)}{"time":"x"}\n{"time":1e6,"cpu":null}\n` },
  });
  await makeRun(root, 'b');
  const of = async (id: string) =>
    (await call(dashboard, 'GET /api/runs/:id/machine', { params: { id } })).body;
  const { time, values } = await of('a');
  assert.equal(time.length, 300);
  assert.deepEqual([time[0], time.at(-1)], [2, 600]);
  assert.deepEqual(Object.keys(values), ['cpu', 'gpu']);
  assert.deepEqual([values.cpu![0], values.gpu![0], values.gpu!.at(-1)], [0.5, null, 9]);
  assert.deepEqual(await of('b'), { time: [], values: {} });
});
