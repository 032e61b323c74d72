import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { InlineDevice } from '../../../src/backend/device.js';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { WasmEngine } from '../../../src/backend/wasm/engine.js';
import { CapturingDevice } from '../../../src/bench/capture.js';
import { BatchNorm2d, Conv2d, Linear, type Module } from '../../../src/nn/index.js';
import * as ops from '../../../src/ops/index.js';
import { SGD } from '../../../src/optim/index.js';
import { manualSeed } from '../../../src/tensor/random.js';
import { Tensor, tensor } from '../../../src/tensor/tensor.js';

type Build = (on: <M extends Module>(module: M) => Promise<M>) => Promise<(x: Tensor) => readonly Tensor[]>;

const waves = (shape: readonly number[]): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(1.7 * i)),
    { shape },
  );

/** Normalises with statistics that are not 0 and 1. */
function norm(channels: number): BatchNorm2d {
  const layer = new BatchNorm2d(channels);
  for (const [name, values] of layer.namedBuffers())
    if (name.startsWith('running'))
      values.load(
        Float32Array.from({ length: channels }, (_, i) =>
          name.endsWith('mean') ? 0.3 * i - 0.5 : 0.1 + 0.4 * i,
        ),
      );
  for (const parameter of layer.parameters())
    parameter.load(Float32Array.from({ length: channels }, (_, i) => 0.5 + 0.25 * i));
  layer.eval();
  return layer;
}

/** Computes the same on both devices. @returns the operations of the steps on wasm, without those of single channels */
async function computed(shape: readonly number[], build: Build): Promise<string[]> {
  const run = async (device: Device): Promise<readonly Float32Array[]> => {
    manualSeed(7);
    const forward = await build(async (module) => (await module.to(device)) as typeof module);
    const outputs = forward(waves(shape));
    const joined = ops.concat(
      outputs.map(({ node }) => ops.reshape(node, [node.shape.reduce((a, b) => a * b, 1)])),
      0,
    );
    return [(await new Tensor(joined).data()) as Float32Array];
  };
  const wasm = new CapturingDevice(new InlineDevice(new WasmEngine()));
  const [[got], [expected]] = [await run(wasm), await run(referenceDevice())];
  for (const [i, value] of got!.entries())
    assert.ok(
      Math.abs(value - expected![i]!) <= 1e-5 * Math.max(1, Math.abs(expected![i]!)),
      `${i}: ${value}`,
    );
  const steps = await wasm.profileLast();
  await wasm.close();
  return steps.map(({ op }) => op).filter((op) => op !== 'affine+sqrt+div' && op !== 'concat');
}

describe('convolutions on the wasm device', () => {
  it('keep prepared weights until these change, and only where the plan does not change them', async () => {
    const device = new CapturingDevice(new InlineDevice(new WasmEngine()));
    manualSeed(3);
    const layer = await new Conv2d(8, 8, 3, { padding: 1 }).to(device);
    const x = waves([2, 8, 12, 12]);
    const forward = async () => (await layer.forward(x).data()) as Float32Array;
    const steps = async () => (await device.profileLast()).map(({ op }) => op);
    const check = async (got: Float32Array): Promise<void> => {
      const [weight, bias] = await Promise.all(layer.parameters().map((one) => one.data()));
      const same = await new Conv2d(8, 8, 3, { padding: 1 }).to(referenceDevice());
      for (const [k, parameter] of same.parameters().entries()) parameter.load([weight, bias][k]!);
      const expected = (await same.forward(x).data()) as Float32Array;
      for (const [i, value] of got.entries())
        assert.ok(Math.abs(value - expected[i]!) <= 1e-4, `${i}: ${value}`);
    };
    await check(await forward());
    assert.deepEqual(await steps(), ['conv2d']);
    layer.weight.load(((await layer.weight.data()) as Float32Array).map((w) => -2 * w));
    await check(await forward());
    const optimizer = new SGD(layer.parameters(), { lr: 0.1 });
    for (let step = 0; step < 2; step++) {
      optimizer.zeroGrad();
      const loss = layer.forward(x).square().mean();
      loss.backward();
      optimizer.step();
      await loss.item();
      assert.ok(!(await steps()).includes('prepare'));
      await check(await forward());
    }
    const { packedBytes } = (await device.stats())[0]!;
    assert.ok(packedBytes > 0);
    await device.close();
  });
});

describe('products on the wasm device apply what follows them', () => {
  it('batch normalisation, a residual connection and an activation', async () => {
    const steps = await computed([2, 4, 9, 7], async (on) => {
      const [first, second] = [
        await on(new Conv2d(4, 4, 3, { padding: 1, bias: false })),
        await on(new Conv2d(4, 4, 3, { padding: 1 })),
      ];
      const [a, b] = [await on(norm(4)), await on(norm(4))];
      return (x) => [
        b
          .forward(second.forward(a.forward(first.forward(x)).relu()))
          .add(x)
          .relu(),
      ];
    });
    assert.deepEqual(steps, ['conv2d+sub+mul+add+relu', 'conv2d+sub+mul+add+add+relu']);
  });

  it('the sum of two products, by the later one', async () => {
    const steps = await computed([2, 3, 8, 8], async (on) => {
      const [a, b] = [await on(new Conv2d(3, 5, 3)), await on(new Conv2d(3, 5, 3))];
      const normed = await on(norm(5));
      return (x) => [normed.forward(a.forward(x)).add(b.forward(x))];
    });
    assert.deepEqual(steps, ['conv2d', 'conv2d+sub+mul+add+add']);
  });

  it('not where something else reads the product', async () => {
    const steps = await computed([2, 3, 8, 8], async (on) => {
      const conv = await on(new Conv2d(3, 5, 3));
      const normed = await on(norm(5));
      return (x) => {
        const y = conv.forward(x);
        return [normed.forward(y), y];
      };
    });
    assert.deepEqual(steps, ['conv2d', 'batchNorm']);
  });

  it('through reshapes: an activation, and the addition of tokens', async () => {
    const steps = await computed([6, 8], async (on) => {
      const [wide, narrow] = [await on(new Linear(8, 24)), await on(new Linear(24, 8))];
      return (x) => {
        const tokens = new Tensor(ops.reshape(x.node, [2, 3, 8]));
        const hidden = ops.gelu(ops.reshape(wide.forward(x).node, [2, 3, 24]));
        const flat = new Tensor(ops.reshape(hidden, [6, 24]));
        return [tokens.add(new Tensor(ops.reshape(narrow.forward(flat).node, [2, 3, 8])))];
      };
    });
    assert.deepEqual(steps, ['linear+gelu', 'linear+add']);
  });

  it('numbers of a column, of a channel, and of every result', async () => {
    const steps = await computed([6, 8], async (on) => {
      const linear = await on(new Linear(8, 5, { bias: false }));
      const conv = await on(new Conv2d(2, 3, 3, { bias: false }));
      return (x) => [
        linear
          .forward(x)
          .add(waves([5]))
          .mul(waves([6, 5])),
        conv
          .forward(new Tensor(ops.reshape(x.node, [1, 2, 6, 4])))
          .mul(waves([3, 1, 1]))
          .add(waves([1, 3, 4, 2])),
      ];
    });
    assert.deepEqual(steps.toSorted(), ['conv2d+mul+add', 'linear+add+mul']);
  });
});
