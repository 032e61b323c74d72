import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { KernelCache } from '../../../src/backend/onednn/kernel-cache.js';
import { temporaryFolder } from '../../data/support.js';
import { runNode } from '../../support/cli.js';

const MODULE = new URL('../../../src/backend/onednn/kernel-cache.js', import.meta.url).href;

test('processes that write at the same time leave a valid file, and nothing else', async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'kernels.json');
  const script = `
    import { KernelCache } from ${JSON.stringify(MODULE)};
    const own = KernelCache.open(process.argv[1], 1);
    for (let i = 0; i < 20; i++) { own.set('key' + i, 'name'); own.save(); }
    console.log(own === undefined ? 'none' : 'saved');`;
  const names = ['a', 'b', 'c'];
  const ended = await Promise.all(
    names.map((name) =>
      runNode(['--input-type=module', '-e', script, name], { env: { PAPERWEIGHT_KERNELS: file } }),
    ),
  );
  for (const { code, stdout, stderr } of ended) assert.deepEqual([code, stdout], [0, 'saved\n'], stderr);
  const content = JSON.parse(await readFile(file, 'utf8')) as object;
  assert.ok(Object.keys(content).length > 0);
  assert.deepEqual(await readdir(folder), ['kernels.json']);
});

test('a damaged file is replaced, and its other sections are kept', async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'kernels.json');
  const before = process.env.PAPERWEIGHT_KERNELS;
  process.env.PAPERWEIGHT_KERNELS = file;
  t.after(() => {
    if (before === undefined) delete process.env.PAPERWEIGHT_KERNELS;
    else process.env.PAPERWEIGHT_KERNELS = before;
  });
  for (const text of ['', '{', '\0\0', '[1]', '{"a":1}']) {
    await writeFile(file, text);
    const cache = KernelCache.open('x', 1)!;
    assert.equal(cache.get('key'), undefined, text);
    cache.set('key', 'name');
    cache.save();
    assert.equal(KernelCache.open('x', 1)!.get('key'), 'name', text);
  }
  KernelCache.open('y', 1)!.set('key', 'other');
  assert.equal(KernelCache.open('x', 1)!.get('key'), 'name');
});
