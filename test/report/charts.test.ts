import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import alexnet from '../../src/papers/alexnet/index.js';
import { plainNet } from '../../src/papers/alexnet/variants.js';
import { figuresIn } from '../../src/papers/build-page.js';
import { type Chart, seriesOf, TEST_ERROR } from '../../src/papers/claims/chart.js';
import { type EpochResult, type Result, ResultFolder, type Results } from '../../src/papers/claims/result.js';
import type { Paper } from '../../src/papers/paper.js';
import { openPaper, paperFolder, paperIds } from '../../src/papers/registry.js';
import { chartSvg, writeCharts } from '../../src/report/charts.js';
import { saveSamples } from '../../src/run/sample-files.js';
import { chartOf } from '../../src/site/charts.js';
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
    seriesOf(results, { en: 'first', zh: '第一个' }, plainNet, [0, 1, 2], 'testError'),
    seriesOf(none, 'second', plainNet, [0], 'testError'),
  ],
});

test('the axis reaches a marked value that lies beyond all others', () => {
  for (const log of [false, true]) {
    const svg = chartSvg({ ...chart(some, 500), log }, 'en');
    const mark = Number(/<[^>]*class="chance"[^>]* y1="([\d.]+)"/.exec(svg)![1]);
    const highest = Math.min(
      ...[.../<path class="s s0"[^>]* d="([^"]*)"/.exec(svg)![1]!.matchAll(/,([\d.]+)/g)].map(([, y]) =>
        Number(y),
      ),
    );
    assert.ok(mark < highest - 20, `mark at ${mark}, highest value at ${highest}`);
  }
});

test('seeds of a variant are curves of one colour; a variant without results has no curve', () => {
  const svg = chartSvg(chart(some), 'en');
  const d = /<path class="s s0"[^>]* d="([^"]*)"/.exec(svg)![1]!;
  assert.equal(d.match(/M/g)!.length, 3, d);
  assert.equal(d.match(/L/g)!.length, 3, d);
  assert.match(svg, /Some nets.*test error.*epoch.*first/s);
  assert.doesNotMatch(svg, /second|class="s s1"|NaN|class="chance"/);
  assert.match(chartSvg(chart(some), 'zh'), /一些网络.*测试误差.*轮.*第一个/s);
});

test('a level is drawn across the chart', () => {
  assert.match(chartSvg(chart(some, 25), 'en'), /<line class="chance".*>25 %</s);
  // Far above all values it is still at its place: the axis reaches it.
  assert.match(chartSvg(chart(some, 600), 'en'), />600 %<.*<line class="chance".*>600 %</s);
});

test('a chart may have another unit, an axis of its own, and points alone', () => {
  const points = [-3, -2, -1].map((step) => ({ step, value: 100 - 10 * step }));
  const own: Chart = { ...chart(some), unit: '', range: [100, 140], series: [{ label: 'a', points }] };
  const svg = chartSvg({ ...own, xLabel: { en: 'exponent', zh: '指数' } }, 'en');
  assert.match(svg, />exponent</);
  assert.doesNotMatch(svg, / %|>epoch<|>0<|NaN/);
  assert.match(svg, />100<.*>140</s);
  assert.match(svg, />-3<.*>-1</s);
  const [first, ...rest] = /d="M([^"]*)"/
    .exec(svg)![1]!
    .split('L')
    .map((at) => at.split(' ').map(Number));
  assert.ok(rest.every(([x], i) => x! > (i === 0 ? first! : rest[i - 1]!)[0]!));
  const dots = chartSvg({ ...own, dots: true }, 'en');
  assert.equal(dots.match(/<circle/g)!.length, 3);
  assert.equal(dots.match(/<path class="s s0"/g)!.length, 1, 'only the line of the legend');
});

