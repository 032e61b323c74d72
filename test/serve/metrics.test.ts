import assert from 'node:assert/strict';
import { appendFile, mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Series } from '../../src/serve/api.js';
import { Columns, SERIES_KEYS } from '../../src/serve/metrics/columns.js';
import { MetricsIndex } from '../../src/serve/metrics/index.js';
import { sampledSeries } from '../../src/serve/metrics/sample.js';
import { FIELDS, readStepLine } from '../../src/serve/metrics/step-line.js';
import { fileInside } from '../../src/serve/runs/path-containment.js';
import { scratch } from '../support/toy.js';
import { addLines, epochLine, jsonl, makeRun, stepLine, steps } from './support.js';

const round = (value: number) => Number(Math.fround(value).toPrecision(7));

test('step lines are parsed like JSON.parse', () => {
  const numbers = [
    0,
    1,
    -1,
    0.1,
    1e-7,
    2.5e-300,
    1.5e288,
    2 ** 70,

    0.1 + 0.2,
    Math.LN2,
    99999999999999.98,
    -Math.PI / 1e9,
  ];
  const values = new Float64Array(FIELDS.length);
  for (const loss of numbers) {
    const text = Buffer.from(jsonl([stepLine(7, { loss })]));
    assert.equal(readStepLine(text, 0, values), text.length, String(loss));
    assert.deepEqual([values[0], values[1], values[3]], [1, 7, 0.01]);
    assert.ok(Math.abs(values[2]! - loss) <= 1e-14 * Math.abs(loss), `${values[2]} is not ${loss}`);
  }
});

test('a line of another form is parsed by JSON.parse', () => {
  const usual = JSON.stringify(stepLine(7));
  const values = new Float64Array(FIELDS.length);
  for (const text of [
    usual,
    `${usual}\r\n`,
    ` ${usual}\n`,
    `${usual.replace('"step":7', '"step":07')}\n`,
    `${usual.replace('0.01', '.01')}\n`,
    `${usual.replace('0.01', '1.')}\n`,
    `${usual.replace('0.01', '1e')}\n`,
    `${usual.replace('0.01', '-')}\n`,
    `${usual.replace('0.01', '1e999')}\n`,
    `${usual.replace('0.01', '5e-324')}\n`,
    `${usual.replace('0.01', 'null')}\n`,
    `${usual.slice(0, -1)},"more":1}\n`,
    '\n',
  ])
    assert.equal(readStepLine(Buffer.from(text), 0, values), -1, text);
});

test('buckets have the mean and the extremes of their steps for any range', () => {
  const columns = new Columns(SERIES_KEYS);
  const losses = Array.from({ length: 5000 }, (_, i) => Math.fround(Math.sin(i * 12.9898) * 3));
  const numbers = new Float64Array(8);
  for (const [i, loss] of losses.entries()) {
    numbers.set([1, 2 * i + 1, loss, i]);
    columns.push(2 * i + 1, numbers, 2);
  }
  for (const [from, to, points] of [
    [0, 1e6, 7],
    [0, 1e6, 5000],
    [33, 6157, 3],
    [100, 100, 5],
    [101, 101, 5],
    [2049, 4097, 1],
    [9999, 20000, 10],
  ] as const) {
    const rows = losses
      .map((loss, i) => ({ step: 2 * i + 1, loss }))
      .filter(({ step }) => step >= from && step <= to);
    const { step, values, total } = columns.series(['loss'], from, to, points);
    assert.equal(total, rows.length);
    assert.equal(step.length, Math.min(points, rows.length));
    let done = 0;
    for (const [b, last] of step.entries()) {
      const bucket = rows
        .slice(done, (done = rows.findIndex((row) => row.step === last) + 1))
        .map(({ loss }) => loss);
      assert.equal(values.loss!.min[b], round(Math.min(...bucket)));
      assert.equal(values.loss!.max[b], round(Math.max(...bucket)));
      const mean = bucket.reduce((a, c) => a + c) / bucket.length;
      assert.ok(Math.abs(values.loss!.mean[b]! - mean) < 1e-6, `${values.loss!.mean[b]} is not ${mean}`);
    }
    assert.equal(done, rows.length);
  }
});

