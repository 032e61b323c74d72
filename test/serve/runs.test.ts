import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { UsageError } from '../../src/errors/errors.js';
import { writeSafetensors } from '../../src/interop/safetensors/checked.js';
import { startTimeOf } from '../../src/run/process-file.js';
import type { RunSummary } from '../../src/serve/api.js';
import { Dashboard } from '../../src/serve/http/server.js';
import { toyConfig } from '../support/toy.js';
import { ask, call, epochLine, makeRun, NO_PAPERS, openDashboard, send, steps } from './support.js';

const RUN = { params: { id: 'run' } };
const INSIGHTS = 'GET /api/runs/:id/insights';
const OLD = new Date('2026-01-02T03:04:05Z');
const done = {
  event: 'done',
  run: 'x',
  step: 20,
  testAccuracy: 42,
  testTop5: 90,
  testImages: 21,
  seconds: 9,
};
const presence = (fields: object) => ({ 'process.json': JSON.stringify(fields) });

test('a run on an image folder knows its length in its first epoch', async (t) => {
  const { dashboard, root } = await openDashboard(t);
  const files = { 'data.json': JSON.stringify({ version: 1, train: { images: 900 }, test: { images: 9 } }) };
  const { batchSize, epochs, maxSteps: _, ...config } = toyConfig({ dataset: 'imagefolder' });
  const lengths = {
    whole: config,
    two: { ...config, accumulate: 2 },
    few: { ...config, overfitBatches: 3 },
  };
  for (const [id, fields] of Object.entries(lengths))
    await makeRun(root, id, { files, config: { ...fields, batchSize, epochs }, metrics: steps(1, 2) });
  const runs = (await call(dashboard, 'GET /api/runs')).body;
  const batches = Math.ceil(900 / batchSize);
  assert.deepEqual(Object.fromEntries(runs.map(({ id, stepsTotal }) => [id, stepsTotal])), {
    whole: batches * epochs,
    two: Math.ceil(batches / 2) * epochs,
    few: 3 * epochs,
  });
});

test('outliers do not move the small curve of a run', async (t) => {
  const { dashboard, root } = await openDashboard(t);
  const metrics = steps(1, 600).map((step, i) => (i % 100 === 50 ? { ...step, loss: 1e9 } : step));
  await makeRun(root, 'run', { metrics });
  const [{ spark }] = (await call(dashboard, 'GET /api/runs')).body as unknown as [RunSummary];
  assert.ok(Math.max(...spark) < 1e6, `${Math.max(...spark)}`);
});

test('the list has the key facts of each run', async (t) => {
  const { dashboard, root } = await openDashboard(t);
  await makeRun(root, 'old', {
    metrics: [...steps(1, 10), epochLine(1, 10), ...steps(11, 20), epochLine(2, 20), done],
    config: toyConfig({ machine: { started: '2026-01-01T00:00:00.000Z' } }),
    files: {
      'state.json': '{"version":1,"best":{"file":"best-00000020.safetensors","accuracy":42.5}}',
      'label.json': '{"name":"first try","tags":["toy"]}',
    },
  });
  await makeRun(root, 'young', { metrics: [] });
  await mkdir(join(root, 'no-run'));
  await writeFile(join(root, 'file'), '');
  const [young, old, ...rest] = (await call(dashboard, 'GET /api/runs')).body;
  assert.deepEqual(rest, []);
  assert.deepEqual([young!.id, young!.step, young!.spark, young!.status], ['young', 0, [], 'training']);
  // Three epochs of 1,250 steps, without the step limit.
  assert.equal(young!.stepsTotal, 1000);
  const { updated, spark, ...known } = old!;
  assert.ok(Date.parse(updated) > OLD.getTime());
  assert.equal(spark.length, 20);
  assert.deepEqual(known, {
    id: 'old',
    name: 'first try',
    tags: ['toy'],
    status: 'done',
    paper: 'toy',
    preset: 'toy',
    recipe: 'notes',
    dataset: 'shapes10',
    seed: 7,
    started: '2026-01-01T00:00:00.000Z',
    step: 20,
    stepsTotal: 20,
    epoch: 1,
    epochs: 3,
    bestAccuracy: 42.5,
    lastLoss: 0.1,
    figures: {
      imagesPerSecond: 120,
      stepSeconds: 0.25,
      rssMiB: 900,
      'epoch/trainLoss': 1.5,
      'epoch/testLoss': 1.4,
    },
  });
});

