import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { constants } from 'node:fs';
import {
  chmod,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CheckpointError } from '../../src/errors/errors.js';
import { writeFileAtomic } from '../../src/files/atomic.js';
import { realPath } from '../../src/files/real-path.js';
import { writeSafetensors } from '../../src/interop/safetensors/checked.js';
import { readSafetensors } from '../../src/interop/safetensors/index.js';
import { scratch } from '../support/toy.js';

const posix = { skip: process.platform === 'win32' ? 'needs a POSIX system' : false };

const refused = (file: string, words: RegExp) =>
  assert.rejects(writeFileAtomic(file, 'new'), (e) => e instanceof CheckpointError && words.test(e.message));

/** Creates a device node, which only root can. @returns false if the test was skipped */
function device(t: TestContext, file: string, ...kind: readonly string[]): boolean {
  const made = spawnSync('mknod', ['-m', '666', file, ...kind]);
  if (made.status !== 0) t.skip('only root makes devices');
  return made.status === 0;
}

/** The bytes read from a pipe while `write` writes into it. */
async function through(fifo: string, write: () => Promise<unknown>): Promise<Buffer> {
  const reader = await open(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const parts: Buffer[] = [];
  let ended = false;
  const written = write().finally(() => {
    ended = true;
  });
  try {
    for (let last = false; !last; ) {
      last = ended;
      const buffer = Buffer.alloc(2 ** 16);
      const { bytesRead } = await reader.read(buffer, 0, buffer.length, null).catch((error) => {
        if (error.code === 'EAGAIN') return { bytesRead: 0 };
        throw error;
      });
      if (bytesRead > 0) {
        parts.push(buffer.subarray(0, bytesRead));
        last = false;
      } else await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await written;
  } finally {
    await reader.close();
  }
  return Buffer.concat(parts);
}

test('a symbolic link is kept, and its target is written', posix, async (t) => {
  const folder = await scratch(t);
  const at = (name: string) => join(folder, name);
  await mkdir(at('other'));
  await writeFile(at('other/file'), 'old');
  await symlink('other/file', at('link'));
  await symlink('link', at('second'));
  await symlink('other', at('folder'));
  await symlink('other/later', at('dangling'));
  for (const [name, leadsTo] of [
    ['link', 'other/file'],
    ['second', 'other/file'],
    ['folder/file', 'other/file'],
    ['dangling', 'other/later'],
  ] as const) {
    assert.equal(await writeFileAtomic(at(name), `by ${name}`), 3 + name.length);
    assert.equal(await readFile(at(leadsTo), 'utf8'), `by ${name}`);
    assert.equal(realPath(at(name)), join(await realpath(folder), leadsTo));
  }
  assert.equal(await readlink(at('link')), 'other/file');
  assert.equal(await readlink(at('second')), 'link');
  assert.equal(await readlink(at('dangling')), 'other/later');
  assert.deepEqual((await readdir(at('other'))).sort(), ['file', 'later']);
});

test('paths that lead nowhere are rejected, and no files are left behind', posix, async (t) => {
  const folder = await scratch(t);
  const at = (name: string) => join(folder, name);
  await mkdir(at('folder'));
  await writeFile(at('file'), 'old');
  await symlink('folder', at('to-folder'));
  await symlink('circle', at('circle'));
  await symlink('absent/file', at('into-nothing'));
  await refused(at('folder'), /a folder where a file should be/);
  await refused(at('to-folder'), /a folder where a file should be/);
  await refused(at('circle'), /symbolic links that form a loop/);
  await refused(at('into-nothing'), /no such file or folder/);
  await refused(at('absent/file'), /no such file or folder/);
  await refused(at('file/below'), /a file where a folder should be/);
  const names = ['circle', 'file', 'folder', 'into-nothing', 'to-folder'];
  assert.deepEqual((await readdir(folder)).sort(), names);
  assert.equal(await readFile(at('file'), 'utf8'), 'old');
});

test('a replaced file keeps its permissions; a hard link to it keeps the old bytes', posix, async (t) => {
  const folder = await scratch(t);
  const [file, other] = [join(folder, 'file'), join(folder, 'other')];
  await writeFile(file, 'old');
  await chmod(file, 0o640);
  await link(file, other);
  await writeFileAtomic(file, 'new');
  assert.equal((await stat(file)).mode & 0o777, 0o640);
  assert.deepEqual([await readFile(file, 'utf8'), await readFile(other, 'utf8')], ['new', 'old']);
});

test('all bytes are written into a pipe, in order, with and without a checksum', posix, async (t) => {
  const folder = await scratch(t);
  const fifo = join(folder, 'fifo');
  assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
  await refused(fifo, /without a reader/);
  // More than a pipe can hold, in pieces that reuse one buffer.
  const buffer = Buffer.alloc(100_000);
  async function* pieces() {
    for (let i = 0; i < 4; i++) yield buffer.fill(i);
  }
  const got = await through(fifo, () => writeFileAtomic(fifo, pieces()));
  assert.equal(got.length, 400_000);
  for (let i = 0; i < 4; i++)
    assert.ok(got.subarray(i * 100_000, (i + 1) * 100_000).every((byte) => byte === i));
  const tensors = new Map([['a', { dtype: 'F32' as const, shape: [3], data: new Float32Array([1, 2, 3]) }]]);
  const file = join(folder, 'a.safetensors');
  await writeSafetensors(file, tensors);
  const same = await through(fifo, () => writeSafetensors(fifo, tensors));
  assert.deepEqual(same, await readFile(file));
  await writeFile(join(folder, 'b.safetensors'), same);
  assert.deepEqual([...(await readSafetensors(join(folder, 'b.safetensors'))).tensors.keys()], ['a']);
  assert.ok((await lstat(fifo)).isFIFO());
});

test('a device stays a device', posix, async (t) => {
  const folder = await scratch(t);
  const at = (name: string) => join(folder, name);
  if (!device(t, at('null'), 'c', '1', '3')) return;
  device(t, at('full'), 'c', '1', '7');
  device(t, at('disk'), 'b', '7', '250');
  await symlink('null', at('link'));
  assert.equal(await writeFileAtomic(at('null'), 'new'), 3);
  assert.equal(await writeFileAtomic(at('link'), 'new'), 3);
  await refused(at('full'), /a full disk/);
  await refused(at('disk'), /is a disk/);
  for (const name of ['null', 'full']) assert.ok((await lstat(at(name))).isCharacterDevice(), name);
  assert.ok((await lstat(at('disk'))).isBlockDevice());
  assert.ok((await lstat(at('link'))).isSymbolicLink());
  assert.equal((await readdir(folder)).length, 4);
});

test('an open file is written at its current position', { skip: process.platform !== 'linux' }, async (t) => {
  const file = join(await scratch(t), 'file');
  const handle = await open(file, 'w');
  t.after(() => handle.close());
  await handle.write('before ');
  for (const path of [`/proc/self/fd/${handle.fd}`, `/dev/fd/${handle.fd}`])
    await writeFileAtomic(path, 'new ');
  await handle.write('after');
  assert.equal(await readFile(file, 'utf8'), 'before new new after');
});