test('steps with NaN or infinity are gaps: they are in no bucket, and each is reported once', async (t) => {
  const lines: object[] = steps(1, 3000);
  const without = [5, 6, 1500, 2048, 2999];
  for (const [i, step] of without.entries())
    lines[step - 1] =
      i % 2 === 0 ? { event: 'skip', epoch: 1, step, where: 'features.0' } : stepLine(step, { loss: null });
  const run = await makeRun(await scratch(t), 'run', { metrics: lines });
  const index = new MetricsIndex(run);
  await index.follow();
  const all = index.columns.series(['loss', 'lr'], 0, 1e6, 3000);
  assert.equal(all.total, 3000);
  assert.deepEqual(all.values.loss!.gaps, without);
  for (const step of without)
    for (const column of ['mean', 'min', 'max'] as const)
      assert.equal(all.values.loss![column][step - 1], null);
  assert.equal(all.values.lr!.mean[5], round(0.01), 'other numbers of the line are there');
  for (const points of [1, 7, 1000]) {
    const { step, values } = index.columns.series(['loss'], 0, 1e6, points);
    const { mean, gaps } = values.loss!;
    let before = 0;
    for (const [b, last] of step.entries()) {
      const bucket = steps(before + 1, last).filter((line) => !without.includes(line.step));
      const right = bucket.reduce((sum, { loss }) => sum + loss, 0) / bucket.length;
      assert.ok(Math.abs(mean[b]! - right) < 1e-6 * right, `${mean[b]} is not ${right}`);
      const first = without.find((gap) => gap > before && gap <= last);
      assert.equal(first === undefined || gaps!.includes(first), true);
      before = last;
    }
  }
  assert.equal(index.lastStep?.step, 3000);
  const file = await fileInside(run, 'metrics.jsonl');
  const sampled = await sampledSeries(file!, { keys: ['loss'], from: 0, to: 3000, points: 500 });
  assert.equal(sampled.values.loss!.gaps?.[0], 5);
  assert.ok(sampled.values.loss!.mean.every((value) => value === null || Number.isFinite(value)));
});

test('dropped rows leave nothing in the blocks', () => {
  const columns = new Columns(SERIES_KEYS);
  const numbers = new Float64Array(8);
  const fill = (to: number, loss: number) => {
    for (let step = columns.lastStep + 1; step <= to; step++) {
      numbers[0] = loss;
      columns.push(step, numbers, 0);
    }
  };
  fill(2000, 9);
  columns.truncate(40);
  fill(3000, 1);
  assert.deepEqual(columns.series(['loss'], 41, 3000, 1).values.loss, { mean: [1], min: [1], max: [1] });
  assert.deepEqual(columns.series(['loss'], 0, 40, 1).values.loss, { mean: [9], min: [9], max: [9] });
});

async function indexed(t: Parameters<typeof scratch>[0], metrics: readonly object[]) {
  const folder = await makeRun(await scratch(t), 'run', { metrics });
  const told: string[] = [];
  const index = new MetricsIndex(folder, {
    watching: true,
    lines: (text) =>
      told.push(
        ...text
          .trim()
          .split('\n\n')
          .map((event) => /^id: (\d+)/.exec(event)![1]!),
      ),
    reset: (step, lines) => told.push(`reset ${step} ${lines}`),
  });
  await index.follow();
  return { folder, file: join(folder, 'metrics.jsonl'), index, told };
}

test('appended lines are read once, and an incomplete line waits for its end', async (t) => {
  const { file, folder, index, told } = await indexed(t, steps(1, 3));
  assert.deepEqual(told, ['1', '2', '3']);
  await index.follow();
  const text = jsonl([stepLine(4)]);
  await appendFile(file, text.slice(0, 50));
  await index.follow();
  assert.equal(index.lines, 3);
  await appendFile(file, text.slice(50));
  await addLines(folder, [epochLine(1, 4), stepLine(5)]);
  await Promise.all([index.follow(), index.follow(), index.follow()]);
  assert.deepEqual(told, ['1', '2', '3', '4', '5', '6']);
  assert.equal(index.lastStep?.step, 5);
  assert.deepEqual(
    index.epochs.map(({ event }) => event),
    [epochLine(1, 4)],
  );
});

