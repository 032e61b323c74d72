import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import alexnet from '../../src/papers/alexnet/index.js';
import { plainNet } from '../../src/papers/alexnet/variants.js';
import { figuresIn } from '../../src/papers/build-page.js';
import { type Chart, seriesOf, TEST_ERROR } from '../../src/papers/claims/chart.js';
import type { EpochResult, Result, Results } from '../../src/papers/claims/result.js';
import type { Paper } from '../../src/papers/paper.js';
import { openPaper, paperIds } from '../../src/papers/registry.js';
import { chartSvg, writeCharts } from '../../src/report/charts.js';
import { scratch } from '../support/toy.js';

/** Two epochs per seed; the last error is 20 plus the seed. */
const some: Results = {
  get: (_, seed) => {
    const epochs = [60, 20 + seed].map((error, i) => ({ epoch: i + 1, testError: error, trainError: error }));
    return { epochs: epochs as EpochResult[] } as Result;
  },
};
const none: Results = { get: () => undefined };

const chart = (results: Results, mark?: number): Chart => ({
  name: 'nets',
  title: { en: 'Some nets', zh: '一些网络' },
  yLabel: TEST_ERROR,
  ...(mark === undefined ? {} : { mark }),
  series: [
    seriesOf(results, 'first', plainNet, [0, 1, 2], 'testError'),
    seriesOf(none, 'second', plainNet, [0], 'testError'),
  ],
});

test('seeds of a variant are curves of one colour; a variant without results has no curve', () => {
  const svg = chartSvg(chart(some), 'en');
  const d = /<path class="s s0"[^>]* d="([^"]*)"/.exec(svg)![1]!;
  assert.equal(d.match(/M/g)!.length, 3, d);
  assert.equal(d.match(/L/g)!.length, 3, d);
  assert.match(svg, /Some nets.*test error.*epoch.*first/s);
  assert.doesNotMatch(svg, /second|class="s s1"|NaN|class="chance"/);
  assert.match(chartSvg(chart(some), 'zh'), /一些网络.*测试误差.*轮.*first/s);
});

test('a level is drawn across the chart', () => {
  assert.match(chartSvg(chart(some, 25), 'en'), /<line class="chance".*>25 %</s);
});

test('charts are written beside other figures, in both languages', async (t) => {
  const folder = await scratch(t);
  const paper = { ...alexnet, charts: (results: Results) => [chart(results)] } as Paper;
  await writeCharts(paper, none, join(folder, 'not-made'));
  assert.deepEqual(await readdir(folder), []);
  await writeFile(join(folder, 'kernels.png'), 'x');
  await writeFile(join(folder, 'titles.json'), '{ "kernels.png": { "en": "Kernels", "zh": "卷积核" } }');
  for (let time = 0; time < 2; time++) await writeCharts(paper, some, folder);
  assert.deepEqual(await figuresIn(folder), [
    { file: { en: 'kernels.png', zh: 'kernels.png' }, title: { en: 'Kernels', zh: '卷积核' } },
    { file: { en: 'nets.svg', zh: 'nets.zh.svg' }, title: { en: 'Some nets', zh: '一些网络' } },
  ]);
  assert.match(await readFile(join(folder, 'nets.zh.svg'), 'utf8'), /一些网络/);
});

for (const id of paperIds())
  test(`the charts of ${id} have unique names and need no results`, async () => {
    const { charts } = await openPaper(id);
    assert.ok(charts);
    const names = charts(none).map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    for (const name of names) assert.match(name, /^[a-z0-9-]+$/);
    for (const { series } of charts(some)) assert.ok(series.some(({ results }) => results.length > 0));
  });
