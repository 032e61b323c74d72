import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EpochEvent, ModelDetail, RunSummary } from '../../src/serve/api.js';
import { type Key, TEXTS, translator } from '../../src/web/i18n.js';
import { measuresItself } from '../../src/web/lib/classifier-epoch.js';
import { isolated } from '../../src/web/lib/curves/isolated.js';
import { linesAt } from '../../src/web/lib/curves/readout.js';
import { looksOf } from '../../src/web/lib/curves/run-looks.js';
import { classCount, curveFacts, secondsLeft } from '../../src/web/lib/describe.js';
import { diffConfigs } from '../../src/web/lib/diff.js';
import { ago, compact, duration, percent, share, significant } from '../../src/web/lib/format.js';
import { accuracy, heat, worstPairs } from '../../src/web/lib/heat.js';
import { applyEvent, applyEvents } from '../../src/web/lib/list.js';
import { renderMarkdown } from '../../src/web/lib/markdown.js';
import { mosaic, squareOf } from '../../src/web/lib/mosaic.js';
import { boxOf, stagesOf } from '../../src/web/lib/network.js';
import { smoothCurve } from '../../src/web/lib/outliers.js';
import {
  append,
  keepAfter,
  keepUntil,
  livePoints,
  lowerBound,
  nearest,
  type Points,
  pointsOf,
  sample,
  splice,
} from '../../src/web/lib/points.js';
import { clamp, isWhole, pan, zoom } from '../../src/web/lib/range.js';
import { compareHref, parseRoute, runHref } from '../../src/web/lib/route.js';
import { smooth, spanOf } from '../../src/web/lib/smooth.js';
import { MODEL, RUNS } from './fixture-data.js';

const points = (...steps: number[]): Points => ({
  step: steps,
  mean: steps.map((s) => s * 10),
  min: steps.map((s) => s * 10 - 1),
  max: steps.map((s) => s * 10 + 1),
});

test('a run has one colour in every view, and runs of one colour have different dashes', () => {
  const all = Array.from({ length: 20 }, (_, i) => ({ id: `r${i}`, started: `2026-01-${10 + i}` }));
  const colors = (runs: readonly { id: string; color?: number }[], every?: number) =>
    Object.fromEntries(looksOf(runs, all, every).map(({ color }, i) => [runs[i]!.id, color]));
  const whole = colors(all);
  assert.equal(new Set(Object.values(whole)).size, 8);
  const few = [all[17]!, all[3]!, all[9]!];
  for (const [id, color] of Object.entries(colors(few, 2))) assert.equal(color, whole[id]);
  assert.deepEqual(looksOf(few, [...all].reverse()), looksOf(few, all), 'in any order of the list');
  for (const every of [undefined, 1, 2]) {
    const looks = looksOf(all, all, every).map((look) => JSON.stringify(look));
    assert.equal(new Set(looks).size, all.length);
  }
  assert.equal(looksOf([{ id: 'r0', color: 5 }], all)[0]!.color, '--run-5');
});

test('values without a neighbour are found', () => {
  const gap = Number.NaN;
  assert.deepEqual(isolated([1], 0, 0), [0]);
  assert.deepEqual(isolated([1, 2], 0, 1), []);
  assert.deepEqual(isolated([1, null, 2, 3, gap, 4], 0, 5), [0, 5]);
  assert.deepEqual(isolated([undefined, 1, undefined, 2], 0, 3), [], 'steps of other lines are no gaps');
  assert.deepEqual(isolated([undefined, 1, undefined], 0, 2), [1]);
  assert.deepEqual(isolated([], 0, -1), []);
});

test('of many lines those with a value at the cursor come first, and the others are counted', () => {
  const line = (name: string, last: number, far: number) => ({ name, step: [0, last], far });
  const lines = [line('ended', 5, 0), line('far', 10, 9), line('near', 10, 1), line('none', 10, Infinity)];
  const at = (most: number) => {
    const { shown, more } = linesAt(lines, 8, ({ far }) => far, most);
    return [shown.map(({ name }) => name).join(' '), more];
  };
  assert.deepEqual(at(2), ['near far', 2]);
  assert.deepEqual(at(3), ['near far ended', 1]);
  assert.deepEqual(at(4), ['ended far near none', 0]);
});