test('the status follows the process, or the metrics if no process is known', async (t) => {
  const { dashboard, root } = await openDashboard(t);
  const startTime = await startTimeOf(process.pid);
  const alive = { pid: process.pid, startTime };
  const dead = { pid: 2 ** 22 + 1, startTime: '1' };
  const runs: [string, RunSummary['status'], Parameters<typeof makeRun>[2]?][] = [
    ['fresh', 'training'],
    ['stale', 'interrupted'],
    ['ended', 'done', { metrics: [...steps(1, 20), done] }],
    ['training', 'training', { files: presence({ ...alive, status: 'training' }) }],
    ['paused', 'paused', { files: presence({ ...alive, status: 'paused' }) }],
    ['killed', 'interrupted', { files: presence({ ...dead, status: 'training' }) }],
    ['failed', 'failed', { files: presence({ ...dead, status: 'failed', error: 'diverged' }) }],
    ['finished', 'done', { files: presence({ ...dead, status: 'done' }) }],
    ['broken', 'interrupted', { files: { 'process.json': '{' } }],
    ...(startTime === ''
      ? []
      : ([
          ['another', 'interrupted', { files: presence({ ...alive, startTime: '1', status: 'training' }) }],
        ] as never[])),
  ];
  for (const [id, , options] of runs) {
    const folder = await makeRun(root, id, options);
    if (id === 'stale' || id === 'broken') await utimes(join(folder, 'metrics.jsonl'), OLD, OLD);
  }
  const found = (await call(dashboard, 'GET /api/runs')).body;
  for (const [id, status] of runs) assert.equal(found.find((run) => run.id === id)?.status, status, id);
  assert.equal(found.find(({ id }) => id === 'failed')!.error, 'diverged');
});

test('a run whose name has control characters is listed, read and deleted', async (t) => {
  if (process.platform === 'win32') return t.skip('Windows allows no such names');
  const { dashboard, root } = await openDashboard(t, { control: true });
  const names = ['line\nbreak', 'tab\there', 'red\x1b[31m', 'delete\x7f', 'c1\u009b'];
  for (const id of names) await makeRun(root, id, { metrics: [...steps(1, 20), done] });
  const runs = (await call(dashboard, 'GET /api/runs')).body;
  assert.deepEqual(runs.map(({ id }) => id).sort(), [...names].sort());
  for (const { id, name, step } of runs) {
    assert.equal(step, 20);
    assert.doesNotMatch(name, /\p{Cc}/u);
    const { body } = await call(dashboard, 'GET /api/runs/:id', { params: { id } });
    assert.equal(body.id, id);
  }
  assert.equal(runs.find(({ id }) => id === 'line\nbreak')!.name, 'line\\nbreak');
  const deleted = await call(dashboard, 'DELETE /api/runs/:id', { params: { id: 'line\nbreak' } });
  assert.equal(deleted.status, 200);
  assert.equal((await call(dashboard, 'GET /api/runs')).body.length, names.length - 1);
});

test('a run with damaged files is shown as such, and does not hide the others', async (t) => {
  const { dashboard, root, errors } = await openDashboard(t);
  for (const [id, config] of [
    ['text', 'no json'],
    ['list', '[]'],
    ['empty', ''],
    ['deep', '{"model":{"paper":7}}'],
  ] as const)
    await makeRun(root, id, { files: { 'config.json': config } });
  await makeRun(root, 'state', {
    files: { 'state.json': '{', 'label.json': '[1]', 'insights.jsonl': '{}\n[\n' },
  });
  await makeRun(root, 'binary', { files: { 'metrics.jsonl': Buffer.from([0, 255, 10, 200, 10]) } });
  const found = (await call(dashboard, 'GET /api/runs')).body;
  assert.equal(found.length, 6);
  assert.deepEqual(
    found
      .filter(({ status }) => status === 'failed')
      .map(({ id }) => id)
      .sort(),
    ['deep', 'empty', 'list', 'text'],
  );
  for (const { id } of found)
    for (const path of [
      '',
      '/series',
      '/log',
      '/insights',
      '/kernels',
      '/kernels/3',
      '/model',
      '/confusion',
    ]) {
      const { status } = await ask(dashboard, `/api/runs/${id}${path}`);
      assert.ok(status < 500, `${id}${path}: ${status}`);
    }
  assert.deepEqual(errors, []);
});

