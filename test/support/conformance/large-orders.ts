import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { around, type Shape, sizeOf } from '../../../src/graph/types.js';
import * as ops from '../../../src/ops/index.js';
import { Generator } from '../../../src/random.js';
import { evaluate, Tensor, tensor } from '../../../src/tensor/tensor.js';
import { assertClose } from '../close.js';

type Floating = 'float32' | 'float64';

/** Numbers with ties and everything that is special in an order. */
const SPECIAL = [0, -0, 1e-40, -1e-40, Number.NaN, 3.5, -3.5, Number.POSITIVE_INFINITY, -1 / 0, 1e30];

function numbers(count: number, seed: number): number[] {
  const random = new Generator(seed);
  const one = (): number =>
    random.integer(3) === 0 ? SPECIAL[random.integer(SPECIAL.length)]! : Math.fround(random.uniform(-1, 1));
  return Array.from({ length: count }, one);
}

/** NaN is the largest number. */
const compare = (a: number, b: number): number =>
  Number.isNaN(a) || Number.isNaN(b)
    ? Number(Number.isNaN(a)) - Number(Number.isNaN(b))
    : a < b
      ? -1
      : +(a > b);

function ordered(x: readonly number[], shape: Shape, axis: number, descending: boolean): number[] {
  const { outer, length, inner } = around(shape, axis);
  const result = new Array<number>(x.length);
  for (let row = 0; row < outer * inner; row++) {
    const begin = Math.floor(row / inner) * length * inner + (row % inner);
    const at = (j: number): number => x[begin + j * inner]!;
    const order = Array.from({ length }, (_, j) => j);
    order.sort((a, b) => (descending ? -1 : 1) * compare(at(a), at(b)) || a - b);
    order.forEach((j, place) => {
      result[begin + place * inner] = j;
    });
  }
  return result;
}

/** How indices of rows may lie. */
const INDICES: Readonly<Record<string, (n: number, rows: number) => number>> = {
  'in any order': (n, rows) => (n * 7919 + n * n) % rows,
  'all equal': () => 3,
  'mostly one': (n, rows) => (n % 10 === 0 ? n % rows : 1),
  'in long runs': (n, rows) => Math.min(rows - 1, Math.floor(n / 130)),
};

/** Registers tests of sorting, and of sums of what has one index, along axes that are long for a single kernel. */
export function largeOrders(device: () => Device, dtype: Floating): void {
  const ArrayType = dtype === 'float32' ? Float32Array : Float64Array;
  const placed = async (values: ArrayLike<number>, shape: Shape): Promise<Tensor> => {
    const { node } = await tensor(ArrayType.from(values), { shape }).to(device());
    return new Tensor(node, true);
  };
  const plain = (count: number, seed: number): number[] => {
    const random = new Generator(seed);
    return Array.from({ length: count }, () => Math.fround(random.uniform(-1, 1)));
  };
  const close = async (t: Tensor, expected: ArrayLike<number>, label: string): Promise<void> =>
    assertClose(await t.data(), expected, { rtol: 1e-5, atol: 1e-4 }, label);

  describe('long axes', () => {
    for (const [shape, axis] of [
      [[255], 0],
      [[257], 0],
      [[3, 700], 1],
      [[700, 3], 0],
      [[2, 320, 5], 1],
      [[2, 4097], 1],
    ] as const)
      for (const descending of [false, true])
        it(`argsort of [${shape}] along ${axis}, ${descending ? 'descending' : 'ascending'}`, async () => {
          const x = numbers(sizeOf(shape), shape[0]! + axis);
          const order = new Tensor(ops.argsort((await placed(x, shape)).node, axis, descending));
          assert.deepEqual([...(await order.data())], ordered(x, shape, axis, descending));
        });

    it('topk and its gradient', async () => {
      const [rows, length, k] = [2, 1000, 7];
      const data = plain(rows * length, 5);
      const x = await placed(data, [rows, length]);
      const { values, indices } = ops.topk(x.node, k, 1);
      const weights = plain(rows * k, 6);
      new Tensor(values)
        .mul(tensor(ArrayType.from(weights), { shape: [rows, k] }))
        .sum()
        .backward();
      const order = ordered(data, [rows, length], 1, true);
      const grad = new Array<number>(data.length).fill(0);
      const found = Array.from({ length: rows * k }, (_, i) => {
        const [row, place] = [Math.floor(i / k), i % k];
        const at = order[row * length + place]!;
        grad[row * length + at] = weights[i]!;
        return at;
      });
      const [got, gradient] = await evaluate(new Tensor(indices), x.grad!);
      assert.deepEqual([...got!], found);
      assertClose(gradient!, grad, { rtol: 1e-6, atol: 1e-6 }, 'gradient');
    });

    for (const [name, indexOf] of Object.entries(INDICES)) {
      it(`the gradient of an embedding, indices ${name}`, async () => {
        for (const [shape, axis] of [
          [[40, 5], 0],
          [[3, 40, 2], 1],
          [[2, 40], 1],
        ] as const) {
          const { outer, length, inner } = around(shape, axis);
          for (const count of [257, 1000]) {
            const index = Int32Array.from({ length: count }, (_, n) => indexOf(n, length));
            const table = await placed(plain(sizeOf(shape), 1), shape);
            const selected = new Tensor(ops.indexSelect(table.node, tensor(index).node, axis));
            const weights = plain(outer * count * inner, 2);
            selected
              .mul(await placed(weights, selected.shape))
              .sum()
              .backward();
            const grad = new Float64Array(sizeOf(shape));
            weights.forEach((weight, at) => {
              const [block, n] = [Math.floor(at / (count * inner)), Math.floor(at / inner) % count];
              grad[(block * length + index[n]!) * inner + (at % inner)]! += weight;
            });
            await close(table.grad!, grad, `[${shape}], ${count} indices`);
          }
        }
      });

      it(`scatterAdd, indices ${name}`, async () => {
        // The index covers a part of the other axes, and of the source.
        const [rows, columns, count] = [9, 3, 700];
        const at = (n: number, c: number): number => indexOf(n + c, rows);
        const source = plain(800 * columns, 3);
        const expected = new Float64Array(rows * columns);
        for (let n = 0; n < count; n++)
          for (let c = 0; c < 2; c++) expected[at(n, c) * columns + c]! += source[n * columns + c]!;
        const index = tensor(
          Int32Array.from({ length: count * 2 }, (_, i) => at(i >> 1, i % 2)),
          { shape: [count, 2] },
        );
        const zeros = await placed(new Float64Array(rows * columns), [rows, columns]);
        const sums = zeros.scatterAdd(0, index, await placed(source, [800, columns]));
        await close(sums, expected, 'along axis 0');
        const turned = (t: Tensor): Tensor => t.transpose(0, 1);
        const across = turned(zeros).scatterAdd(
          1,
          turned(index),
          turned(await placed(source, [800, columns])),
        );
        await close(turned(across), expected, 'along axis 1');
      });
    }
  });
}
