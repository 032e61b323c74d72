import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { InlineDevice } from '../../../src/backend/device.js';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { startNodeThread } from '../../../src/backend/simd/threads/node.js';
import { WasmEngine } from '../../../src/backend/wasm/engine.js';
import { CapturingDevice } from '../../../src/bench/capture.js';
import { buildGraph } from '../../../src/graph/graph.js';
import { GELU, LayerNorm, Linear, Module, MultiheadAttention } from '../../../src/nn/index.js';
import * as ops from '../../../src/ops/index.js';
import { SGD } from '../../../src/optim/index.js';
import { Generator } from '../../../src/random.js';
import { manualSeed } from '../../../src/tensor/random.js';
import { Tensor, tensor } from '../../../src/tensor/tensor.js';
import { assertNear } from '../../support/generated.js';

const made = (shape: readonly number[], phase = 0): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(1.3 * i + phase)),
    { shape },
  );
const wasm = (threads = 1): CapturingDevice =>
  new CapturingDevice(new InlineDevice(new WasmEngine({ threads, start: startNodeThread })));
const stepsOf = async (device: CapturingDevice): Promise<string[]> =>
  (await device.profileLast()).map(({ op }) => op);

/** A layer of a transformer. */
class Layer extends Module {
  readonly norm1: LayerNorm;
  readonly attention: MultiheadAttention;
  readonly norm2: LayerNorm;
  readonly up: Linear;
  readonly gelu = new GELU();
  readonly down: Linear;

  constructor(width: number, heads: number) {
    super();
    this.norm1 = new LayerNorm(width);
    this.attention = new MultiheadAttention(width, heads, { batchFirst: true });
    this.norm2 = new LayerNorm(width);
    this.up = new Linear(width, 2 * width);
    this.down = new Linear(2 * width, width);
  }

  forward(x: Tensor): Tensor {
    const normed = this.norm1.forward(x);
    const [attended] = this.attention.forward(normed, normed, normed, { needWeights: false });
    const y = x.add(attended);
    return y.add(this.down.forward(this.gelu.forward(this.up.forward(this.norm2.forward(y)))));
  }
}

async function layerOn(device: Device): Promise<Layer> {
  manualSeed(5);
  return (await new Layer(24, 4).to(device)) as Layer;
}

describe('a layer of a transformer on the wasm device', () => {
  for (const [images, tokens] of [
    [8, 17],
    [16, 33],
    [3, 5],
  ] as const)
    it(`gives the same bits on any number of threads, ${images} × ${tokens} tokens`, async () => {
      const results: Float32Array[] = [];
      for (const threads of [1, 2, 3]) {
        const device = wasm(threads);
        const layer = await layerOn(device);
        results.push((await layer.forward(made([images, tokens, 24])).data()) as Float32Array);
        await device.close();
      }
      const layer = await layerOn(referenceDevice());
      const expected = await layer.forward(made([images, tokens, 24])).data();
      assertNear(results[0]!, expected as Float32Array, 1e-4, 'reference');
      for (const other of results) assert.deepEqual(other, results[0]);
    });

  it('is one step on several threads, without copies of the heads', async () => {
    for (const threads of [1, 2]) {
      const device = wasm(threads);
      const layer = await layerOn(device);
      await layer.forward(made([8, 33, 24])).data();
      const steps = (await stepsOf(device)).filter((op) => op !== 'prepare');
      assert.equal(steps.length, threads === 1 ? 11 : 1, steps.join(' | '));
      assert.ok(!/permute|copyParts|slice|affine/.test(steps.join()), steps.join());
      await device.close();
    }
  });

  it('is several steps where a chain would need much memory', async () => {
    const device = wasm(2);
    const layer = await layerOn(device);
    await layer.forward(made([64, 130, 24])).data();
    assert.ok((await stepsOf(device)).length > 1);
    await device.close();
  });

  it('trains like on the reference device', async () => {
    const train = async (device: Device): Promise<number[]> => {
      const layer = await layerOn(device);
      const optimizer = new SGD(layer.parameters(), { lr: 0.05 });
      const losses: number[] = [];
      for (let step = 0; step < 3; step++) {
        optimizer.zeroGrad();
        const loss = layer
          .forward(made([8, 9, 24]))
          .square()
          .mean();
        loss.backward();
        optimizer.step();
        losses.push(await loss.item());
      }
      return losses;
    };
    const device = wasm(2);
    const [got, expected] = [await train(device), await train(referenceDevice())];
    for (const [k, loss] of got.entries()) assert.ok(Math.abs(loss - expected[k]!) < 1e-4, `${loss}`);
    await device.close();
  });
});