describe('texts', () => {
  test('both languages have the same names, no empty text and the same placeholders', () => {
    const places = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort().join();
    assert.deepEqual(Object.keys(TEXTS.zh).sort(), Object.keys(TEXTS.en).sort());
    for (const key of Object.keys(TEXTS.en) as Key[]) {
      assert.notEqual(TEXTS.en[key].trim(), '', key);
      assert.notEqual(TEXTS.zh[key].trim(), '', key);
      assert.equal(places(TEXTS.zh[key]), places(TEXTS.en[key]), key);
    }
  });
  test('placeholders are replaced; a missing value stays visible', () => {
    const t = translator('en');
    assert.equal(t('runs.shown', { n: 2, all: 9 }), '2 of 9 runs');
    assert.equal(t('runs.shown', { n: 2 }), '2 of {all} runs');
    assert.deepEqual([t('runs.count', { n: 1 }), t('runs.count', { n: '1,000' })], ['1 run', '1,000 runs']);
    assert.equal(translator('zh')('runs.count', { n: 1 }).includes('1'), true);
  });
});

describe('numbers and times', () => {
  test('significant digits, exponents for long decimals, and NaN', () => {
    assert.deepEqual(
      [1.23456, 0, -0.5, 1234.5, 0.00003333, 1_000_000, Number.NaN, Infinity].map((v) => significant(v)),
      ['1.23', '0', '−0.5', '1230', '3.3e−5', '1e6', 'NaN', '∞'],
    );
  });
  test('durations by their two largest units', () => {
    assert.deepEqual(
      [0.4316, 59.6, 75, 3600, 90_061].map((s) => duration(s, 'en')),
      ['432 ms', '1 min 00 s', '1 min 15 s', '1 h 00 min', '1 d 1 h'],
    );
    assert.equal(duration(75, 'zh'), '1 分 15 秒');
    assert.equal(duration(Number.NaN, 'en'), '–');
  });
  test('shares, percents, large numbers, ages', () => {
    assert.deepEqual([0, 0.0004, 0.034, 0.5].map(share), ['0.0%', '<0.1%', '3.4%', '50%']);
    assert.equal(percent(44.5), '44.5%');
    assert.equal(compact(62_378_344, 'en'), '62.4M');
    assert.equal(compact(62_378_344, 'zh'), '6240万');
    const now = Date.parse('2026-01-02T00:00:00Z');
    assert.match(ago('2026-01-01T23:55:00Z', now, 'en'), /5 min/);
    assert.equal(ago('nonsense', now, 'en'), '–');
  });
  test('a time slightly in the future is now, later ones are dates', () => {
    const now = Date.parse('2026-01-02T00:00:00Z');
    const ahead = (seconds: number, language: 'en' | 'zh' = 'en') =>
      ago(new Date(now + 1000 * seconds).toISOString(), now, language);
    for (const seconds of [0, 0.4, 2, 30, 119]) {
      assert.equal(ahead(seconds), 'now');
      assert.equal(ahead(seconds, 'zh'), '现在');
    }
    for (const seconds of [3600, 86_400, 9 * 86_400]) {
      assert.doesNotMatch(ahead(seconds), /\bin\b|tomorrow/);
      assert.match(ahead(seconds), /2026/);
    }
  });
});

test('the number of classes comes from the configuration, if known', () => {
  assert.equal(classCount({ model: { classes: ['cat', 'dog'] } }), 2);
  for (const config of [undefined, {}, { model: {} }, { model: { classes: 3 } }, { model: null }])
    assert.equal(classCount(config), 0);
});

describe('smoothing', () => {
  test('a constant stays, the first value is not pulled to zero, span 0 changes nothing', () => {
    assert.deepEqual(smooth([1, 2, 3], [5, 5, 5], 10), [5, 5, 5]);
    assert.equal(smooth([1, 2], [4, 0], 50)[0], 4);
    assert.ok(Math.abs(smooth([1, 2], [4, 0], 50)[1]! - 2) < 0.1, 'two values weigh about the same');
    assert.deepEqual(smooth([1, 2], [4, 0], 0), [4, 0]);
  });
  test('is the same for single steps and for buckets', () => {
    const steps = Array.from({ length: 1000 }, (_, i) => i + 1);
    const fine = smooth(
      steps,
      steps.map((s) => Math.exp(-s / 300)),
      60,
    );
    const coarseSteps = steps.filter((s) => s % 10 === 0);
    const coarse = smooth(
      coarseSteps,
      coarseSteps.map((s) => Math.exp(-s / 300)),
      60,
    );
    assert.ok(Math.abs(fine.at(-1)! - coarse.at(-1)!) < 0.003);
  });
  test('continues after NaN', () => {
    assert.deepEqual(smooth([1, 2, 3], [null, Number.NaN, 7], 5), [null, null, 7]);
    assert.equal(smooth([1, 2, 3], [7, Number.NaN, 7], 5)[1], 7);
  });
  test('the slider ranges from zero to a fifth of the run', () => {
    assert.equal(spanOf(0, 1000), 0);
    assert.equal(Math.round(spanOf(100, 1000)), 200);
    assert.ok(spanOf(50, 1000) < 20);
  });
});

