import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { CheckpointError, UsageError } from '../../../src/errors/errors.js';
import alexnet from '../../../src/papers/alexnet/index.js';
import { paperPage } from '../../../src/papers/build-page.js';
import type { Variant } from '../../../src/papers/claims/job.js';
import { jobName } from '../../../src/papers/claims/job.js';
import { compared, testError } from '../../../src/papers/claims/kinds.js';
import { type ReproduceOptions, reproduce, type Watcher } from '../../../src/papers/claims/reproduce.js';
import { configHash, ResultFolder } from '../../../src/papers/claims/result.js';
import type { Paper } from '../../../src/papers/paper.js';
import { scratch, ToySet } from '../../support/toy.js';

const variant = (id: string, lr: number): Variant => ({
  id,
  dataset: 'shapes10',
  model: {
    preset: 'four-layer',
    imageSize: 32,
    dropout: 0,
    init: 'kaiming',
    options: { width: 'half', pooling: 'plain' },
  },
  training: {
    epochs: 2,
    batchSize: 8,
    lr,
    momentum: 0.9,
    weightDecay: 0,
    schedule: { kind: 'constant' },
    checkpointEvery: 1,
    logEvery: 1,
  },
  seconds: 10,
});
const text = { en: 'words | and more', zh: '文字' };

/** AlexNet with one claim that needs tiny training runs. */
const paperWith = (lr = 0.01): Paper => ({
  ...alexnet,
  claims: [
    compared({
      id: 'rates',
      section: '9',
      order: 1,
      statement: text,
      paperSays: '1 | 2',
      rule: text,
      less: { label: 'fast', variant: variant('fast', lr) },
      more: { label: 'slow', variant: variant('slow', 0.0001) },
      seeds: [0],
      measure: testError,
      trend: text,
    }),
  ],
});

let root: string;
let remove: () => unknown;
let device: Device;
before(async () => {
  root = await scratch({ after: (body) => void (remove = body as () => unknown) });
  device = referenceDevice();
});
after(() => remove());

const run = (name: string, options: Partial<ReproduceOptions> = {}) =>
  reproduce({
    paper: paperWith(),
    device,
    openDataset: async (_, train) => new ToySet(train ? 24 : 10, train ? 1 : 2),
    runs: join(root, name, 'runs'),
    results: join(root, name, 'results'),
    ...options,
  });

