import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import {
  baselineSchema,
  compareGuard,
  countersOf,
  readBaseline,
  signatureOf,
} from '../../src/bench/guard.js';

const guard = { plans: { train: { primitives: 80, reorders: 5, scripted: 'sum' } }, ofSgemm: 1 };

test('all counters of a plan are compared, but no times', () => {
  const stats = {
    primitives: 3,
    reorders: 1,
    arenaBytes: 10,
    packedBytes: 0,
    compileSeconds: 0.3,
    scripted: ['sum', 'affine'],
  };
  assert.deepEqual(countersOf(stats), {
    primitives: 3,
    reorders: 1,
    arenaBytes: 10,
    packedBytes: 0,
    scripted: 'affine sum',
  });
});

test('any changed counter is a finding, better or worse; a rate only if it falls far', () => {
  assert.deepEqual(compareGuard(guard, guard), []);
  assert.deepEqual(compareGuard(guard, { ...guard, ofSgemm: 0.61 }), []);
  assert.equal(compareGuard(guard, { ...guard, ofSgemm: 0.59 }).length, 1);
  const better = { ...guard, plans: { train: { primitives: 80, reorders: 4, scripted: 'sum' } } };
  assert.deepEqual(compareGuard(guard, better), [
    { plan: 'train', counter: 'reorders', expected: 5, got: 4 },
  ]);
  const other = { ...guard, plans: { infer: { primitives: 1 } } };
  assert.equal(compareGuard(guard, other).length, 4, 'plans that came and went');
});

test('a baseline belongs to a library, an instruction set and a thread count', async () => {
  const info = { engine: 'onednn', version: '2.6.3', isa: 'avx2', threads: 8 };
  assert.match(signatureOf(info as never), /^onednn 2\.6\.3, avx2, 2 threads, /);
  const committed = await readFile(new URL('../../../bench/baseline.json', import.meta.url), 'utf8');
  assert.ok(Object.keys(baselineSchema.parse(JSON.parse(committed))).length > 0);
  assert.deepEqual(await readBaseline('/no/such/file.json'), {});
});