describe('points', () => {
  test('detail is merged into the whole run in order, without duplicates', () => {
    const all = splice(points(10, 20, 30, 40, 50), points(22, 24, 26, 30));
    assert.deepEqual(all.step, [10, 20, 22, 24, 26, 30, 40, 50]);
    assert.deepEqual(
      all.mean,
      all.step.map((s) => s * 10),
    );
    assert.deepEqual(splice(points(1, 2), points()).step, [1, 2]);
  });
  test('live points are added once; a rewound run loses later points', () => {
    assert.deepEqual(append(points(1, 2, 3), points(2, 3, 4)).step, [1, 2, 3, 4]);
    assert.deepEqual(keepUntil(points(1, 2, 3), 2).step, [1, 2]);
    assert.deepEqual(keepAfter(points(1, 2, 3), 2).step, [3]);
    assert.equal(lowerBound([1, 3, 5], 4), 2);
  });
  test('a table has the first, the last and some points between', () => {
    const all = points(...Array.from({ length: 100 }, (_, i) => i + 1));
    assert.deepEqual(
      sample(all, 3).map(({ step }) => step),
      [1, 51, 100],
    );
    assert.deepEqual(sample(points(), 3), []);
  });
  test('gaps stay with their steps', () => {
    const series = {
      step: [10, 20, 30],
      values: { loss: { mean: [1, null, 3], min: [1, null, 3], max: [1, null, 3], gaps: [12, 25] } },
      total: 30,
    };
    const loss = pointsOf(series, 'loss');
    assert.deepEqual(
      [loss.mean, loss.gaps],
      [
        [1, Number.NaN, 3],
        [12, 25],
      ],
    );
    assert.deepEqual(keepUntil(loss, 20).gaps, [12]);
    assert.deepEqual(keepAfter(loss, 20).gaps, [25]);
    assert.equal(keepUntil(loss, 10).gaps, undefined);
    assert.deepEqual(append(loss, livePoints([31, 32], [Number.NaN, 2])).gaps, [12, 25, 31]);
    assert.deepEqual(splice(loss, livePoints([15, 16, 20], [1, 2, Number.NaN])).gaps, [20, 25]);
    const facts = curveFacts(loss);
    assert.deepEqual([facts?.first, facts?.last, facts?.lowest, facts?.highest], [1, 3, 1, 3]);
    assert.equal(curveFacts(livePoints([1], [Number.NaN])), undefined);
  });
  test('the nearest point, also before the first and after the last', () => {
    assert.deepEqual(
      [0, 10, 14, 16, 99].map((step) => nearest([10, 20, 30], step)),
      [0, 0, 0, 1, 2],
    );
    assert.equal(nearest([], 5), -1);
  });
  test('an average excludes outliers, and has the gaps of the curve', () => {
    const value = Array.from({ length: 100 }, (_, i) =>
      i === 50 ? 1e9 : i === 70 ? Number.NaN : 2 + (i % 3),
    );
    const all = livePoints(
      value.map((_, i) => i + 1),
      value,
    );
    const { value: smoothed, outside } = smoothCurve(all, { span: 5, clip: true, log: false });
    assert.deepEqual(outside, { step: [51], value: [1e9] });
    assert.equal(smoothed[70], null);
    for (const [i, v] of smoothed.entries()) assert.ok(i === 70 || (v! >= 2 && v! <= 4), `${i}: ${v}`);
    assert.ok(smoothCurve(all, { span: 5, clip: false, log: false }).value[55]! > 1e6);
  });
  test('facts contain the extremes of a range', () => {
    const facts = curveFacts({ step: [1, 2, 3], mean: [5, 1, 2], min: [4, 0, 1], max: [9, 3, 4] }, 2);
    assert.equal(facts?.lowest, 0);
    assert.equal(facts?.lowestAt, 2);
    assert.equal(facts?.highest, 4);
    assert.equal(facts?.first, 1);
    assert.equal(curveFacts(points(1), 5, 9), undefined);
    assert.equal(secondsLeft(90, 100, 2), 20);
    assert.equal(secondsLeft(90, 100, undefined), undefined);
  });
});

