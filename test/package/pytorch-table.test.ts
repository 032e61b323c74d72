import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { World } from '../../src/distributed/world.js';
import * as paperweight from '../../src/index.js';

/** Rows of the tables: the cells of one line. */
const rowsOf = (name: string): string[][] =>
  readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (PyTorch|---)/.test(line))
    .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')));
const codesOf = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code!);

const parameter = new paperweight.Parameter(new Float32Array(1), [1]);
const layer = new paperweight.nn.Identity();
const SUBJECTS: Readonly<Record<string, object>> = {
  x: parameter,
  y: parameter,
  a: parameter,
  p: parameter,
  loss: parameter,
  m: layer,
  optimizer: new paperweight.optim.SGD([parameter], { lr: 1 }),
  world: World.prototype,
};

/** Whether the first names of a code such as `nn.init.normal(…)` exist. */
function exists(code: string): boolean {
  if (/^(train|bench train) --/.test(code)) return true;
  const path = /^[\w.]+/.exec(code)![0].split('.');
  let at: unknown = { ...paperweight, ...SUBJECTS };
  for (const name of path) {
    if (at === null || (typeof at !== 'object' && typeof at !== 'function') || !(name in at)) return false;
    at = (at as Record<string, unknown>)[name];
  }
  return true;
}

test('every name in the table of PyTorch’s names exists', () => {
  const rows = rowsOf('pytorch.md');
  assert.ok(rows.length >= 120, `${rows.length} rows`);
  for (const row of rows) {
    assert.equal(row.length, 3, row.join(' | '));
    assert.match(row[2]!, /^(same|renamed|(different|missing): .+)$/);
    for (const code of codesOf(row[1]!)) assert.ok(exists(code), `${code} does not exist`);
  }
  assert.ok(!exists('nn.Conv9d') && !exists('x.clone()'));
});

test('the table is the same in both languages', () => {
  const kinds = { 相同: 'same', 改名: 'renamed', 不同: 'different', 没有: 'missing' };
  const kindOf = (cell: string): string => cell.split(/[:：]/)[0]!;
  const [english, chinese] = ['pytorch.md', 'pytorch.zh.md'].map(rowsOf) as [string[][], string[][]];
  assert.deepEqual(
    chinese.map(([a, b, c]) => [a, b, kinds[kindOf(c!) as keyof typeof kinds]]),
    english.map(([a, b, c]) => [a, b, kindOf(c!)]),
  );
});
