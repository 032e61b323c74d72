import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Ahead } from '../../../src/backend/webgpu/ahead.js';

/** A promise, and what resolves it. */
function later(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Runs that take a time each, and whose results arrive together at the ticks of a clock. */
async function mostAfter(runs: number, each: number, tick: number): Promise<number> {
  let now = 0;
  let done = 0;
  const ahead = new Ahead(() => now);
  for (let sent = 0; sent < runs; ) {
    const results = Array.from({ length: ahead.most }, later);
    for (const { promise } of results) ahead.add(promise);
    sent += results.length;
    done = Math.max(done, now);
    for (const { resolve } of results) {
      done += each;
      now = Math.max(now, Math.ceil(done / tick) * tick);
      resolve();
      await new Promise((next) => setImmediate(next));
    }
    await ahead.all();
  }
  return ahead.most;
}

describe('runs on their way', () => {
  it('are two if each takes long, and more if short ones are reported late', async () => {
    assert.equal(new Ahead().most, 2);
    assert.equal(await mostAfter(20, 1000, 1), 2);
    assert.equal(await mostAfter(40, 5, 100), 8);
    assert.equal(await mostAfter(40, 1, 1), 8);
    assert.ok((await mostAfter(40, 60, 1)) <= 3);
  });

  it('a run that fails makes room too', async () => {
    const ahead = new Ahead();
    for (let n = 0; n < 5; n++) {
      await ahead.room();
      ahead.add(Promise.reject(new Error('refused')));
    }
    await ahead.all();
  });
});
