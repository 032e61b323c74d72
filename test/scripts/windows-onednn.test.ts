import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { WINDOWS_FOLDER } from '../../src/backend/onednn/library/places.js';
import { temporaryFolder } from '../data/support.js';

type Run = (command: string, args: string[]) => Promise<{ code: number | string; output: string }>;
interface Script {
  readonly WHEEL: { readonly requirement: string };
  windowsFolder(env: NodeJS.ProcessEnv): string;
  fetchOneDnn(folder: string, run: Run, sha256?: string): Promise<string | undefined>;
}
const { fetchOneDnn, WHEEL, windowsFolder } = (await import(
  new URL('../../../scripts/windows-onednn.mjs', import.meta.url).href
)) as Script;

/** A zip archive; the second and later files are compressed. */
function zip(files: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const [i, [name, text]] of Object.entries(files).entries()) {
    const packed = i === 0 ? Buffer.from(text) : deflateRawSync(text);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(3, 28);
    parts.push(local, Buffer.from(name), Buffer.from('xyz'), packed);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50);
    entry.writeUInt16LE(i === 0 ? 0 : 8, 10);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt16LE(2, 30);
    entry.writeUInt16LE(1, 32);
    entry.writeUInt32LE(at, 42);
    central.push(entry, Buffer.from(name), Buffer.from('abc'));
    at += 33 + name.length + packed.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, ...central, end]);
}

const BIN = 'x.data/data/Library/bin';
const SHARE = 'x.data/data/Library/share/doc/onednn';
const GOOD = zip({
  [`${SHARE}/LICENSE`]: 'Apache',
  [`${BIN}/dnnl.dll`]: 'MZ of a library',
  [`${SHARE}/README`]: 'read',
  [`${SHARE}/THIRD-PARTY-PROGRAMS`]: 'others',
  'x.dist-info/METADATA': 'not kept',
});
const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** A machine whose only pip is that of `python`, and brings a wheel. */
const pipWith =
  (wheel: Buffer | undefined, asked: string[][] = []): Run =>
  async (command, args) => {
    asked.push([command, ...args]);
    if (command !== 'python') return { code: 'ENOENT', output: '' };
    const to = args[args.indexOf('--dest') + 1];
    if (args.includes('download') && wheel) await writeFile(path.join(to!, 'x-win_amd64.whl'), wheel);
    return { code: 0, output: '' };
  };

test('the library for Windows is unpacked with its licence, complete or not at all', async (t) => {
  const cache = await temporaryFolder(t);
  const folder = path.join(cache, 'new', 'onednn');
  const asked: string[][] = [];
  assert.equal(await fetchOneDnn(folder, pipWith(GOOD, asked), hash(GOOD)), undefined);
  const names = (await readdir(folder)).sort();
  assert.deepEqual(names, ['LICENSE', 'README', 'THIRD-PARTY-PROGRAMS', 'dnnl.dll']);
  assert.equal(await readFile(path.join(folder, 'dnnl.dll'), 'utf8'), 'MZ of a library');
  assert.equal(await readFile(path.join(folder, 'LICENSE'), 'utf8'), 'Apache');
  assert.ok(asked.at(-1)!.includes(WHEEL.requirement) && asked.at(-1)!.includes('win_amd64'));
  assert.deepEqual(await readdir(path.dirname(folder)), ['onednn'], 'nothing else is left');
});

test('without pip, with a failed one, or with another wheel nothing is unpacked, and the reason is returned', async (t) => {
  const cache = await temporaryFolder(t);
  const folder = path.join(cache, 'onednn');
  const lacking = zip({ 'x/README': 'no library' });
  const cases: readonly (readonly [Run, RegExp, string?])[] = [
    [async () => ({ code: 'ENOENT', output: '' }), /there is no pip/],
    [
      async (_, args) => ({ code: args.includes('download') ? 1 : 0, output: 'a\nERROR: No matching\n' }),
      /pip ended with 1: ERROR: No matching/,
    ],
    [pipWith(undefined), /brought no wheel/],
    [pipWith(GOOD), /not the expected one: its SHA-256 is [0-9a-f]{64}/],
    [pipWith(lacking), /no dnnl\.dll/, hash(lacking)],
    [pipWith(Buffer.from('no archive')), /./, hash(Buffer.from('no archive'))],
  ];
  for (const [run, reason, sha256] of cases) {
    assert.match((await fetchOneDnn(folder, run, sha256))!, reason);
    assert.deepEqual(await readdir(cache), [], 'nothing is left');
  }
});

test('a library of an earlier, interrupted time is replaced', async (t) => {
  const folder = path.join(await temporaryFolder(t), 'onednn');
  await mkdir(folder);
  await writeFile(path.join(folder, 'left'), '');
  assert.equal(await fetchOneDnn(folder, pipWith(GOOD), hash(GOOD)), undefined);
  assert.ok(!(await readdir(folder)).includes('left'));
});

test('if another process has fetched it meanwhile, its library stays', async (t) => {
  const cache = await temporaryFolder(t);
  const folder = path.join(cache, 'onednn');
  const slow: Run = async (command, args) => {
    if (args.includes('download')) {
      await mkdir(folder);
      await writeFile(path.join(folder, 'dnnl.dll'), 'in use');
    }
    return pipWith(GOOD)(command, args);
  };
  assert.equal(await fetchOneDnn(folder, slow, hash(GOOD)), undefined);
  assert.equal(await readFile(path.join(folder, 'dnnl.dll'), 'utf8'), 'in use');
  assert.deepEqual(await readdir(cache), ['onednn']);
});

test('what an interrupted download has left is removed after a while, and nothing else', async (t) => {
  const cache = await temporaryFolder(t);
  for (const name of ['onednn.old', 'onednn.new', 'onednn3', 'other.old'])
    await mkdir(path.join(cache, name));
  const yesterday = Date.now() / 1000 - 24 * 3600;
  for (const name of ['onednn.old', 'onednn3', 'other.old'])
    await utimes(path.join(cache, name), yesterday, yesterday);
  assert.equal(await fetchOneDnn(path.join(cache, 'onednn'), pipWith(GOOD), hash(GOOD)), undefined);
  assert.deepEqual((await readdir(cache)).sort(), ['onednn', 'onednn.new', 'onednn3', 'other.old']);
});

test('a Python that only the shell starts is used too', async (t) => {
  const folder = path.join(await temporaryFolder(t), 'onednn');
  const shell: Run = (command, args) =>
    command === 'cmd' ? pipWith(GOOD)('python', args) : Promise.resolve({ code: 'ENOENT', output: '' });
  assert.equal(await fetchOneDnn(folder, shell, hash(GOOD)), undefined);
});

test('a cache that cannot be written is a reason, not an exception', async (t) => {
  const file = path.join(await temporaryFolder(t), 'file');
  await writeFile(file, '');
  assert.match(
    (await fetchOneDnn(path.join(file, 'onednn'), pipWith(GOOD), hash(GOOD)))!,
    /EEXIST|ENOTDIR|ENOENT/,
  );
});

test('setup and the program mean the same folder', () => {
  assert.equal(
    windowsFolder({ XDG_CACHE_HOME: '/cache' }),
    path.join('/cache', 'paperweight', WINDOWS_FOLDER),
  );
});