describe('weights of linear layers on the wasm device', () => {
  it('are packed once, until they change, and in each step of a plan that changes them', async () => {
    const device = wasm();
    manualSeed(3);
    const layer = await new Linear(12, 20).to(device);
    const x = made([40, 12]);
    const check = async (): Promise<void> => {
      const got = (await layer.forward(x).data()) as Float32Array;
      const [weight, bias] = await Promise.all(layer.parameters().map((one) => one.data()));
      const same = await new Linear(12, 20).to(referenceDevice());
      for (const [k, parameter] of same.parameters().entries()) parameter.load([weight, bias][k]!);
      assertNear(got, (await same.forward(x).data()) as Float32Array, 1e-5, 'linear');
    };
    await check();
    assert.deepEqual(await stepsOf(device), ['linear']);
    layer.weight.load(((await layer.weight.data()) as Float32Array).map((w) => -2 * w));
    await check();
    const optimizer = new SGD(layer.parameters(), { lr: 0.1 });
    for (let step = 0; step < 2; step++) {
      optimizer.zeroGrad();
      const loss = layer.forward(x).square().mean();
      loss.backward();
      optimizer.step();
      await loss.item();
      assert.ok(!(await stepsOf(device)).includes('prepare'));
      await check();
    }
    assert.ok((await device.stats())[0]!.packedBytes! > 0);
    await device.close();
  });
});

/** A random chain of moves and factors. */
function moved(x: Tensor, random: () => number): Tensor {
  const pick = (n: number): number => Math.floor(random() * n);
  let value = x;
  for (let step = pick(4); step > 0; step--) {
    const { shape } = value;
    const axis = pick(shape.length);
    const kind = pick(4);
    if (kind === 0) {
      const order = shape.map((_, i) => i);
      const [other] = order.splice(axis, 1);
      order.splice(pick(shape.length), 0, other!);
      value = value.permute(...order);
    } else if (kind === 1 && shape[axis]! > 1) {
      const start = pick(shape[axis]! - 1);
      value = value.narrow(axis, start, 1 + pick(shape[axis]! - start - 1));
    } else if (kind === 2) value = value.mul(random() < 0.5 ? 0.5 : -1.25);
    else value = value.reshape([shape[0]! * (shape[1] ?? 1), ...shape.slice(2)]).reshape([...shape]);
  }
  return value;
}

/** Products of moved values, whose results are moved. */
function randomProducts(random: () => number): Tensor[] {
  const pick = (n: number): number => Math.floor(random() * n);
  const size = (): number => 1 + pick(9);
  const x = made([size(), size(), 1 + pick(4), size()]);
  const results: Tensor[] = [];
  const values = [x];
  for (let n = 0; n < 3; n++) {
    const left = moved(values[pick(values.length)]!, random);
    const [a, b, , k] = left.shape as [number, number, number, number];
    const columns = size();
    const transposed = random() < 0.5;
    const own = moved(made([a, b, transposed ? columns : k, transposed ? k : columns], n), () => 0.6);
    const right = random() < 0.3 ? left : own;
    const turned = right === left || transposed ? right.transpose(-2, -1) : right;
    const product = left.matmul(turned);
    const order = random() < 0.5 ? [0, 2, 1, 3] : [2, 0, 1, 3];
    const result = random() < 0.6 ? product.permute(...order) : product;
    results.push(random() < 0.3 ? result.relu() : result, ...(random() < 0.2 ? [left] : []));
    values.push(result);
  }
  return results;
}

it('products of permuted, sliced and scaled values are those of the reference engine', async () => {
  const seed = Number(process.env.PAPERWEIGHT_FUZZ_SEED ?? 20261129);
  const generator = new Generator(seed);
  const device = wasm(2);
  let [inPlace, copies] = [0, 0];
  for (let n = 0; n < 150; n++) {
    const joined = (): Tensor => {
      const own = generator.fork(n);
      const results = randomProducts(() => own.uniform());
      return new Tensor(
        ops.concat(
          results.map(({ node }) => ops.reshape(node, [node.shape.reduce((a, b) => a * b, 1)])),
          0,
        ),
      );
    };
    const compute = async (on: Device): Promise<Float32Array> => {
      const { graph, key, feeds } = buildGraph([joined().node], []);
      return (await on.run(key, graph, feeds, []))[0] as Float32Array;
    };
    const [got, expected] = [await compute(device), await compute(referenceDevice())];
    assertNear(got, expected, 2e-5, `program ${n} of seed ${seed}`);
    const steps = (await stepsOf(device)).join();
    inPlace += steps.split('stridedMatmul').length - 1;
    copies += steps.split(/permute|slice|copyParts/).length - 1;
  }
  assert.ok(inPlace > 100, `${inPlace} products read or write in place, beside ${copies} copies`);
  await device.close();
});