test('the details of a run', async (t) => {
  const { dashboard, root } = await openDashboard(t);
  const lines = Array.from({ length: 1200 }, (_, i) => ({ event: 'line', step: i, text: `line ${i}` }));
  const activation = { name: 'a', kind: 'ReLU', units: 2, dead: 0, active: 1, mean: 0, std: 1 };
  const histogram = { min: 0, max: 1, counts: [1, 2] };
  const insights = Array.from({ length: 9 }, (_, i) => ({
    event: 'insight',
    step: 100 * i,
    parameters: [{ name: 'w', gradNorm: 1, norm: 2 }],
    activations: [{ ...activation, histogram }],
  }));
  const text = (values: readonly object[]) => `${values.map((value) => JSON.stringify(value)).join('\n')}\n`;
  const run = await makeRun(root, 'run', {
    metrics: [...steps(1, 10), epochLine(1, 10), ...steps(11, 12)],
    files: {
      'log.jsonl': `${text(lines)}{"event":"line","st`,
      'insights.jsonl': text(insights),
      'data.json': JSON.stringify({ version: 1, train: { images: 900 }, test: { images: 9 } }),
    },
  });
  for (const name of ['step-00000010', 'step-00000012', 'best-00000010'])
    await writeFile(join(run, 'checkpoints', `${name}.safetensors`), '');
  await writeFile(join(run, 'checkpoints', '.step-1.tmp'), '');
  const detail = (await call(dashboard, 'GET /api/runs/:id', RUN)).body;
  assert.equal(detail.lines, 13);
  assert.equal(detail.lastStep?.step, 12);
  assert.deepEqual(detail.epochEvents, [epochLine(1, 10)]);
  assert.equal(detail.config.seed, 7);
  assert.equal(detail.testImages, 9);
  assert.deepEqual(detail.checkpoints.map(({ file, best }) => [file, best]).sort(), [
    ['best-00000010.safetensors', true],
    ['step-00000010.safetensors', false],
    ['step-00000012.safetensors', false],
  ]);
  const log = (await call(dashboard, 'GET /api/runs/:id/log', RUN)).body;
  assert.deepEqual([log.length, log[0]!.text, log.at(-1)!.text], [1000, 'line 200', 'line 1199']);
  const some = (await call(dashboard, INSIGHTS, { ...RUN, query: { points: 3 } })).body;
  assert.deepEqual(
    some.map(({ step }) => step),
    [0, 400, 800],
  );
  assert.deepEqual(
    some.map(({ activations }) => activations[0]!.histogram),
    [undefined, undefined, histogram],
  );
  const all = (await call(dashboard, INSIGHTS, { ...RUN, query: { histograms: 'all' } })).body;
  assert.ok(all.length === 9 && all.every(({ activations }) => activations[0]!.histogram));
});

test('steps and indices in paths are whole numbers', async (t) => {
  const { root, dashboard } = await openDashboard(t);
  await makeRun(root, 'run');
  for (const path of [
    'runs/run/kernels/..%2fconfig.json',
    'runs/run/samples/1e3',
    'runs/run/images/-1',
    'images/run/x',
  ]) {
    const { status, text } = await ask(dashboard, `/api/${path}`);
    assert.equal(status, 400, path);
    assert.match(text, /a whole number/, path);
  }
});

