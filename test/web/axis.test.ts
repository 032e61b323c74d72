import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { axisOf, markText, placed, positionText, STEPS, stepsIn } from '../../src/web/lib/curves/axis.js';
import { queryOf, viewOf } from '../../src/web/lib/curves/chart-view.js';
import { BY_TAG, groupings, groupRuns } from '../../src/web/lib/curves/grouping.js';
import { meanOf } from '../../src/web/lib/curves/groups.js';
import { claimBars, measuredValues, paperNumber } from '../../src/web/lib/measured.js';
import { compareHref, listOf, parseRoute } from '../../src/web/lib/route.js';
import { listHref, listViewOf, usualColumns } from '../../src/web/lib/table/list-view.js';

const clock = { started: 1000, step: [100, 200], seconds: [50, 250], epochs: [50, 150] };

describe('axes', () => {
  test('steps become epochs and times, and back, also beyond what is known', () => {
    const [epoch, time, wall] = [axisOf('epoch', clock), axisOf('time', clock), axisOf('wall', clock)];
    assert.deepEqual([0, 25, 50, 100, 150, 250].map(epoch.toX), [0, 0.5, 1, 1.5, 2, 3]);
    assert.deepEqual([0, 50, 150, 300].map(time.toX), [0, 25, 150, 450]);
    assert.equal(wall.toX(150), 1150);
    for (const axis of [epoch, time, wall])
      for (const step of [0, 30, 120, 400]) assert.ok(Math.abs(axis.toStep(axis.toX(step)) - step) < 1e-9);
    assert.deepEqual(stepsIn({ from: 25, to: 150 }, time), { from: 50, to: 150 });
  });
  test('without a clock, or an epoch that has ended, the axis is that of steps', () => {
    assert.equal(axisOf('time', undefined), STEPS);
    assert.equal(axisOf('epoch', { ...clock, epochs: [] }), STEPS);
    assert.equal(axisOf('time', { ...clock, step: [], seconds: [] }).toX(7), 0);
  });
  test('all positions of a line move', () => {
    const line = {
      label: 'a',
      color: '--a',
      step: [0, 50],
      value: [1, 2],
      gaps: [50],
      outside: { step: [50], value: [9] },
    };
    const moved = placed(line, axisOf('epoch', clock));
    assert.deepEqual([moved.step, moved.gaps, moved.outside], [[0, 1], [1], { step: [1], value: [9] }]);
    assert.equal(placed(line, STEPS), line);
  });
  test('texts', () => {
    assert.equal(positionText('time', 4000, 'en'), '1 h 07 min');
    assert.equal(positionText('epoch', 2.128, 'en'), '2.13');
    assert.equal(markText('time', 300, 300, 'en'), '5 min');
    assert.equal(markText('time', 3900, 300, 'en'), '1 h 05 min');
    assert.equal(markText('time', 0, 300, 'zh'), '0');
  });
  test('the state of charts survives an address; what is usual is left out', () => {
    const views = [
      viewOf({}),
      {
        axis: 'wall' as const,
        range: { from: 1764400000.25, to: 1764400001 },
        smooth: 0,
        log: true,
        clip: false,
      },
    ];
    for (const view of views) assert.deepEqual(viewOf(queryOf(view)), view);
    assert.deepEqual(
      Object.values(queryOf(viewOf({}))).filter((value) => value !== undefined),
      [],
    );
  });
  test('names with any characters survive the address of a comparison', () => {
    const ids = ['a,b', '50%', 'x&y=1#'];
    const href = compareHref(ids, { metrics: ['test/a,b', '&'], group: 'a&b', x: undefined });
    const route = parseRoute(href);
    assert.ok(route.view === 'compare');
    assert.deepEqual(route.ids, ids);
    assert.deepEqual(listOf(route.query.metrics), ['test/a,b', '&']);
    assert.equal(route.query.group, 'a&b');
  });
});

describe('groups', () => {
  test('the mean at each position over the members that reach it', () => {
    const { step, value, band } = meanOf([
      { step: [1, 2, 3], value: [1, 3, 5] },
      { step: [1, 3], value: [3, 7] },
      { step: [2], value: [Number.NaN] },
    ]);
    assert.deepEqual(
      [step, value],
      [
        [1, 2, 3],
        [2, 4, 6],
      ],
    );
    assert.ok(
      Math.abs(band.max[0]! - (2 + Math.SQRT2)) < 1e-12 && Math.abs(band.min[0]! - (2 - Math.SQRT2)) < 1e-12,
    );
  });
  test('many positions are thinned out, and the ends stay', () => {
    const many = Array.from({ length: 5000 }, (_, i) => i);
    const { step, value } = meanOf([{ step: many, value: many }]);
    assert.ok(step.length <= 240 && step[0] === 0 && step.at(-1) === 4999);
    assert.ok(Math.abs(value[100]! - step[100]!) < 1e-9);
    assert.deepEqual(meanOf([]).step, []);
  });
  test('runs are grouped by a setting in which they differ, other than the seed, or by tag', () => {
    const run = (id: string, lr: number, seed: number, tags: string[]) => ({
      id,
      detail: { config: { lr, seed, model: { a: 1 } }, tags },
    });
    const runs = [run('a', 1, 1, ['x', 'y']), run('b', 2, 2, []), run('c', 1, 3, ['y'])];
    assert.deepEqual(groupings(runs), ['lr']);
    assert.deepEqual(
      [...groupRuns(runs, 'lr', '-')].map(([name, ids]) => [name, [...ids]]),
      [
        ['1', ['a', 'c']],
        ['2', ['b']],
      ],
    );
    assert.deepEqual([...groupRuns(runs, BY_TAG, '-').keys()].sort(), ['-', 'x', 'y']);
  });
});