describe('reproduce', () => {
  it('in parts on several machines trains each once, and the results are those of one', async () => {
    const begun: string[] = [];
    const watcher: Watcher = { begin: (job) => begun.push(jobName(job)) };
    const trained: string[][] = [];
    // The machines share the folder of results, or copy their files into one.
    for (const index of [1, 2, 3]) {
      begun.length = 0;
      assert.equal(await run('shards', { watcher, shard: { index, count: 3 } }), 'done');
      trained.push([...begun]);
    }
    assert.deepEqual(trained.flat().sort(), ['fast-seed0', 'slow-seed0']);
    const files = await readdir(join(root, 'shards', 'results'));
    assert.deepEqual(files.sort(), ['fast-seed0.json', 'slow-seed0.json'], 'no table yet');
    begun.length = 0;
    assert.equal(await run('shards', { watcher }), 'done');
    assert.deepEqual(begun, []);
    assert.ok((await readdir(join(root, 'shards', 'results'))).length > 2, 'no table');
  });

  it('runs the missing training runs, writes results and tables, and then has nothing left to do', async () => {
    const seen: string[] = [];
    const watcher: Watcher = {
      begin: (job, { jobs, seconds }) =>
        seen.push(`${jobName(job)} ${jobs.length} ${Math.round(seconds) > 0}`),
      epoch: (job, { epoch }) => seen.push(`${jobName(job)} ${epoch}`),
    };
    assert.equal(await run('whole', { watcher }), 'done');
    assert.deepEqual(seen, [
      'fast-seed0 2 true',
      'fast-seed0 1',
      'fast-seed0 2',
      'slow-seed0 1 true',
      'slow-seed0 1',
      'slow-seed0 2',
    ]);
    const folder = join(root, 'whole', 'results');
    assert.deepEqual((await readdir(folder)).sort(), [
      'README.md',
      'README.zh-CN.md',
      'fast-seed0.json',
      'slow-seed0.json',
    ]);
    const result = JSON.parse(await readFile(join(folder, 'fast-seed0.json'), 'utf8'));
    assert.equal(result.epochs.length, 2);
    assert.equal(result.configHash, configHash('alexnet', { variant: variant('fast', 0.01), seed: 0 }));
    assert.equal(result.testImages, 10);
    assert.ok(result.machine.node && result.paperweight && result.seconds >= 0);
    const table = await readFile(join(folder, 'README.md'), 'utf8');
    assert.match(table, /\| 9 \| words \\\| and more \| 1 \\\| 2 \| fast [\d.]+ %, slow .* \| trend only \(/);
    assert.match(await readFile(join(folder, 'README.zh-CN.md'), 'utf8'), /\| 仅见趋势（/);
    // A finished run keeps its best weights and its metrics, but no checkpoints.
    const own = join(root, 'whole', 'runs', 'alexnet', 'fast-seed0');
    assert.deepEqual(
      (await readdir(join(own, 'checkpoints'))).map((name) => name.slice(0, 5)),
      ['best-'],
    );
    seen.length = 0;
    assert.equal(await run('whole', { watcher }), 'done');
    assert.deepEqual(seen, []);
    // A lost result is rebuilt from the run's metrics, without further steps.
    const before = await readFile(join(folder, 'fast-seed0.json'), 'utf8');
    await rm(join(folder, 'fast-seed0.json'));
    assert.equal(await run('whole', { watcher }), 'done');
    assert.deepEqual(seen, ['fast-seed0 1 true']);
    assert.equal(await readFile(join(folder, 'fast-seed0.json'), 'utf8'), before);
  });

  it('continues after an interruption with the same numbers', async () => {
    for (const stop of [1, 4]) {
      const abort = new AbortController();
      const watcher: Watcher = { step: (_, step) => void (step === stop && abort.abort()) };
      assert.equal(await run('parts', { watcher, signal: abort.signal }), 'interrupted');
    }
    assert.equal(await run('parts', {}), 'done');
    const curves = async (name: string) =>
      JSON.parse(await readFile(join(root, name, 'results', 'fast-seed0.json'), 'utf8')).epochs;
    assert.deepEqual(await curves('parts'), await curves('whole'));
  });

  it('stops when its time budget is reached', async () => {
    assert.equal(await run('budget', { budgetSeconds: 0.001 }), 'budget');
    assert.ok(!existsSync(join(root, 'budget', 'results', 'slow-seed0.json')));
  });

  it('does not use a run or a result with another configuration', async () => {
    const other = { paper: paperWith(0.02) };
    const results = await ResultFolder.open(join(root, 'whole', 'results'), 'alexnet');
    assert.ok(results.get(variant('fast', 0.01), 0));
    assert.equal(results.get(variant('fast', 0.02), 0), undefined);
    await assert.rejects(
      run('whole', other),
      (e) => e instanceof UsageError && /another configuration/.test(e.message),
    );
  });

  it('counts a diverged training as a result', async () => {
    assert.equal(await run('diverged', { paper: paperWith(1e9) }), 'done');
    const folder = join(root, 'diverged', 'results');
    const result = JSON.parse(await readFile(join(folder, 'fast-seed0.json'), 'utf8'));
    assert.equal(result.diverged, true);
    assert.match(
      await readFile(join(folder, 'README.md'), 'utf8'),
      /not measured \(fast: a training diverged\)/,
    );
  });

  it('writes the table between the markers of the notes, and refuses an invalid result', async () => {
    const notes = join(root, 'notes');
    await mkdir(notes);
    const marked =
      '# T\n\n<!-- claims: written by `paperweight reproduce` -->\nold\n<!-- /claims -->\n\nend\n';
    await writeFile(join(notes, 'notes.md'), marked);
    assert.equal(await run('whole', { notes }), 'done');
    const now = await readFile(join(notes, 'notes.md'), 'utf8');
    assert.match(now, /^# T\n\n<!-- claims: .* -->\n\n\| Section \|(?:.|\n)*\n\n<!-- \/claims -->\n\nend\n$/);
    assert.doesNotMatch(now, /old/);
    await writeFile(join(root, 'whole', 'results', 'fast-seed0.json'), '{"version": 1}');
    await assert.rejects(
      run('whole'),
      (e) => e instanceof CheckpointError && /fast-seed0\.json is not a valid result/.test(e.message),
    );
  });
});

describe('a paper’s page', () => {
  it('has notes in both languages and a row for each claim', async () => {
    const page = await paperPage('alexnet', join(root, 'nowhere'));
    assert.equal(page.title, 'AlexNet');
    assert.match(page.notes.en, /AlexNet/);
    assert.match(page.notes.zh, /\p{Script=Han}/u);
    // The table of claims exists already; the text around it stays.
    for (const notes of [page.notes.en, page.notes.zh]) {
      assert.doesNotMatch(notes, /<!--|\| Paper says|\| 论文所述/);
      assert.match(notes, /figures\/figure-1/);
    }
    assert.deepEqual(
      page.claims.map(({ id }) => id),
      alexnet.claims.map(({ id }) => id),
    );
    await assert.rejects(paperPage('nothing'), /There is no paper "nothing"/);
    await assert.rejects(paperPage('../alexnet'), /There is no paper/);
  });
});