test('kernels are returned as colours around grey', async (t) => {
  const { dashboard, root } = await openDashboard(t);
  const run = await makeRun(root, 'run');
  // The first kernel's red falls from 2 to −2, its blue is 0; the second is all zeros.
  const data = new Float32Array(2 * 3 * 4);
  data.set([2, 1, -1, -2, 0.5, 0.5, 0.5, 0.5]);
  const file = (step: string) => join(run, 'kernels', `step-${step}.safetensors`);
  await writeSafetensors(
    file('00000100'),
    new Map([['kernels', { dtype: 'F32', shape: [2, 3, 2, 2], data }]]),
  );
  await writeSafetensors(file('00000020'), new Map([['other', { dtype: 'F32', shape: [24], data }]]));
  await writeFile(file('00000030'), 'broken');
  assert.deepEqual((await call(dashboard, 'GET /api/runs/:id/kernels', RUN)).body, [20, 30, 100]);
  const kernels = (
    await call(dashboard, 'GET /api/runs/:id/kernels/:step', { params: { id: 'run', step: 100 } })
  ).body;
  assert.deepEqual([kernels.step, kernels.count, kernels.side], [100, 2, 2]);
  assert.deepEqual(
    [...Buffer.from(kernels.rgb, 'base64')],
    [255, 159, 128, 191, 159, 128, 64, 159, 128, 0, 159, 128, ...Array(12).fill(128)],
  );
  assert.equal((await ask(dashboard, '/api/runs/run/kernels/20')).status, 422);
  assert.equal((await ask(dashboard, '/api/runs/run/kernels/30')).status, 422);
});

test('runs are renamed and tagged', async (t) => {
  const { dashboard, root } = await openDashboard(t, { control: true });
  await makeRun(root, 'run');
  const change = async (body: object) =>
    (await call(dashboard, 'PATCH /api/runs/:id', { ...RUN, body })).body;
  const named = await change({ name: ' 猫 & <dog> ' });
  assert.deepEqual([named.id, named.name], ['run', '猫 & <dog>']);
  assert.deepEqual((await change({ tags: ['a', 'b', 'a'] })).tags, ['a', 'b']);
  const { name, tags } = await change({});
  assert.deepEqual([name, tags], ['猫 & <dog>', ['a', 'b']]);
  const long = await send(dashboard, 'PATCH', '/api/runs/run', { tags: ['a', 'b'.repeat(200)] });
  assert.equal(long.status, 400);
  assert.match(long.text, /entry 2 of tags: Expected a length of 1 to 50; got 200/);
  assert.doesNotMatch(long.text, /✖|→/);
});

test('a finished run is deleted and restored', async (t) => {
  const { dashboard, root } = await openDashboard(t, { control: true });
  const run = await makeRun(root, 'run', { metrics: [...steps(1, 20), done] });
  await makeRun(root, 'busy');
  assert.equal((await send(dashboard, 'DELETE', '/api/runs/busy')).status, 409);
  const first = (await call(dashboard, 'DELETE /api/runs/:id', RUN)).body;
  assert.equal(existsSync(run), false);
  assert.equal((await ask(dashboard, '/api/runs/run')).status, 404);
  const back = await call(dashboard, 'POST /api/undo/:undo', { params: first });
  assert.equal(back.body.id, 'run');
  assert.match(await readFile(join(run, 'metrics.jsonl'), 'utf8'), /"done"/);
  assert.deepEqual(await readdir(join(root, '.trash')), []);
  const second = (await call(dashboard, 'DELETE /api/runs/:id', RUN)).body;
  await makeRun(root, 'run');
  assert.equal((await send(dashboard, 'POST', `/api/undo/${second.undo}`)).status, 409);
  for (const undo of ['0123456789abcdef', '..', '..%2f..', second.undo.toUpperCase(), first.undo])
    assert.equal((await send(dashboard, 'POST', `/api/undo/${undo}`)).status, 404, undo);
});

test('runs deleted long ago are removed at a later start', async (t) => {
  const { dashboard, root } = await openDashboard(t, { control: true });
  for (const id of ['long-ago', 'just-now']) await makeRun(root, id, { metrics: [done] });
  const undo = async (id: string) =>
    (await call(dashboard, 'DELETE /api/runs/:id', { params: { id } })).body.undo;
  const [old, young] = [await undo('long-ago'), await undo('just-now')];
  await utimes(join(root, '.trash', old), OLD, OLD);
  await openDashboard(t, { root, control: true });
  assert.deepEqual(await readdir(join(root, '.trash')), [young]);
});

test('a request to a training run is written where the trainer reads it', async (t) => {
  const { dashboard, root } = await openDashboard(t, { control: true });
  const run = await makeRun(root, 'run');
  const answer = await call(dashboard, 'POST /api/runs/:id/control', { ...RUN, body: { action: 'pause' } });
  assert.equal(answer.status, 200);
  const first = JSON.parse(await readFile(join(run, 'control.json'), 'utf8')) as {
    action: string;
    id: string;
  };
  assert.equal(first.action, 'pause');
  await call(dashboard, 'POST /api/runs/:id/control', { ...RUN, body: { action: 'pause' } });
  const second = JSON.parse(await readFile(join(run, 'control.json'), 'utf8')) as { id: string };
  assert.notEqual(second.id, first.id);
  assert.equal((await send(dashboard, 'POST', '/api/runs/run/control', { action: 'rm' })).status, 400);
  await makeRun(root, 'ended', { metrics: [done] });
  assert.equal((await send(dashboard, 'POST', '/api/runs/ended/control', { action: 'stop' })).status, 409);
});

