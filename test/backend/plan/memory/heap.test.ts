import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Heap } from '../../../../src/backend/plan/memory/heap.js';

it('ranges that are in use never overlap, and what is freed is given out again', () => {
  const heap = new Heap(100, 100 + 64 * 1000);
  const live = new Map<number, number>();
  let seed = 1;
  const random = (n: number): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    // The low bits repeat soon.
    return (seed >> 8) % n;
  };
  for (let round = 0; round < 5000; round++) {
    if (random(2) === 0 && live.size > 0) {
      const offset = [...live.keys()][random(live.size)]!;
      heap.free(offset);
      live.delete(offset);
      continue;
    }
    const bytes = 1 + random(3000);
    const offset = heap.allocate(bytes);
    if (offset === undefined) continue;
    assert.ok(offset >= 100 && offset + bytes <= 100 + 64_000);
    for (const [other, size] of live)
      assert.ok(offset + bytes <= other || other + size <= offset, `${offset} and ${other}`);
    live.set(offset, bytes);
  }
  assert.ok(live.size > 5);
  for (const offset of live.keys()) heap.free(offset);
  assert.equal(heap.used, 0);
  assert.equal(heap.allocate(64 * 1000), 100, 'everything is one range again');
  assert.equal(heap.allocate(1), undefined);
});
