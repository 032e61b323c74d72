import assert from 'node:assert/strict';
import test from 'node:test';
import { classCount, counted } from '../../src/errors/counted.js';

test('a number has the right form of its noun', () => {
  assert.deepEqual(
    [0, 1, 2, 1234].map((n) => counted(n, 'image')),
    ['0 images', '1 image', '2 images', '1,234 images'],
  );
  assert.deepEqual([1, 3].map(classCount), ['1 class', '3 classes']);
});
