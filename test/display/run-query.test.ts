import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  flatSettings,
  matches,
  namesOf,
  parseFilter,
  type Row,
  sorted,
  valueIn,
} from '../../src/display/run-query.js';

const row = (id: string, change: object = {}, settings: Row['settings'] = {}): Row => ({
  run: {
    id,
    name: id,
    tags: [],
    status: 'done',
    paper: 'p',
    preset: 'n',
    recipe: 'r',
    dataset: 'cifar10',
    seed: 0,
    started: '2026-11-20T08:00:00.000Z',
    updated: '2026-11-20T08:00:00.000Z',
    step: 10,
    epoch: 1,
    ...change,
  },
  settings,
});

const rows: readonly Row[] = [
  row(
    'a',
    { bestAccuracy: 60, tags: ['baseline', 'long run'], status: 'training' },
    { lr: 0.1, 'model.dropout': 0.5 },
  ),
  row(
    'b',
    { bestAccuracy: 71, lastLoss: 0.2, note: 'With the <old> data' },
    { lr: 0.01, 'model.dropout': 0 },
  ),
  row('c', { figures: { 'test/fid': 12 } }, { lr: 1e-5, nesterov: true }),
];
const known = (name: string): boolean =>
  namesOf(rows).some((each) => each === name || each.endsWith(`.${name}`));
const found = (text: string): string =>
  rows
    .filter((each) => matches(each, parseFilter(text, known)))
    .map(({ run }) => run.id)
    .join('');

describe('filters', () => {
  test('words, and comparisons with facts, figures and settings', () => {
    for (const [text, ids] of [
      ['', 'abc'],
      ['CIFAR', 'abc'],
      ['baseline training', 'a'],
      ['baseline done', ''],
      ['lr>=0.01', 'ab'],
      ['lr<1e-3', 'c'],
      ['lr=.01', 'b'],
      ['dropout=0', 'b'],
      ['model.dropout!=0', 'ac'],
      ['accuracy>60', 'b'],
      ['accuracy>=60 status=training', 'a'],
      ['loss<1', 'b'],
      ['test/fid<=12', 'c'],
      ['nesterov=true', 'c'],
      ['tags="long run"', 'a'],
      ['tags:long', 'a'],
      ['tags!=baseline', 'bc'],
      ['note:"the <old>"', 'b'],
      ['"<old> data"', 'b'],
      ['started>2026-11-20T07', 'abc'],
      ['started<2026-11-01', ''],
      ['a:b', ''],
    ] as const)
      assert.equal(found(text), ids, text);
  });
  test('any text is a valid filter', () => {
    for (const text of ['"', 'lr>', '=', '>3', 'lr>x', '__proto__=1', 'constructor:x', '"a" "', 'lr>=<3'])
      found(text);
    assert.equal(valueIn(rows[0]!, 'constructor'), undefined);
    assert.equal(valueIn(rows[0]!, '__proto__'), undefined);
  });
});

test('order: numbers by size, runs without a value last in both directions', () => {
  const order = (name: string, descending: boolean): string =>
    sorted(rows, name, descending)
      .map(({ run }) => run.id)
      .join('');
  assert.equal(order('lr', false), 'cba');
  assert.equal(order('lr', true), 'abc');
  assert.equal(order('accuracy', false), 'abc');
  assert.equal(order('accuracy', true), 'bac');
  assert.equal(order('status', false), 'abc');
  assert.equal(order('nothing', false), 'abc');
});

test('settings by their path; lists and long texts stay short', () => {
  assert.deepEqual(
    flatSettings({ a: { b: { c: 1 } }, l: ['x', 2, { y: 1 }], t: true, n: null, u: undefined }),
    {
      'a.b.c': 1,
      l: 'x, 2, {"y":1}',
      t: true,
    },
  );
  assert.equal(String(flatSettings({ classes: Array(1000).fill('name') }).classes).length, 200);
  for (const odd of [null, 3, 'x', undefined]) assert.deepEqual(flatSettings(odd), {});
});