test('a training that diverged is a cross at its place, and the line ends before it', () => {
  const points = [1, 2, 3].map((step) => ({
    step,
    value: step === 3 ? Number.POSITIVE_INFINITY : 10 * step,
  }));
  const one: Chart = { ...chart(some), series: ['a', 'b'].map((label) => ({ label, points })) };
  const crosses = [
    ...chartSvg(one, 'en').matchAll(/<text class="s s(\d)"[^>]*x="([\d.]+)"[^>]*y="([\d.]+)"[^>]*>×</g),
  ];
  assert.deepEqual(
    crosses.map(([, cls]) => cls),
    ['0', '1'],
  );
  assert.equal(crosses[0]![2], crosses[1]![2]);
  assert.notEqual(crosses[0]![3], crosses[1]![3], 'one above the other');
  assert.doesNotMatch(chartSvg(one, 'en'), /NaN|Infinity/);
  assert.match(chartSvg(one, 'en'), />test error · × diverged</);
  assert.match(chartSvg(one, 'zh'), />测试误差 · × 训练发散</);
  assert.equal(chartOf(one).yLabel.en, 'test error · × diverged');
  assert.equal(chartOf(chart(some)).yLabel.en, 'test error');
  assert.deepEqual(
    chartOf(one).series.map(({ y, diverged }) => [y, diverged]),
    [
      [[10, 20, null], [3]],
      [[10, 20, null], [3]],
    ],
  );
});

test('images that a training has drawn are written as figures while its run is there', async (t) => {
  const folder = await scratch(t);
  const [figures, runs] = [join(folder, 'figures'), join(folder, 'runs')];
  const job = { variant: plainNet, seed: 3 };
  const title = { en: 'Drawn', zh: '生成' };
  const paper: Paper = {
    ...alexnet,
    charts: () => [],
    ratios: () => [],
    samples: () => [
      { name: 'drawn', title, job },
      { name: 'other', title, job, set: 'other' },
    ],
  };
  await writeCharts(paper, none, figures, runs);
  assert.equal(existsSync(figures), false);
  for (const [step, size] of [
    [1, 2],
    [2, 3],
  ] as const)
    await saveSamples(join(runs, `${plainNet.id}-seed3`), {
      step,
      sets: new Map([['samples', { shape: [4, 1, size, size], data: new Uint8Array(4 * size * size) }]]),
    });
  await writeCharts(paper, none, figures, runs);
  assert.deepEqual((await readdir(figures)).sort(), ['drawn.svg', 'drawn.zh.svg', 'titles.json']);
  // Two by two images of the last step, each a pixel apart, enlarged twenty times, and each framed.
  const drawn = await readFile(join(figures, 'drawn.svg'), 'utf8');
  assert.match(drawn, /Drawn.*width="140" height="140"/s);
  assert.equal(drawn.match(/<rect class="cell"[^>]*width="60" height="60"/g)!.length, 4);
});

test('charts are written beside other figures, in both languages', async (t) => {
  const folder = await scratch(t);
  const paper = { ...alexnet, charts: (results: Results) => [chart(results)], ratios: () => [] } as Paper;
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
  test(`the charts of ${id} have unique names, need no results, and draw its own`, async () => {
    const { charts, ratios, samples } = await openPaper(id);
    assert.ok(charts);
    const measured = await ResultFolder.open(join(paperFolder(id), 'results'), id);
    const figures = [...charts(measured), ...(ratios?.(measured) ?? []), ...(samples?.(measured) ?? [])];
    const names = figures.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    for (const name of names) assert.match(name, /^[a-z0-9-]+$/);
    for (const { series } of charts(measured)) assert.ok(series.some(({ points }) => points.length > 0));
    for (const { series } of charts(none)) for (const { points } of series) assert.deepEqual(points, []);
    for (const { rows } of ratios?.(measured) ?? []) assert.ok(rows.length > 0);
    for (const { rows } of ratios?.(none) ?? []) assert.deepEqual(rows, []);
    samples?.(none);
  });
