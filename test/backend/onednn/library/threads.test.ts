import assert from 'node:assert/strict';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import koffi from 'koffi';
import { openMpOf } from '../../../../src/backend/onednn/library/dll.js';
import { loadOneDnn } from '../../../../src/backend/onednn/library/library.js';
import { Threads } from '../../../../src/backend/onednn/library/threads.js';
import { temporaryFolder } from '../../../data/support.js';
import { runNode } from '../../../support/cli.js';
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

test('a library in a folder with letters of every kind stays loaded until the process ends', {
  skip: process.platform !== 'win32' && 'other systems have one kind of path',
}, async (t) => {
  const folder = join(await temporaryFolder(t), 'Jörg 实验 & Co');
  await mkdir(folder);
  const file = join(folder, 'dnnl.dll');
  await copyFile(path, file);
  const module = new URL('../../../../src/backend/onednn/library/library.js', import.meta.url).href;
  const script = `
    import koffi from 'koffi';
    import { loadOneDnn } from ${JSON.stringify(module)};
    const { lib, path } = loadOneDnn();
    lib.unload();
    const handleOf = koffi.load('kernel32.dll').func('uintptr_t GetModuleHandleW(const char16_t *)');
    console.log(Number(handleOf(path)) !== 0);`;
  // A process of its own, since Windows cannot remove the file while it is loaded.
  const env = { PAPERWEIGHT_ONEDNN: file };
  const { code, stdout, stderr } = await runNode(['--input-type=module', '-e', script], { env });
  assert.deepEqual([code, stdout], [0, 'true\n'], stderr);
});
