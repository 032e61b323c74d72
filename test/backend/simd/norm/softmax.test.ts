import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { kernelOf } from '../../../../src/backend/reference/kernels.js';
import { logSoftmax, softmax } from '../../../../src/backend/simd/norm/softmax.js';
import { KernelMemory, near, numbers } from '../../../support/kernel-memory.js';

const alone = new KernelMemory();
const many = new KernelMemory(3);
after(() => {
  alone.close();
  many.close();
});

function results(op: 'softmax' | 'logSoftmax', shape: readonly [number, number, number], x: Float32Array) {
  const expected = new Float32Array(x.length);
  const spec = { shape, dtype: 'float32' } as const;
  kernelOf(op)!({ inputs: [x], specs: [spec], output: expected, outputSpec: spec, attrs: { axis: 1 } });
  const [outer, length, inner] = shape;
  const build = op === 'softmax' ? softmax : logSoftmax;
  const got = [alone, many].map((memory) => {
    memory.reset();
    const [from, to] = [memory.put(x), memory.room(x.length)];
    memory.run(build(memory.pool, { outer, length, inner }), [from!, to!], [to!, x.length]);
    return memory.get(to!, x.length);
  });
  assert.deepEqual(got[0], got[1]);
  return { expected, got: got[0]! };
}

describe('softmax and its logarithm', () => {
  for (const shape of [
    [1, 1, 1],
    [3, 7, 1],
    [40, 1000, 1],
    [2, 5, 3],
    [3, 10, 70],
    [0, 4, 1],
    [2, 0, 3],
  ] as const)
    it(`of ${shape.join('×')}`, () => {
      const x = numbers(shape[0] * shape[1] * shape[2]).map((value) => 100 + 20 * value);
      for (const op of ['softmax', 'logSoftmax'] as const) {
        const { got, expected } = results(op, shape, x);
        near(got, expected, 20, op);
      }
    });

  it('with NaN, and with −∞ beside other numbers', () => {
    const x = Float32Array.of(1, Number.NaN, 2, 3, 4, Number.NEGATIVE_INFINITY, 0, 1, 2, 3);
    for (const op of ['softmax', 'logSoftmax'] as const) {
      const { got, expected } = results(op, [2, 5, 1], x);
      near(got, expected, 20, op);
      const turned = results(op, [1, 5, 2], x);
      near(turned.got, turned.expected, 20, op);
    }
  });
});