test('the last step of several ranks has the figures of the ranks', async (t) => {
  const team = { ranks: 4, waitShare: 0.12, exchangeShare: 0.4, slowestRank: 2 };
  const folder = await makeRun(await scratch(t), 'ranks', { metrics: [stepLine(1), stepLine(2, team)] });
  const index = new MetricsIndex(folder);
  await index.follow();
  assert.deepEqual(index.lastStep, stepLine(2, team));
  await addLines(folder, [stepLine(3)]);
  await index.follow();
  assert.deepEqual([index.lastStep?.step, index.lastStep?.ranks], [3, undefined]);
});

test('invalid lines are counted and skipped', async (t) => {
  const { file, folder, index } = await indexed(t, [stepLine(1)]);
  const bad = [
    'not json',
    '',
    '[]',
    'null',
    '{"event":"step","step":"x"}',
    '{"event":"epoch","epoch":1}',
    JSON.stringify(stepLine(-2)),
    JSON.stringify(stepLine(1.5)),
    JSON.stringify(stepLine(2)).replace('"loss":1', '"loss":null'),
    `"${'x'.repeat(600_000)}"`,
    '\0\0\0',
  ];
  await appendFile(file, `${bad.join('\n')}\n`);
  await addLines(folder, [stepLine(2, { loss: 7 })]);
  await index.follow();
  assert.equal(index.lines, 1 + bad.length + 1);
  assert.equal(index.columns.length, 2);
  assert.deepEqual(index.lastStep, stepLine(2, { loss: 7 }));
});

test('truncating a file rewinds the index', async (t) => {
  const { file, folder, index, told } = await indexed(t, steps(1, 3000));
  const lines = (await readFile(file, 'utf8')).split('\n');
  told.length = 0;
  await truncate(file, Buffer.byteLength(`${lines.slice(0, 2500).join('\n')}\n`));
  await index.follow();
  assert.equal(told[0], 'reset 2048 2048');
  assert.equal(told.at(-1), '2500');
  assert.equal(index.lastStep?.step, 2500);
  await addLines(folder, [stepLine(2501, { loss: 5 })]);
  await index.follow();
  assert.deepEqual(index.columns.series(['loss'], 2501, 9999, 5).values.loss, {
    mean: [5],
    min: [5],
    max: [5],
  });
});

test('a file that was truncated and has grown beyond its old length is detected', async (t) => {
  const { file, folder, index, told } = await indexed(t, steps(1, 100));
  await truncate(file, 0);
  await addLines(
    folder,
    Array.from({ length: 150 }, (_, i) => stepLine(i + 1, { loss: 4 })),
  );
  await index.follow();
  assert.ok(told.includes('reset 0 0'));
  assert.deepEqual(index.columns.series(['loss'], 0, 999, 1), {
    step: [150],
    values: { loss: { mean: [4], min: [4], max: [4] } },
    total: 150,
  });
});

test('samples of a long run lie in the requested range', async (t) => {
  const folder = join(await scratch(t), 'run');
  await mkdir(folder);
  const lines = steps(1, 20_000).map((line) => ({ ...line, loss: line.step }));
  await writeFile(join(folder, 'metrics.jsonl'), jsonl(lines));
  const file = (await fileInside(folder, 'metrics.jsonl'))!;
  const check = ({ step, values, sampled }: Series, from: number, to: number) => {
    assert.equal(sampled, true);
    assert.ok(step.length > 50, `${step.length} points`);
    assert.ok(step.every((s, i) => s > (step[i - 1] ?? 0)));
    // Near both ends, and within.
    assert.ok(
      step[0]! >= from && step[0]! < from + 20 && step.at(-1)! <= to && step.at(-1)! > to - 20,
      `${step}`,
    );
    for (const [i, last] of step.entries()) {
      assert.equal(values.loss!.max[i], last);
      assert.ok(values.loss!.min[i]! >= from && values.loss!.mean[i]! <= last);
    }
  };
  const query = { keys: ['loss'] as const, points: 100 };
  check(await sampledSeries(file, { ...query, from: 0, to: 0xffff_fffe }), 1, 20_000);
  check(await sampledSeries(file, { ...query, from: 5000, to: 15_000 }), 5000, 15_000);
  const none = await sampledSeries(file, { ...query, from: 30_000, to: 40_000 });
  assert.deepEqual(none, {
    step: [],
    values: { loss: { mean: [], min: [], max: [] } },
    total: 0,
    sampled: true,
  });
});
