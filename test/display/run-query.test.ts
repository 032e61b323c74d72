import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  differingSettings,
  faultOf,
  flatSettings,
  matches,
  nameIn,
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
const found = (text: string): string =>
  rows
    .filter((each) => matches(each, parseFilter(text, namesOf(rows))))
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
      ['STATUS:training', 'a'],
      ['Model.Dropout=0', 'b'],
      ['LR<1e-3', 'c'],
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

test('faults of filters are found; words, times and addresses are not faults', () => {
  const kind = (text: string) => faultOf(text, rows)?.kind;
  for (const text of ['lr>=', '>=', 'lr < 0.1', 'lr <0.1', 'lr< 0.1', 'lr>=<3', 'lr==1', ':done', 'lr:'])
    assert.equal(kind(text), 'incomplete', text);
  for (const text of ['"unclosed', 'tags:"long', 'a"']) assert.equal(kind(text), 'quote', text);
  for (const text of ['lr>=abc', 'accuracy<high', 'test/fid=x', 'LR="0.1 0.2"', 'lr=""'])
    assert.equal(kind(text), 'number', text);
  assert.deepEqual(faultOf('nothing>3', rows), { kind: 'unknown', name: 'nothing' });
  for (const text of [
    '',
    'word',
    'a:b',
    'http://a.b/?c=d',
    'note:"the <old>"',
    'lr:0.',
    'started>2026-11-20',
    'Status=done',
    'a-b',
  ])
    assert.equal(kind(text), undefined, text);
});

test('runs differ by the settings that they have', () => {
  assert.deepEqual(differingSettings([]), []);
  assert.deepEqual(differingSettings(rows), ['lr', 'model.dropout'], 'nesterov is in one run only');
  const broken = row('broken');
  const program = row('program', { figures: { width: 3 } }, { program: 'x.js', 'settings.lr': 0.5 });
  assert.deepEqual(differingSettings([rows[0]!, broken, program]), ['lr']);
  assert.equal(valueIn(program, 'lr'), 0.5);
  const own = (id: string, value: number) =>
    row(id, { figures: { width: 3 } }, { 'settings.seed': value, 'settings.width': value });
  assert.deepEqual(
    differingSettings([own('x', 1), own('y', 2)]),
    ['settings.seed', 'settings.width'],
    'facts and figures keep their names',
  );
});

test('names are known by their path, its end, and in another case', () => {
  const names = ['status', 'model.dropout', 'batchSize', 'Status.Code'];
  for (const [typed, name] of [
    ['status', 'status'],
    ['dropout', 'dropout'],
    ['STATUS', 'status'],
    ['batchsize', 'batchSize'],
    ['DROPOUT', 'dropout'],
    ['code', 'Code'],
    ['out', undefined],
    ['', undefined],
  ] as const)
    assert.equal(nameIn(names, typed), name, typed);
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
