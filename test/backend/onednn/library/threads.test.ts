import assert from 'node:assert/strict';
import { test } from 'node:test';
import koffi from 'koffi';
import { openMpOf } from '../../../../src/backend/onednn/library/dll.js';
import { loadOneDnn } from '../../../../src/backend/onednn/library/library.js';
import { Threads } from '../../../../src/backend/onednn/library/threads.js';
import { onWine } from '../../../support/system/wine.js';

const { path } = loadOneDnn();

test('the OpenMP runtime of the library is found, so that it can be told the number of threads', () => {
  assert.equal(new Threads(path, 3).all, 3);
});

test('it gets the number of threads, on every system', {
  skip: onWine('omp_get_max_threads of its vcomp140 is always the number of cores'),
}, () => {
  const runtime = process.platform === 'win32' ? openMpOf(path) : path;
  const count = koffi.load(runtime!).func('int omp_get_max_threads()');
  const threads = new Threads(path, 3);
  assert.equal(count(), 3);
  assert.equal(
    threads.with(1, () => count()),
    1,
  );
  assert.equal(count(), 3);
  threads.use(2);
  assert.equal(count(), 2);
});