describe('zoom and pan', () => {
  const bounds = { from: 0, to: 1000 };
  test('the anchor keeps its position', () => {
    const range = zoom({ from: 0, to: 1000 }, 0.5, 250, bounds);
    assert.deepEqual(range, { from: 125, to: 625 });
  });
  test('never beyond the run, never closer than a few steps', () => {
    assert.deepEqual(zoom({ from: 100, to: 900 }, 10, 500, bounds), bounds);
    const close = zoom({ from: 100, to: 110 }, 0.01, 105, bounds);
    assert.equal(close.to - close.from, 8);
    assert.deepEqual(pan({ from: 800, to: 1000 }, 0.5, bounds), { from: 800, to: 1000 });
    assert.deepEqual(clamp({ from: -50, to: 50 }, bounds), { from: 0, to: 100 });
    assert.ok(isWhole(bounds, bounds) && !isWhole({ from: 0, to: 500 }, bounds));
  });
});

describe('addresses', () => {
  test('any names survive a round trip', () => {
    for (const id of ['quick0', 'a/b', 'a&b=c?d#e', '100%', 'ünï, code', '中文'])
      assert.deepEqual(parseRoute(runHref(id, 'inside', { layer: 'features.0', step: undefined })), {
        view: 'run',
        id,
        tab: 'inside',
        query: { layer: 'features.0' },
      });
    const ids = ['a,b', 'c&d', 'e%f', '中 文'];
    const route = parseRoute(compareHref(ids));
    assert.deepEqual(route.view === 'compare' && route.ids, ids);
  });
  test('unknown addresses are recognised', () => {
    assert.equal(parseRoute('').view, 'runs');
    assert.equal(parseRoute('#/run/x/y').view, 'unknown');
    assert.equal(parseRoute('#/run/%E0%A4%A').view, 'run');
  });
});

describe('settings', () => {
  test('different settings come first; a missing one counts as different', () => {
    const rows = diffConfigs([
      { lr: 0.1, model: { paper: 'alexnet', classes: ['a', 'b'] }, data: '/here' },
      { lr: 0.2, model: { paper: 'alexnet', classes: ['a', 'b'] }, data: '/there', momentum: 0.9 },
    ]);
    assert.deepEqual(rows, [
      { path: 'lr', values: ['0.1', '0.2'], differs: true },
      { path: 'momentum', values: [undefined, '0.9'], differs: true },
      { path: 'model.paper', values: ['alexnet', 'alexnet'], differs: false },
      { path: 'model.classes', values: ['a, b', 'a, b'], differs: false },
    ]);
  });
});

describe('list of runs', () => {
  const runs = RUNS();
  test('events update a run in place, add it in front, or remove it', () => {
    const run = { ...runs[2], name: 'new' } as RunSummary;
    assert.equal(applyEvent(runs, { event: 'run', run })[2]?.name, 'new');
    assert.equal(applyEvent(runs, { event: 'run', run: { ...run, id: 'x' } })[0]?.id, 'x');
    assert.equal(applyEvent(runs, { event: 'gone', id: 'live' }).length, runs.length - 1);
  });
  test('events that change nothing leave the same list, and many are applied at once', () => {
    const same = runs.map((run) => ({ event: 'run' as const, run: { ...run } }));
    assert.equal(applyEvents(runs, same), runs);
    const [first] = runs as [RunSummary];
    const added = ['x', 'y'].map((id) => ({ event: 'run' as const, run: { ...first, id } }));
    const list = applyEvents(runs, [...added, { event: 'gone', id: first.id }]);
    assert.deepEqual(
      list.map(({ id }) => id),
      ['y', 'x', ...runs.slice(1).map(({ id }) => id)],
    );
  });
});

