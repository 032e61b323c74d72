import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { curveSvg } from '../../src/report/curve.js';
import { curvesSvg } from '../../src/report/curves.js';

const loss = Array.from({ length: 40 }, (_, i) => ({ step: i + 1, value: 2.5 - i / 40 }));

test('a curve is an image of the requested size, with its texts escaped', async () => {
  const svg = curveSvg({
    title: 'A <b> & "c"',
    subtitle: 'half way',
    loss,
    accuracy: [{ step: 40, value: 41.25 }],
    chance: Math.log(10),
  });
  assert.ok(!svg.includes('<b>'));
  assert.match(svg, /41\.3 %/);
  assert.match(svg, /chance level \(2\.303\)/);
  assert.match(svg, /prefers-color-scheme:dark/);
  const { width, height } = await sharp(Buffer.from(svg)).metadata();
  assert.deepEqual([width, height], [860, 430]);
});

test('each step is a point of the path, with lower loss further down', () => {
  const path = /class="raw"[^>]* d="([^"]*)"/.exec(curveSvg({ title: 't', loss }))![1]!;
  const ys = path
    .split(/[ML]/)
    .slice(1)
    .map((point) => Number(point.split(' ')[1]));
  assert.equal(ys.length, 40);
  assert.ok(ys.every((y, i) => i === 0 || y >= ys[i - 1]!));
  assert.ok(ys.at(-1)! > ys[0]! + 20);
});

test('negative losses have their part of the axis', () => {
  const below = loss.map(({ step, value }) => ({ step, value: value - 12 }));
  const path = /class="raw"[^>]* d="([^"]*)"/.exec(curveSvg({ title: 't', loss: below }))![1]!;
  const ys = path
    .split(/[ML]/)
    .slice(1)
    .map((point) => Number(point.split(' ')[1]));
  assert.ok(
    ys.every((y) => y > 60 && y < 385),
    `${ys}`,
  );
  assert.ok(ys.at(-1)! > ys[0]! + 10);
  const spike = below.map((p) => (p.step === 20 ? { step: 20, value: -1e7 } : p));
  assert.match(curveSvg({ title: 't', loss: spike }), /▼ 1 outside the range, down to -10000000/);
});

test('runs without steps, with one step, and with one outlier are drawn', () => {
  for (const few of [[], loss.slice(0, 1), [...loss, { step: 41, value: 1e9 }]]) {
    const svg = curveSvg({ title: 't', loss: few });
    assert.ok(!/NaN|Infinity|undefined/.test(svg));
  }
});

test('values outside the range and NaN losses are marked and counted', () => {
  const at = (step: number, value: number) => ({ step, value });
  const odd = loss.map((p) => (p.step === 20 ? at(20, 1e9) : p.step === 30 ? at(30, Number.NaN) : p));
  const svg = curveSvg({ title: 't', loss: odd, gaps: [12, 13] });
  assert.equal(svg.match(/<polygon/g)?.length, 1);
  assert.match(svg, /▲ 1 outside the range, up to 1000000000/);
  assert.equal(svg.match(/>×</g)?.length, 3);
  assert.match(svg, /× 2 NaN or infinite/);
  const ys = /class="line"[^>]* d="([^"]*)"/.exec(svg)![1]!.split(/[ML]/).slice(1);
  assert.equal(ys.length, 38, 'the mean is of the others');
  assert.doesNotMatch(svg.replace('NaN or infinite', ''), /NaN|Infinity/);
  assert.doesNotMatch(curveSvg({ title: 't', loss }), /<polygon|outside|×/);
});

test('an outlier does not flatten a figure of several runs', () => {
  const points = loss.map((p) => (p.step === 9 ? { step: 9, value: 1e7 } : p));
  const figure = (all: typeof points) =>
    curvesSvg({ title: 't', xLabel: 'x', yLabel: 'y', series: [{ label: 'a', points: all }] });
  const heights = (svg: string) =>
    /class="s s0"[^>]* d="([^"]*)"/
      .exec(svg)![1]!
      .split(/[ML]/)
      .slice(1)
      .map((at) => Number(at.split(' ')[1]));
  const [usual, odd] = [heights(figure(loss)), heights(figure(points))];
  for (const i of [0, 20, 39]) assert.ok(Math.abs(usual[i]! - odd[i]!) < 10, `${usual[i]} and ${odd[i]}`);
  assert.equal(figure(points).match(/<polygon/g)?.length, 1);
  assert.equal(figure(loss).match(/<polygon/g), null);
});

test('negative values have their part of the axis, and values beyond a given range are marked at both edges', () => {
  const points = [-90, -60, -40, -30].map((value, i) => ({ step: i + 1, value }));
  const options = { title: 't', xLabel: 'x', yLabel: 'y', series: [{ label: 'a', points }] };
  const ys = (svg: string) =>
    /class="s s0"[^>]* d="([^"]*)"/
      .exec(svg)![1]!
      .split(/[ML]/)
      .slice(1)
      .map((at) => Number(at.split(' ')[1]));
  const free = curvesSvg(options);
  assert.ok(
    ys(free).every((y, i) => i === 0 || y < ys(free)[i - 1]! - 5),
    `${ys(free)}`,
  );
  assert.equal(free.match(/<polygon/g), null);
  const edges = curvesSvg({ ...options, range: [-70, -35] });
  assert.equal(edges.match(/<polygon/g)?.length, 2);
});
