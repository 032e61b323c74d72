import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uniqueNames } from '../../src/site/names.js';

test('titles get different names of pages, also where case does not count, and none of a device of Windows', () => {
  const titles = ['Deep Nets!', 'deep nets', '深度 学习', '…', 'Con', 'AUX', 'com1', 'Icon'];
  assert.deepEqual(uniqueNames(titles, 'note'), [
    'deep-nets',
    'deep-nets-2',
    '深度-学习',
    'note',
    'con-2',
    'aux-2',
    'com1-2',
    'icon',
  ]);
});
