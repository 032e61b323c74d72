import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { InlineDevice } from '../../../src/backend/device.js';
import { OneDnnEngine } from '../../../src/backend/onednn/index.js';
import { ReferenceEngine } from '../../../src/backend/reference/engine.js';
import { startNodeThread } from '../../../src/backend/simd/threads/node.js';
import { WasmEngine } from '../../../src/backend/wasm/engine.js';
import { buildGraph } from '../../../src/graph/graph.js';
import type { TypedArray } from '../../../src/graph/types.js';
import * as ops from '../../../src/ops/index.js';
import { Tensor, tensor } from '../../../src/tensor/tensor.js';
import { assertNear, values } from '../../support/generated.js';

const ENGINES: Readonly<Record<string, (threads: number) => Device>> = {
  onednn: (threads) => new InlineDevice(new OneDnnEngine({ threads })),
  wasm: (threads) => new InlineDevice(new WasmEngine({ threads, start: startNodeThread })),
};

const of = (shape: readonly number[], stream = 1): Tensor =>
  tensor(values([...shape], stream, 1), { shape: [...shape] });

/** A result of a graph, and the number of its steps. */
async function run(device: Device, result: Tensor): Promise<{ value: TypedArray; steps: number }> {
  const { graph, key, feeds } = buildGraph([result.node], []);
  const [value] = await device.run(key, graph, feeds, []);
  return { value: value!.slice(), steps: (await device.profile(key, graph, feeds, [])).length };
}

for (const [name, open] of Object.entries(ENGINES))
  describe(`sums on ${name}`, () => {
    /** The same bits with one, two and three threads, and the reference engine's numbers. Returns the number of steps. */
    async function same(result: Tensor): Promise<number> {
      const reference = new InlineDevice(new ReferenceEngine());
      const expected = await run(reference, result);
      await reference.close();
      const found: { value: TypedArray; steps: number }[] = [];
      for (const threads of [1, 2, 3]) {
        const device = open(threads);
        found.push(await run(device, result));
        await device.close();
      }
      for (const { value } of found) assert.deepEqual(value, found[0]!.value);
      assertNear(found[0]!.value, expected.value, 2e-6, name);
      return found[0]!.steps;
    }

    it('of all elements are computed in parts, if there are many', async () => {
      const [x, scale] = [of([64, 784]), tensor(0.5)];
      assert.equal(await same(x.exp().mul(scale).sum()), 2);
      assert.equal(
        await same(
          x
            .tanh()
            .add(of([64, 784], 2))
            .max(),
        ),
        2,
      );
      assert.equal(await same(of([20, 30]).exp().sum()), 1);
    });

    it('of all elements, also where their number has no suitable divisor, or an input broadcasts', async () => {
      assert.equal(await same(of([40_009]).exp().sum()), 1);
      await same(
        of([300, 400])
          .add(of([400], 2))
          .exp()
          .sum(),
      );
      await same(
        of([300, 1])
          .mul(of([1, 400], 2))
          .exp()
          .sum([0, 1], true),
      );
    });

    it('find a NaN in any part', async () => {
      const data = values([64, 784], 1, 1);
      data[50_000] = Number.NaN;
      const x = tensor(data, { shape: [64, 784] });
      for (const result of [x.exp().sum(), x.tanh().max()]) {
        const device = open(2);
        const { value } = await run(device, result);
        await device.close();
        assert.deepEqual([...value], [Number.NaN]);
      }
    });

    it('of rows that indices name, for any width', async () => {
      const indices = tensor(Int32Array.from({ length: 500 }, (_, i) => (i * 7) % 11));
      for (const width of [1, 33, 100, 520]) {
        const table = of([11, width]);
        const y = ops.indexSelect(table.node, indices.node, 0);
        const [grad] = ops.operationOf('indexSelect').gradient!(y, of([500, width], 3).node);
        await same(new Tensor(grad!));
      }
    });
  });
