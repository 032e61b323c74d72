import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { copyResults, placesOf } from '../../src/cli/reproduce/places.js';
import { paperFolder } from '../../src/papers/registry.js';
import { scratch } from '../support/toy.js';

test('results are written into a clone, but not into an installed package', () => {
  const own = paperFolder('alexnet');
  assert.deepEqual(placesOf('alexnet', undefined, true), {
    results: join(own, 'results'),
    figures: join(own, 'figures'),
    notes: own,
  });
  const installed = placesOf('alexnet', undefined, false);
  assert.deepEqual(installed, {
    results: join('results', 'alexnet'),
    figures: join('results', 'alexnet', 'figures'),
    shipped: join(own, 'results'),
  });
  for (const clone of [true, false])
    assert.deepEqual(placesOf('alexnet', 'mine', clone), {
      results: 'mine',
      figures: join('mine', 'figures'),
    });
});

test('results of a package are copied once, and never overwrite others', async (t) => {
  const folder = await scratch(t);
  const [from, to] = [join(folder, 'package'), join(folder, 'results', 'alexnet')];
  await mkdir(from);
  await writeFile(join(from, 'a-seed0.json'), 'shipped');
  await writeFile(join(from, 'README.md'), 'table');
  assert.equal(await copyResults(from, to), true);
  assert.deepEqual(await readdir(to), ['a-seed0.json']);
  await writeFile(join(to, 'a-seed0.json'), 'mine');
  assert.equal(await copyResults(from, to), false);
  assert.equal(await readFile(join(to, 'a-seed0.json'), 'utf8'), 'mine');
  assert.equal(await copyResults(join(folder, 'absent'), join(folder, 'new')), false);
});