test('the pages are compressed and cached', async (t) => {
  const { dashboard } = await openDashboard(t);
  const plain = await ask(dashboard, '/app.js');
  assert.equal(plain.headers['content-type'], 'text/javascript; charset=utf-8');
  for (const path of ['/', '/runs/x', '/papers/alexnet'])
    assert.match((await ask(dashboard, path)).text, /<!doctype html>/);
  const { etag } = plain.headers;
  assert.equal((await ask(dashboard, '/app.js', { headers: { 'If-None-Match': etag! } })).status, 304);
  const url = `http://127.0.0.1:${dashboard.port}/app.js`;
  const { get } = await import('node:http');
  const raw = (encoding: string) =>
    new Promise<Buffer>((resolve, reject) => {
      get(url, { headers: { 'Accept-Encoding': encoding }, agent: false }, async (response) => {
        assert.equal(response.headers['content-encoding'], encoding);
        resolve(Buffer.concat(await response.toArray()));
      }).on('error', reject);
    });
  assert.equal(brotliDecompressSync(await raw('br')).toString(), plain.text);
  assert.equal(gunzipSync(await raw('gzip')).toString(), plain.text);
  for (const path of ['/app.css', '/favicon.ico', '/app.js.map'])
    assert.equal((await ask(dashboard, path)).status, 404);
});

test('papers, their pages and their figures', async (t) => {
  const page = { id: 'alexnet', title: 'AlexNet', notes: { en: '# Notes', zh: '# 笔记' }, claims: [] };
  const file = { en: 'a.svg', zh: 'a.zh.svg' };
  const figures = [{ file, title: { en: 'A', zh: '甲' } }];
  const { dashboard, root } = await openDashboard(t, {
    papers: {
      list: async () => [{ id: 'alexnet', title: 'AlexNet' }],
      page: async () => ({ ...page, figures }),
      figures: async () => figures,
      figure: (_id, file) => join(root, '..', file),
    },
  });
  for (const name of ['a.svg', 'a.zh.svg', 'b.svg']) await writeFile(join(root, '..', name), '<svg/>');
  assert.deepEqual((await call(dashboard, 'GET /api/papers')).body, [{ id: 'alexnet', title: 'AlexNet' }]);
  assert.deepEqual((await call(dashboard, 'GET /api/papers/:id', { params: { id: 'alexnet' } })).body, {
    ...page,
    figures,
  });
  for (const name of ['a.svg', 'a.zh.svg']) {
    const figure = await ask(dashboard, `/api/papers/alexnet/figures/${name}`);
    assert.deepEqual([figure.headers['content-type'], figure.text], ['image/svg+xml', '<svg/>']);
  }
  for (const path of ['alexnet/figures/b.svg', 'alexnet/figures/..%2fb.svg', 'other', 'other/figures/a.svg'])
    assert.equal((await ask(dashboard, `/api/papers/${path}`)).status, 404, path);
});

test('a failed start says why', async (t) => {
  const { root } = await openDashboard(t);
  const options = {
    root,
    host: '127.0.0.1',
    port: 0,
    control: false,
    version: '1',
    papers: NO_PAPERS,
    web: join(root, '..', 'web'),
  };
  const refused = (changes: object, words: RegExp) =>
    assert.rejects(
      Dashboard.open({ ...options, ...changes }),
      (error) => error instanceof UsageError && words.test(error.message),
    );
  await refused({ root: join(root, '..', 'web', 'app.js') }, /runs folder .*app\.js/);
  await refused({ web: root }, /npm run build/);
  const other = createServer().listen(0, '127.0.0.1');
  t.after(() => other.close());
  await new Promise((resolve) => other.once('listening', resolve));
  await refused({ port: (other.address() as AddressInfo).port }, /already in use.*--port/);
});
