import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { removeOld } from '../../../src/files/system/remove.js';
import { temporaryFolder } from '../../data/support.js';

const failing = (code: string) => async (): Promise<void> => {
  throw Object.assign(new Error(code), { code });
};

test('an old file that another program has open on Windows stays; other errors are passed on', async () => {
  for (const code of ['EPERM', 'EACCES', 'EBUSY'])
    await removeOld('a', { call: failing(code), platform: 'win32' });
  for (const [code, platform] of [
    ['EIO', 'win32'],
    ['EACCES', 'linux'],
  ] as const)
    await assert.rejects(removeOld('a', { call: failing(code), platform }), { code });
});

test('an old file is removed; one that does not exist is no error', async (t) => {
  const file = join(await temporaryFolder(t), 'a');
  await writeFile(file, 'old');
  await removeOld(file);
  assert.ok(!existsSync(file));
  await removeOld(file);
});
