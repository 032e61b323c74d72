import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { commitOf, describeOrigin } from '../../src/run/origin.js';
import { scratch } from '../support/toy.js';

test('a recorded command is read back by a shell as it was given', {
  skip: process.platform === 'win32' && 'Windows has no /bin/sh',
}, () => {
  const words = ['train', '--run', "it's a run", '--lr-scale', 'a*=0.1', '$(true)', '', 'ünï'];
  const { command } = describeOrigin(words);
  const line = `printf '%s\\n' ${command!.slice('paperweight '.length)}`;
  assert.deepEqual(
    execFileSync('/bin/sh', ['-c', line], { encoding: 'utf8' }).split('\n').slice(0, -1),
    words,
  );
});

test('the commit of a repository, in every form of its references', async (t) => {
  const folder = await scratch(t);
  const hash = 'ab'.repeat(20);
  await mkdir(join(folder, '.git/refs/heads'), { recursive: true });
  await mkdir(join(folder, 'deep/er'), { recursive: true });
  const head = (text: string) => writeFile(join(folder, '.git/HEAD'), text);
  await head(`${hash}\n`);
  assert.equal(commitOf(join(folder, 'deep/er')), hash);
  await head('ref: refs/heads/main\n');
  assert.equal(commitOf(folder), undefined);
  await writeFile(join(folder, '.git/packed-refs'), `# pack-refs\n${hash} refs/heads/main\n`);
  assert.equal(commitOf(folder), hash);
  await writeFile(join(folder, '.git/refs/heads/main'), `${'cd'.repeat(20)}\n`);
  assert.equal(commitOf(folder), 'cd'.repeat(20));
  await writeFile(join(folder, 'deep/.git'), `gitdir: ${join(folder, '.git')}\n`);
  assert.equal(commitOf(join(folder, 'deep/er')), 'cd'.repeat(20));
  await head('not a reference');
  assert.equal(commitOf(folder), undefined);
});
