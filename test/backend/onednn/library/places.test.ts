import assert from 'node:assert/strict';
import { test } from 'node:test';
import { oneDnnPlaces, WINDOWS_FOLDER } from '../../../../src/backend/onednn/library/places.js';

const places = (
  platform: NodeJS.Platform,
  present: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): readonly string[] =>
  oneDnnPlaces({ platform, env, cache: '/cache', exists: (file) => present.includes(file) });

test('PAPERWEIGHT_ONEDNN replaces all places', () => {
  for (const platform of ['linux', 'darwin', 'win32', 'freebsd'] as const)
    assert.deepEqual(places(platform, [], { PAPERWEIGHT_ONEDNN: '/mine' }), ['/mine']);
  assert.deepEqual(places('freebsd'), []);
});

test('Linux: the loader’s names, version 2 first, then conda’s files', () => {
  assert.deepEqual(places('linux'), ['libdnnl.so.2', 'libdnnl.so.3', 'libdnnl.so']);
  const conda = '/opt/conda/lib/libdnnl.so.3';
  assert.equal(places('linux', [conda], { CONDA_PREFIX: '/opt/conda' }).at(-1), conda);
});

test('macOS: Homebrew on both processors, its linked and unlinked folder, MacPorts, conda', () => {
  for (const folder of [
    '/opt/homebrew/lib',
    '/opt/homebrew/opt/onednn/lib',
    '/usr/local/lib',
    '/opt/local/lib',
  ])
    for (const name of ['libdnnl.2.dylib', 'libdnnl.3.dylib', 'libdnnl.dylib'])
      assert.deepEqual(places('darwin', [`${folder}/${name}`]), [`${folder}/${name}`]);
  const own = ['/brew/lib/libdnnl.3.dylib', '/conda/lib/libdnnl.2.dylib'];
  assert.deepEqual(places('darwin', own, { HOMEBREW_PREFIX: '/brew', CONDA_PREFIX: '/conda' }), [
    own[1],
    own[0],
  ]);
  assert.ok(places('darwin').includes('/opt/homebrew/lib/libdnnl.3.dylib'), 'named if nothing is there');
});

test('Windows: what setup fetched, then Python’s folders and PATH, as paths', () => {
  const fetched = `\\cache\\${WINDOWS_FOLDER}\\dnnl.dll`;
  assert.deepEqual(places('win32'), [fetched]);
  const there = ['C:\\py\\python.exe', 'C:\\py\\Library\\bin\\dnnl.dll', 'D:\\tools\\dnnl.dll'];
  const env = { Path: 'C:\\none;C:\\py;;D:\\tools;D:\\tools' };
  assert.deepEqual(places('win32', there, env), [fetched, there[1], there[2]]);
  assert.deepEqual(places('win32', there, { VIRTUAL_ENV: 'C:\\py' }), [fetched, there[1]]);
  const own = 'C:\\Users\\Jörg\\AppData\\Roaming\\Python\\Library\\bin\\dnnl.dll';
  assert.deepEqual(places('win32', [own], { APPDATA: 'C:\\Users\\Jörg\\AppData\\Roaming' }), [fetched, own]);
});
