import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { WORD } from '../../../src/backend/simd/jobs.js';
import { encodeKernel } from '../../../src/backend/simd/kernel.js';
import { KernelPool, PIECE } from '../../../src/backend/simd/pool.js';
import { startNodeThread } from '../../../src/backend/simd/threads/node.js';
import type { StartThread } from '../../../src/backend/simd/threads/serve.js';
import { f } from '../../../src/ops/formula.js';
import { sharedMemory } from '../../support/kernel-memory.js';

const PAGES = 64;
const COUNT = 2 ** 17;

/** A module with a custom section of this many bytes, which engines ignore. */
function padded(module: Uint8Array, bytes: number): Uint8Array<ArrayBuffer> {
  // The section's size as LEB128 of five bytes, then an empty name.
  const size = Array.from({ length: 5 }, (_, k) => ((bytes >>> (7 * k)) & 127) | (k < 4 ? 128 : 0));
  const result = new Uint8Array(module.length + 6 + bytes);
  result.set(module);
  result.set([0, ...size], module.length);
  return result;
}

it('threads get the modules of more kernels than there is room for at a time', () => {
  const pool = new KernelPool(sharedMemory(PAGES), PAGES, 3, startNodeThread);
  try {
    const numbers = new Float32Array(pool.memory.buffer, 0, 2 * COUNT);
    const kernels = Array.from({ length: 6 }, (_, added) => {
      const formula = f.add(f.input(0), added + 1);
      const shape = { formula, inputs: 1, dimensions: [{ size: 0, steps: [1] }] };
      return pool.compile({ padded: added }, (pages) => padded(encodeKernel(shape, pages), 2 ** 20));
    });
    for (const k of [0, 1, 2, 3, 4, 5, 0, 5, 1, 4]) {
      numbers.fill(k, 0, COUNT);
      pool.during(() => pool.share(kernels[k]!, [0, 4 * COUNT], COUNT, PIECE, COUNT));
      assert.ok(
        numbers.subarray(COUNT).every((value) => value === 2 * k + 1),
        `kernel ${k}`,
      );
    }
  } finally {
    pool.close();
  }
});

it('a thread whose process was stopped in between is not taken for dead', () => {
  const taken = new Int32Array(new SharedArrayBuffer(4));
  // Takes one piece, and finishes it a while later.
  const start: StartThread = ({ control }) => {
    const worker = new Worker(
      `const { control, taken } = require('node:worker_threads').workerData;
      const [next, words] = [new BigInt64Array(control, 0, 1), new Int32Array(control)];
      let seen;
      do seen = Atomics.load(next, 0);
      while ((seen & 0xffffffffn) >= BigInt(words[${WORD.pieces}]) || Atomics.compareExchange(next, 0, seen, seen + 1n) !== seen);
      Atomics.store(taken, 0, 1);
      Atomics.notify(taken, 0);
      Atomics.wait(taken, 0, 1, 100);
      Atomics.add(words, ${WORD.done}, 1);
      Atomics.notify(words, ${WORD.done});`,
      { eval: true, workerData: { control, taken } },
    );
    return { stop: () => void worker.terminate() };
  };
  const afterThread = (): void => void Atomics.wait(taken, 0, 0);
  const pool = new KernelPool(sharedMemory(PAGES), PAGES, 2, start, 60_000, () => afterThread);
  const kernel = pool.kernel({ formula: f.input(0), inputs: 1, dimensions: [{ size: 0, steps: [1] }] });
  const { now } = performance;
  let looks = 0;
  // The process is stopped for an hour after the first look at the clock.
  performance.now = () => now.call(performance) + (looks++ > 0 ? 3_600_000 : 0);
  try {
    pool.share(kernel, [0, 4 * COUNT], COUNT, PIECE, COUNT);
    assert.equal(pool.failed, false);
  } finally {
    performance.now = now;
    pool.close();
  }
});
