import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rename } from '../../src/files/rename.js';

const failing = (code: string, times: number) => {
  let calls = 0;
  const call = async (): Promise<void> => {
    if (calls++ < times) throw Object.assign(new Error(code), { code });
  };
  return { call, calls: () => calls };
};

test('on Windows a rename waits for programs that have the file open', async () => {
  for (const code of ['EPERM', 'EACCES', 'EBUSY']) {
    const { call, calls } = failing(code, 2);
    await rename('a', 'b', { call, platform: 'win32' });
    assert.equal(calls(), 3);
  }
});

test('other errors, and those of other systems, are passed on at once', async () => {
  for (const [code, platform] of [
    ['ENOSPC', 'win32'],
    ['ENOENT', 'win32'],
    ['EACCES', 'linux'],
  ] as const) {
    const { call, calls } = failing(code, 2);
    await assert.rejects(rename('a', 'b', { call, platform }), { code });
    assert.equal(calls(), 1);
  }
});
