import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arrayAt, reserve } from '../../../../src/backend/onednn/library/memory.js';
import { DeviceError } from '../../../../src/errors/errors.js';

test('reserved addresses are usable as far as they are committed, at the same place', () => {
  const block = reserve(64 * 2 ** 30);
  assert.equal(block.address % 2 ** 21, 0);
  block.commit(4096);
  arrayAt(block.address, 'float32', 1024).fill(7);
  block.commit(8 * 2 ** 20);
  block.commit(4096);
  const all = arrayAt(block.address, 'float32', 2 * 2 ** 20);
  assert.deepEqual([all[0], all[1023], all[1024], all.at(-1)], [7, 7, 0, 0]);
  all.fill(1);
  block.free();
});

test('addresses that the system refuses are a DeviceError', () => {
  assert.throws(() => reserve(2 ** 50), DeviceError);
});