describe('notes', () => {
  const html = (text: string) =>
    renderMarkdown(text, (file) => (file === 'relu.png' ? '/figures/relu.png' : undefined));
  test('no raw HTML passes, in blocks, in lines, in tables, in names of links', () => {
    for (const evil of [
      '<script>alert(1)</script>',
      'a <img src=x onerror=alert(1)> b',
      '| <svg onload=alert(1)> |\n| --- |\n| <b onclick=alert(1)>x</b> |',
      '[<i onmouseover=alert(1)>x</i>](https://a.example)',
      '<div\nstyle="x">',
      '# <iframe src=//evil>',
    ]) {
      const made = html(evil);
      assert.doesNotMatch(made, /<(script|img|svg|iframe|b|i|div)\b/, evil);
    }
  });
  test('links lead to the web or into the notes, and cannot break out of attributes', () => {
    assert.match(html('[a](https://a.example/?q=1&b="2")'), /href="https:\/\/a\.example\/\?q=1&amp;b=/);
    for (const href of [
      'javascript:alert(1)',
      'JaVaScRiPt:alert(1)',
      'data:text/html,x',
      '//evil.example',
      'file:///etc',
    ])
      assert.doesNotMatch(html(`[a](${href})`), /<a /, href);
    assert.doesNotMatch(html('[a](https://x.example/" onclick="alert(1))'), /" onclick="/);
    assert.doesNotMatch(html('![" onerror="alert(1)](relu.png)'), /alt="" onerror/);
  });
  test('images are the paper’s own; headings go down by one and have anchors', () => {
    assert.match(html('![ReLU](figures/relu.png)'), /<img src="\/figures\/relu\.png" alt="ReLU">/);
    assert.doesNotMatch(html('![x](https://evil.example/relu.png)'), /<img/);
    assert.match(html('# Top & more'), /<h2 id="notes-top-more">Top &amp; more<\/h2>/);
    assert.doesNotMatch(html('| a |\n| :-: |\n| b |'), /align|style/);
  });
});

describe('drawings', () => {
  test('a stage starts with each layer that has weights; shares add up', () => {
    const stages = stagesOf(MODEL as ModelDetail);
    assert.deepEqual(
      stages.map(({ layers }) => layers[0]?.name),
      ['features.0', 'features.4', 'features.8', 'classifier.1', 'classifier.4', 'classifier.6'],
    );
    assert.equal(stages[0]?.layers.length, 4);
    assert.ok(stages[3]!.parameterShare > 0.6 && stages[1]!.costShare > 0.35);
    assert.ok(boxOf([96, 55, 55]).face > boxOf([256, 13, 13]).face);
    assert.ok(boxOf([256, 13, 13]).depth > boxOf([96, 55, 55]).depth);
  });
  test('a mosaic puts each tile where it belongs, with transparent gaps', () => {
    const { width, height, rgba } = mosaic(Uint8Array.of(10, 20, 30), {
      count: 3,
      width: 1,
      height: 1,
      channels: 1,
      columns: 2,
      gap: 1,
    });
    assert.deepEqual([width, height], [3, 3]);
    const pixel = (x: number, y: number) => [...rgba.subarray((y * 3 + x) * 4, (y * 3 + x) * 4 + 4)];
    assert.deepEqual(pixel(0, 0), [10, 10, 10, 255]);
    assert.deepEqual(pixel(2, 0), [20, 20, 20, 255]);
    assert.deepEqual(pixel(0, 2), [30, 30, 30, 255]);
    assert.equal(pixel(1, 1)[3], 0);
    assert.deepEqual(squareOf(10), { width: 4, height: 3 });
  });
  test('heat map and most frequent confusions', () => {
    assert.deepEqual(heat(0, 10), { level: 0, share: 0 });
    assert.equal(heat(1, 1000).level, 1);
    assert.equal(heat(10, 10).level, 9);
    assert.equal(
      accuracy([
        [8, 2],
        [1, 9],
      ]),
      85,
    );
    assert.deepEqual(
      worstPairs(
        [
          [8, 2],
          [5, 9],
        ],
        1,
      ),
      [{ truth: 1, predicted: 0, count: 5 }],
    );
  });
});

test('a run whose epochs have no accuracy measures something of its own', () => {
  const epoch = { event: 'epoch', epoch: 1, step: 4, trainLoss: 1 } as EpochEvent;
  const classified = { ...epoch, testAccuracy: 50 };
  assert.deepEqual(
    [[], [epoch], [epoch, classified], [classified]].map((epochs) => measuresItself(epochs)),
    [false, true, false, false],
  );
});
