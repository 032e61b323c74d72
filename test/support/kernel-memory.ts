import assert from 'node:assert/strict';
import type { VectorOperation } from '../../src/backend/simd/operation.js';
import { KernelPool } from '../../src/backend/simd/pool.js';
import { startNodeThread } from '../../src/backend/simd/threads/node.js';
import { makeMemory, type SharedMemory } from '../../src/webassembly/runtime.js';

/** A shared memory of fixed size, in pages. */
export const sharedMemory = (pages: number): SharedMemory =>
  makeMemory({ initial: pages, maximum: pages, shared: true }) as SharedMemory;

/** A NaN that no computation makes: where it is read it shows in the result, where it is overwritten too. */
const CANARY = 0x7fa5a5a5;
/** Words between two regions. */
const GAP = 64;
const FIRST = 16_384;

/** Memory for tests of vector kernels, which notices what an operation writes outside of its output and scratch memory. */
export class KernelMemory {
  readonly pool: KernelPool;
  readonly #words: Uint32Array;
  readonly #numbers: Float32Array;
  #next = FIRST;

  constructor(threads = 1, pages = 1024) {
    this.pool = new KernelPool(sharedMemory(pages), pages, threads, startNodeThread);
    this.#words = new Uint32Array(this.pool.memory.buffer);
    this.#numbers = new Float32Array(this.pool.memory.buffer);
    this.reset();
  }

  /** Forgets all regions. */
  reset(): void {
    this.#words.fill(CANARY, 0, this.#next + 2 * GAP);
    this.#next = FIRST;
  }

  /** A region of canaries. @returns its offset in bytes */
  room(count: number): number {
    const at = this.#next;
    this.#next = at + Math.ceil(count / 4) * 4 + GAP;
    this.#words.fill(CANARY, at, this.#next + GAP);
    return 4 * at;
  }

  put(values: ArrayLike<number>): number {
    const at = this.room(values.length);
    this.#numbers.set(values, at / 4);
    return at;
  }

  get(at: number, count: number): Float32Array {
    return this.#numbers.slice(at / 4, at / 4 + count);
  }

  /**
   * Runs an operation whose scratch memory is full of NaN, and checks that it wrote nowhere else.
   *
   * @param output offset and number of words that it may write
   */
  run(
    operation: VectorOperation,
    operands: readonly number[],
    output: readonly [at: number, count: number],
  ): void {
    assert.equal(operation.scratchBytes % 4, 0, 'scratch memory of whole words');
    const scratch = this.room(operation.scratchBytes / 4);
    const before = this.#words.slice(0, this.#next + GAP);
    operation.run(operands, scratch);
    const inside = (word: number): boolean =>
      (4 * word >= output[0] && 4 * word < output[0] + 4 * output[1]) ||
      (4 * word >= scratch && 4 * word < scratch + operation.scratchBytes);
    for (let word = 0; word < before.length; word++)
      if (this.#words[word] !== before[word] && !inside(word))
        assert.fail(`word ${word} was overwritten; output ${output}, scratch at ${scratch}`);
    this.#next = scratch / 4;
  }

  close(): void {
    this.pool.close();
  }
}

/** Numbers in [−1, 1) that depend on the seed. */
export function numbers(count: number, seed = 1): Float32Array {
  let state = seed * 2_654_435_761;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** Checks that numbers are the expected ones, within rounding of sums of `terms` products. */
export function near(got: Float32Array, expected: ArrayLike<number>, terms: number, what: string): void {
  assert.equal(got.length, expected.length);
  const tolerance = 1e-6 * Math.sqrt(Math.max(4, terms)) + 1e-6;
  for (let i = 0; i < got.length; i++) {
    const [is, should] = [got[i]!, Math.fround(expected[i]!)];
    if (Object.is(is, should) || Math.abs(is - should) <= tolerance * Math.max(1, Math.abs(should))) continue;
    assert.fail(`${what}: number ${i} is ${is}, not ${should}`);
  }
}
