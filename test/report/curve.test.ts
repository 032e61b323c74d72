import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { curveSvg } from '../../src/report/curve.js';

const loss = Array.from({ length: 40 }, (_, i) => ({ step: i + 1, value: 2.5 - i / 40 }));

test('a curve is an image of its size, with its words escaped', async () => {
  const svg = curveSvg({
    title: 'A <b> & "c"',
    subtitle: 'half way',
    loss,
    accuracy: [{ step: 40, value: 41.25 }],
    chance: Math.log(10),
  });
  assert.ok(!svg.includes('<b>'));
  assert.match(svg, /41\.3 %/);
  assert.match(svg, /guessing \(2\.303\)/);
  assert.match(svg, /prefers-color-scheme:dark/);
  const { width, height } = await sharp(Buffer.from(svg)).metadata();
  assert.deepEqual([width, height], [860, 430]);
});

test('each step is a point of the path, lower loss lower on the page', () => {
  const path = /class="raw"[^>]* d="([^"]*)"/.exec(curveSvg({ title: 't', loss }))![1]!;
  const ys = path
    .split(/[ML]/)
    .slice(1)
    .map((point) => Number(point.split(' ')[1]));
  assert.equal(ys.length, 40);
  assert.ok(ys.every((y, i) => i === 0 || y >= ys[i - 1]!));
  assert.ok(ys.at(-1)! > ys[0]! + 20);
});

test('a run of no step, of one, and of one outlier are images too', () => {
  for (const few of [[], loss.slice(0, 1), [...loss, { step: 41, value: 1e9 }]]) {
    const svg = curveSvg({ title: 't', loss: few });
    assert.ok(!/NaN|Infinity|undefined/.test(svg));
  }
});