describe('numbers in claims', () => {
  test('named values with their spread, and the result', () => {
    assert.deepEqual(
      measuredValues('relu (lr 0.003) 7.5 ± 0.1, tanh 6.4 ± 0.2; tanh/relu 0.8 ± 0.0').values,
      [
        { name: 'relu (lr 0.003)', value: 7.5, spread: 0.1 },
        { name: 'tanh', value: 6.4, spread: 0.2 },
      ],
    );
    assert.deepEqual(measuredValues('3/2 28.2 ± 0.5 %, 2/2 27.4 ± 0.1 %: −0.87 ± 0.38 (n = 2)'), {
      values: [
        { name: '3/2', value: 28.2, spread: 0.5 },
        { name: '2/2', value: 27.4, spread: 0.1 },
      ],
      result: { value: -0.87, spread: 0.38 },
    });
    assert.deepEqual(
      measuredValues('a -1.3 %, b 1,000').values.map(({ value }) => value),
      [-1.3, 1000],
    );
  });
  test('other texts have none', () => {
    for (const text of [
      '',
      '60,965,224',
      '290,400 · 186,624',
      '79.4 %',
      '224: 54.25; 227: 55',
      'β₁ 0.9, β₂ 0.999: ≤ 3.16',
      'a 1, a 2',
      'a 1, b, c 3',
      'x '.repeat(5000),
      'β₁ 0.9, β₁ 0.8',
      'L = 1 −125.8, L = 5 −124.8: +1.07 nat',
    ])
      assert.deepEqual(measuredValues(text).values, [], text.slice(0, 40));
  });
  test('up to 24 values are drawn, and the others are counted', () => {
    const textOf = (count: number) =>
      Array.from({ length: count }, (_, i) => `layer ${i} ${i + 1}`).join(', ');
    const barsOf = (count: number) => {
      const text = { en: textOf(count), zh: textOf(count).replaceAll('layer', '层') };
      return claimBars({ measured: text, paperSays: { en: 'layer 8 9.5', zh: '' } }, 'zh');
    };
    const { bars, left } = barsOf(9);
    assert.deepEqual([bars.length, left], [9, 0]);
    assert.deepEqual(bars[8], { name: '层 8', value: 9, spread: 0, paper: 9.5 });
    assert.deepEqual([barsOf(30).bars.length, barsOf(30).left], [24, 6]);
  });
  test('the paper’s number by its name', () => {
    const says = 'ResNet-44 7.17 %, ResNet-20 8.75 %';
    assert.deepEqual([paperNumber(says, 'resnet-20'), paperNumber(says, 'other')], [8.75, undefined]);
    assert.equal(paperNumber('top-1 −0.4, top-5 −0.3'), -0.4);
    for (const text of ['—', '13 % → 11 %', '≤ 1 %', '55 × 55', 'plain-56 > plain-20'])
      assert.equal(paperNumber(text), undefined, text);
  });
});

describe('columns of the list', () => {
  test('are the first settings in which runs differ, the seed last, until others are chosen', () => {
    assert.deepEqual(usualColumns(['machine.cpu', 'seed', 'recipe', 'lr', 'logEvery', 'model.dropout']), [
      'lr',
      'model.dropout',
      'seed',
    ]);
    assert.deepEqual(usualColumns(['a', 'b', 'c', 'd', 'seed']), ['a', 'b', 'c']);
  });
  test('and what is chosen survives the address, also none', () => {
    const query = (href: string) => Object.fromEntries(new URLSearchParams(href.split('?')[1]));
    for (const columns of [undefined, [], ['lr', 'model.dropout']]) {
      const view = { ...listViewOf({}, undefined), columns, second: 'lr' };
      assert.deepEqual(listViewOf(query(listHref(view, { x: 'time' })), undefined), view);
    }
    assert.deepEqual(listViewOf({}, ['a']).columns, ['a'], 'those that were chosen last');
  });
});
