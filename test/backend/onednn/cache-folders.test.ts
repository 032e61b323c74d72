import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { cacheFolder } from '../../../src/files/cache-folder.js';
import { temporaryFolder } from '../../data/support.js';

const PROGRAM = `
const { KernelCache } = await import(${JSON.stringify(new URL('../../../src/backend/onednn/kernel-cache.js', import.meta.url).href)});
const cache = KernelCache.open('library', 2);
cache?.set('layer', 'fast');
cache?.save();
console.log(cache ? 'kept' : 'not kept');`;

/** Opens a cache in this file, in another process, and keeps a choice. @param shell what precedes the program */
function open(file: string, shell = ''): string {
  const { stdout, stderr, error } = spawnSync(
    'sh',
    ['-c', `${shell} exec "$NODE" --input-type=module -e "$PROGRAM"`],
    {
      env: { ...process.env, NODE: process.execPath, PROGRAM, PAPERWEIGHT_KERNELS: file },
      encoding: 'utf8',
      timeout: 60_000,
    },
  );
  assert.equal(stderr, '');
  assert.equal(error, undefined);
  return stdout.trim();
}

test('choices are kept, and nothing else is left', { skip: process.platform === 'win32' }, async (t) => {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'new', 'kernels.json');
  assert.equal(open(file), 'kept');
  assert.match(await readFile(file, 'utf8'), /"layer": "fast"/);
  assert.deepEqual(await readdir(path.dirname(file)), ['kernels.json']);

  // A full disk: no file may get longer than 0 bytes.
  await rm(file);
  assert.equal(open(file, "trap '' XFSZ; ulimit -f 0;"), 'not kept');
  assert.deepEqual(await readdir(path.dirname(file)), []);
  await mkdir(file);
  assert.equal(open(file), 'not kept');
});

test('a folder that accepts no new ones ends nothing', { skip: process.platform !== 'linux' }, () => {
  assert.equal(open('/proc/paperweight/kernels.json'), 'not kept');
});

test('the cache is never in the folder in which a program runs', () => {
  const { XDG_CACHE_HOME: named } = process.env;
  try {
    for (const relative of ['', 'cache', './cache']) {
      process.env.XDG_CACHE_HOME = relative;
      assert.equal(cacheFolder(), path.join(homedir(), '.cache', 'paperweight'));
    }
    process.env.XDG_CACHE_HOME = path.resolve('/cache');
    assert.equal(cacheFolder(), path.join(path.resolve('/cache'), 'paperweight'));
  } finally {
    if (named === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = named;
  }
});
