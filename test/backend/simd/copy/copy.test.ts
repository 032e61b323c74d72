import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { type CopyDimension, copyStrided, fillWithZeros } from '../../../../src/backend/simd/copy/copy.js';
import { KernelMemory, numbers } from '../../../support/kernel-memory.js';

const alone = new KernelMemory();
const many = new KernelMemory(3);
after(() => {
  alone.close();
  many.close();
});

function check(dimensions: readonly CopyDimension[], offsets: readonly [number, number] = [0, 0]): void {
  const extent = (side: 'from' | 'to'): number =>
    1 +
    dimensions.reduce(
      (n, one) => n + Math.max(0, one.size - 1) * one[side],
      offsets[side === 'from' ? 0 : 1],
    );
  const source = numbers(extent('from'));
  const before = numbers(extent('to'), 2);
  const expected = before.slice();
  const visit = (d: number, from: number, to: number): void => {
    const one = dimensions[d];
    if (one) for (let i = 0; i < one.size; i++) visit(d + 1, from + i * one.from, to + i * one.to);
    else expected[to] = source[from]!;
  };
  visit(0, ...offsets);
  for (const memory of [alone, many]) {
    memory.reset();
    const operands = [memory.put(source), memory.put(before)];
    memory.run(copyStrided(memory.pool, dimensions, offsets), operands, [operands[1]!, before.length]);
    assert.deepEqual(memory.get(operands[1]!, before.length), expected, JSON.stringify(dimensions));
  }
}

/** A permutation of a dense array into another. */
function permutation(shape: readonly number[], axes: readonly number[]): CopyDimension[] {
  const stride = (sizes: readonly number[], d: number): number =>
    sizes.slice(d + 1).reduce((n, s) => n * s, 1);
  const to = axes.map((axis) => shape[axis]!);
  return axes.map((axis, d) => ({ size: to[d]!, from: stride(shape, axis), to: stride(to, d) }));
}

describe('copies', () => {
  for (const [shape, axes] of [
    [[5], [0]],
    [
      [1, 1],
      [1, 0],
    ],
    [
      [7, 9],
      [1, 0],
    ],
    [
      [64, 130],
      [1, 0],
    ],
    [
      [3, 8, 5],
      [0, 2, 1],
    ],
    [
      [3, 8, 5],
      [2, 1, 0],
    ],
    [
      [3, 8, 5],
      [1, 0, 2],
    ],
    [
      [2, 6, 4, 9],
      [0, 2, 1, 3],
    ],
    [
      [2, 6, 4, 9],
      [3, 1, 2, 0],
    ],
    [
      [2, 6, 40, 39],
      [0, 2, 3, 1],
    ],
    [
      [2, 3, 4, 3, 2, 3],
      [5, 3, 1, 0, 2, 4],
    ],
    [
      [4, 0, 3],
      [2, 1, 0],
    ],
  ] as const)
    it(`permute ${shape.join('×')} by ${axes}`, () => check(permutation(shape, axes)));

  it('repeat, skip, and write parts', () => {
    check([]);
    check([
      { size: 5, from: 0, to: 7 },
      { size: 7, from: 1, to: 1 },
    ]);
    check([
      { size: 5, from: 1, to: 7 },
      { size: 7, from: 0, to: 1 },
    ]);
    check(
      [
        { size: 4, from: 30, to: 11 },
        { size: 9, from: 3, to: 1 },
      ],
      [2, 1],
    );
    check(
      [
        { size: 4, from: 9, to: 30 },
        { size: 9, from: 1, to: 2 },
      ],
      [0, 3],
    );
    check(
      [
        { size: 6, from: 50, to: 21 },
        { size: 3, from: 1, to: 7 },
        { size: 5, from: 4, to: 1 },
      ],
      [3, 2],
    );
    check([{ size: 100_000, from: 1, to: 1 }]);
  });

  it('of zeros', () => {
    for (const count of [0, 1, 7, 70_001])
      for (const memory of [alone, many]) {
        memory.reset();
        const at = memory.put(numbers(count));
        memory.run(fillWithZeros(memory.pool, count), [at], [at, count]);
        assert.deepEqual(memory.get(at, count), new Float32Array(count));
      }
  });
});
