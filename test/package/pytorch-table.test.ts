import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
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

/** Names for which the guide is not the place. */
const ELSEWHERE = new Set([
  ...['constructor', 'toString', 'node'],
  // Used by layers and by the trainer.
  ...['withoutInit', 'zeroWeights', 'pytorchDefault', 'normaliseTogether'],
]);

test('the guide names every layer, function, optimizer, schedule, transform, initialiser and method of tensors', () => {
  const folder = new URL('../../../docs/', import.meta.url);
  const pages = [
    ...['library', 'papers', 'pytorch', 'weights', 'onnx', 'distributed'],
    ...readdirSync(new URL('library/', folder)).flatMap((name) =>
      name.endsWith('.zh.md') ? [] : [`library/${name.slice(0, -3)}`],
    ),
  ];
  for (const language of ['', '.zh']) {
    const text = pages
      .map((page) => readFileSync(new URL(`${page}${language}.md`, folder), 'utf8'))
      .join('\n');
    const words = new Set(text.match(/\w+/g));
    const { nn, optim, transforms, Tensor } = paperweight;
    const camel = (name: string): boolean => /^[a-zA-Z]/.test(name) && !/^[A-Z_]+$/.test(name);
    const names = [
      ...Object.keys(nn),
      ...Object.keys(nn.functional),
      ...Object.keys(nn.init),
      ...Object.keys(optim),
      ...Object.keys(transforms),
      ...Object.getOwnPropertyNames(Tensor.prototype),
    ].filter((name) => camel(name) && !ELSEWHERE.has(name));
    assert.deepEqual(
      names.filter((name) => !words.has(name)),
      [],
    );
  }
});
