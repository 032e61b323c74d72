import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { copyResults, placesOf } from '../../src/cli/reproduce/places.js';
import type { Variant } from '../../src/papers/claims/job.js';
import { isIn, parseShard, slurmShard } from '../../src/papers/claims/shard.js';
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

test('processes that start together copy the results of a package once', async (t) => {
  const folder = await scratch(t);
  const [from, to] = [join(folder, 'package'), join(folder, 'results', 'alexnet')];
  await mkdir(from);
  for (let i = 0; i < 20; i++) await writeFile(join(from, `a-seed${i}.json`), 'shipped');
  const copied = await Promise.all(Array.from({ length: 4 }, () => copyResults(from, to)));
  assert.equal(copied.filter(Boolean).length, 1);
  assert.equal((await readdir(to)).length, 20);
  assert.deepEqual(await readdir(join(folder, 'results')), ['alexnet']);
});

test('a part of the training runs is named by a flag or by a Slurm array', () => {
  assert.deepEqual(parseShard('2/8'), { index: 2, count: 8 });
  for (const text of ['0/2', '3/2', '1', '1/0', 'a/b', '1/2/3', '-1/2', '1/99999'])
    assert.throws(() => parseShard(text), /--shard .* cannot be used/, text);
  const task = (id: string, count: string, least: string, stride = '1') =>
    slurmShard({
      SLURM_ARRAY_TASK_ID: id,
      SLURM_ARRAY_TASK_COUNT: count,
      SLURM_ARRAY_TASK_MIN: least,
      SLURM_ARRAY_TASK_STEP: stride,
    });
  assert.equal(slurmShard({}), undefined);
  assert.deepEqual(task('1', '4', '1'), { index: 1, count: 4 });
  assert.deepEqual(task('3', '4', '0'), { index: 4, count: 4 });
  assert.deepEqual(task('15', '4', '0', '5'), { index: 4, count: 4 });
  assert.throws(() => task('7', '3', '1'), /cannot be counted.*--array=1-8/);
  const jobs = Array.from({ length: 40 }, (_, seed) => ({ variant: { id: 'v' } as Variant, seed }));
  const parts = [1, 2, 3].map((index) => jobs.filter((job) => isIn({ index, count: 3 }, job)));
  assert.equal(new Set(parts.flat()).size, 40);
  assert.equal(parts.flat().length, 40);
  for (const part of parts) assert.ok(part.length > 5);
});
