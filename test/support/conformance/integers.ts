import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { evaluate, type Tensor, tensor } from '../../../src/tensor/tensor.js';

/** Registers tests that integers are computed exactly, modulo 2^32 as in PyTorch. */
export function integers(device: () => Device): void {
  const placed = (values: number[], shape = [values.length]): Promise<Tensor> =>
    tensor(values, { shape, dtype: 'int32' }).to(device());
  const equal = async (given: readonly (readonly [result: Tensor, expected: readonly number[]])[]) => {
    const results = await evaluate(...given.map(([result]) => result));
    given.forEach(([result, expected], n) => {
      assert.equal(result.dtype, 'int32', `result ${n}`);
      assert.deepEqual([...results[n]!], expected, `result ${n}`);
    });
  };

  describe('computes with integers', () => {
    it('that float32 cannot tell apart, when it compares them', async () => {
      const x = await placed([16777217, 16777216, -2147483648, 2147483647]);
      const y = await placed([16777216, 16777217, 2147483647, -2147483648]);
      // Computed on the device, so that no value is known before.
      const [a, b] = [x.sub(1).add(1), y.sub(1).add(1)];
      const masks = await evaluate(
        ...[a.eq(b), a.ne(b), a.lt(b), a.le(b), a.gt(b), a.ge(a), a.eq(16777216), a.lt(2147483647)],
        ...[a.le(y.unsqueeze(1)).sum(0), tensor(Uint8Array.of(0, 255)).eq(await placed([255, 255]))],
      );
      assert.deepEqual(
        masks.map((mask) => [...mask]),
        [
          ...[Array(4).fill(0), Array(4).fill(1), [0, 1, 1, 0], [0, 1, 1, 0], [1, 0, 0, 1]],
          ...[Array(4).fill(1), [0, 1, 0, 0], [1, 1, 1, 0], [2, 3, 4, 1], [0, 1]],
        ],
      );
      assert.equal(a.eq(b).dtype, 'float32');
      assert.deepEqual([...(await a.eq(b).mul(2).add(a.lt(b)).data())], [0, 1, 1, 0]);
    });

    it('of the methods of tensors', async () => {
      const x = await placed([3, -7, 16777217]);
      const y = await placed([2, 2, 16777216]);
      await equal([
        [x.add(y), [5, -5, 33554433]],
        [x.sub(y), [1, -9, 1]],
        [x.mul(y), [6, -14, 16777216]],
        [x.add(1), [4, -6, 16777218]],
        [x.sub(1), [2, -8, 16777216]],
        [x.mul(4).add(1), [13, -27, 67108869]],
        [x.neg(), [-3, 7, -16777217]],
        [x.maximum(y), [3, 2, 16777217]],
        [x.minimum(0), [0, -7, 0]],
        [x.clamp(-1, 16777216), [3, -1, 16777216]],
        [x.sum(), [16777213]],
        [x.max(), [16777217]],
        [x.min(), [-7]],
        [x.cumsum(0), [3, -4, 16777213]],
      ]);
    });

    it('that broadcast, and along axes', async () => {
      const x = await placed([1, 2, 3, 4, 5, 6], [2, 3]);
      const column = await placed([10, 20], [2, 1]);
      const joined = x.add(column);
      assert.deepEqual(joined.shape, [2, 3]);
      await equal([
        [joined, [11, 12, 13, 24, 25, 26]],
        [column.mul(x).sum(0), [90, 120, 150]],
        [x.max(1, true), [3, 6]],
        [x.min(0), [1, 2, 3]],
        [x.cumsum(0), [1, 2, 3, 5, 7, 9]],
        [x.cumsum(1), [1, 3, 6, 4, 9, 15]],
        [tensor(new Int32Array(0), { shape: [0, 2] }).sum(0), [0, 0]],
      ]);
    });

    it('modulo 2^32', async () => {
      const x = await placed([2147483647, 65537, -2147483648]);
      await equal([
        [x.add(1), [-2147483648, 65538, -2147483647]],
        [x.mul(x), [1, 131073, 0]],
        [x.sub(2), [2147483645, 65535, 2147483646]],
      ]);
    });

    it('into labels and places', async () => {
      const ids = await placed([2, 0, 1]);
      const table = await tensor([10, 11, 12, 13, 14, 15]).to(device());
      const found = table.indexSelect(0, ids.mul(2).add(1));
      assert.deepEqual([...(await found.data())], [15, 11, 13]);
    });
  });
}
