import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import type { Gpu } from '../../../src/backend/webgpu/api.js';
import { WebGpuDevice } from '../../../src/backend/webgpu/device.js';
import { GRU } from '../../../src/nn/index.js';
import * as ops from '../../../src/ops/index.js';
import { cat } from '../../../src/tensor/functions.js';
import { Parameter } from '../../../src/tensor/parameter.js';
import { manualSeed } from '../../../src/tensor/random.js';
import { evaluate, Tensor, tensor } from '../../../src/tensor/tensor.js';
import { NETS, trainSteps } from '../../support/nets/steps.js';
import { openWebGpu, withoutGpu } from './open.js';
import { random } from './programs.js';

const missing = await withoutGpu();

/** More workgroups than one dimension of a command may have, 65,535 on most adapters. */
const MANY = 70_000;

async function leaf(device: Device, seed: number, ...shape: number[]): Promise<Parameter> {
  const made = new Parameter(random(seed, ...shape), shape);
  await made.place(device);
  return made;
}

const WIDE: Readonly<Record<string, (device: Device) => Promise<readonly Tensor[]>>> = {
  'a product of many rows': async (device) => {
    const [x, w] = [await leaf(device, 1, 8 * MANY, 2), await leaf(device, 2, 3, 2)];
    const y = new Tensor(ops.linear(x.node, w.node));
    y.mul(y).sum().backward();
    return [y, x.grad!, w.grad!];
  },
  'many products of small matrices': async (device) => {
    const [a, b] = [await leaf(device, 3, MANY, 2, 3), await leaf(device, 4, MANY, 3, 2)];
    const y = new Tensor(ops.matmul(a.node, b.node));
    y.sum().backward();
    return [y, a.grad!, b.grad!];
  },
  'a recurrent layer for many sequences': async (device) => {
    manualSeed(1);
    const layer = await new GRU(1, 1).to(device);
    const x = await leaf(device, 5, 2, MANY, 1);
    const [y] = layer.forward(x);
    y.sum().backward();
    return [y, x.grad!];
  },
};

describe('limits of webgpu', { skip: missing }, () => {
  it('joins many values whose result is larger than a binding', async (t) => {
    const device = await openWebGpu({ binding: 8192 });
    t.after(() => device.close());
    const joined = async (on: Device) => {
      const parts: Tensor[] = [];
      for (let k = 0; k < 40; k++) parts.push(await leaf(on, k, 3, 10 + k));
      // Two of them are larger than a binding themselves.
      for (const size of [500, 900]) parts.splice(7, 0, await leaf(on, size, 3, size));
      return cat(parts, 1).data();
    };
    assert.deepEqual(await joined(device), await joined(referenceDevice()));
  });

  it('keeps only the latest kernels of many shapes', async (t) => {
    const device = await openWebGpu({ kept: 6 });
    t.after(() => device.close());
    const x = await leaf(device, 1, 4, 30);
    const first = async () => x.narrow(1, 0, 2).softmax(1).sum(0).data();
    const wanted = await first();
    for (let n = 3; n < 20; n++) {
      const sum = await x.narrow(1, 0, n).softmax(1).sum().item();
      assert.ok(Math.abs(sum - 4) < 1e-5, `${n}: ${sum}`);
      assert.ok(device.engine.pipelines <= 6, `${device.engine.pipelines} kernels`);
    }
    assert.deepEqual(await first(), wanted);
  });

  for (const [name, run] of Object.entries(WIDE))
    it(`${name}: more workgroups than one dimension has`, async (t) => {
      const device = await openWebGpu();
      t.after(() => device.close());
      const wanted = (await evaluate(...(await run(referenceDevice())))) as Float32Array[];
      const got = (await evaluate(...(await run(device)))) as Float32Array[];
      for (const [k, values] of wanted.entries()) {
        const most = values.reduce((a, v) => Math.max(a, Math.abs(v)), 0);
        const bad = values.findIndex((v, i) => !(Math.abs(got[k]![i]! - v) <= 1e-5 * most));
        assert.equal(bad, -1, `result ${k}, element ${bad}: ${got[k]![bad]}, not ${values[bad]}`);
      }
    });

  /** Devices stop working without them. */
  const kept: object[] = [];

  /** A device with the limits and without the features that an adapter may lack. */
  const openLeast = async (t: TestContext): Promise<WebGpuDevice> => {
    const name: string = 'webgpu';
    const { create } = (await import(name)) as { create(flags: readonly string[]): Gpu };
    const gpu = create([]);
    const adapter = await gpu.requestAdapter();
    kept.push(gpu, adapter!);
    const device = new WebGpuDevice(await adapter!.requestDevice({ requiredLimits: {} }));
    t.after(() => device.close());
    return device;
  };

  for (const name of ['four layers', 'a dense block', 'a transformer'] as const)
    it(`${name} trains with the limits that every adapter has`, async (t) => {
      const [least, most] = [await openLeast(t), await openWebGpu()];
      t.after(() => most.close());
      const { bindings, lanes, shared, subgroup } = least.engine.limits;
      assert.deepEqual([bindings, lanes, shared, subgroup], [8, 256, 16_384, undefined]);
      const wanted = await trainSteps(most, NETS[name], 2);
      for (const [step, loss] of (await trainSteps(least, NETS[name], 2)).entries())
        assert.ok(Math.abs(loss - wanted[step]!) <= 1e-4, `step ${step}: ${loss}, not ${wanted[step]}`);
    });

  it('more tensors than a kernel can bind are joined', async (t) => {
    const device = await openLeast(t);
    const parts = await Promise.all(Array.from({ length: 30 }, (_, n) => leaf(device, n, 2, n % 3)));
    const got = (await new Tensor(
      ops.concat(
        parts.map(({ node }) => node),
        1,
      ),
    ).data()) as Float32Array;
    const rows = [0, 1].map((row) =>
      parts.flatMap((_, n) => [...random(n, 2, n % 3).subarray(row * (n % 3), (row + 1) * (n % 3))]),
    );
    assert.deepEqual([...got], rows.flat());
  });

  it('results that one buffer cannot hold together are read', async (t) => {
    const device = await openLeast(t);
    assert.equal(device.engine.device.limits.maxBufferSize, 2 ** 28);
    const one = await leaf(device, 1, 2);
    const wide = (shift: number) => new Tensor(ops.broadcastTo(one.add(shift).node, [20 * 2 ** 20, 2]));
    const results = await evaluate(wide(0), wide(1));
    for (const [n, values] of results.entries()) {
      assert.equal(values.length, 40 * 2 ** 20);
      for (const at of [0, values.length / 2 + 1, values.length - 1])
        assert.ok(Math.abs(values[at]! - (random(1, 2)[at % 2]! + n)) < 1e-6, `result ${n}, element ${at}`);
    }
  });

  it('tensors without elements', async (t) => {
    const device = await openWebGpu();
    t.after(() => device.close());
    const none = await leaf(device, 1, 0, 3);
    const some = await leaf(device, 2, 3, 2);
    const product = new Tensor(ops.matmul(none.node, some.node));
    assert.deepEqual([product.shape, [...(await product.data())]], [[0, 2], []]);
    const empty = new Tensor(
      ops.matmul((await leaf(device, 3, 2, 0)).node, (await leaf(device, 4, 0, 2)).node),
    );
    assert.deepEqual([...(await empty.data())], [0, 0, 0, 0]);
    assert.deepEqual([...(await none.sum(0).data())], [0, 0, 0]);
    assert.equal(await (await leaf(device, 5, 0)).sum().item(), 0);
  });
});

it('long loops are split into commands', { skip: missing }, async (t) => {
  const [whole, split] = [await openWebGpu(), await openWebGpu({ longest: 1e4 })];
  t.after(() => Promise.all([whole.close(), split.close()]));
  const index = Int32Array.from({ length: 900 }, (_, n) => (n * 7) % 300);
  const run = async (device: WebGpuDevice) => {
    const x = await leaf(device, 1, 700);
    const table = await leaf(device, 2, 300, 3);
    const rows = new Tensor(ops.indexSelect(table.node, tensor(index).node, 0));
    rows
      .mul(await leaf(device, 3, 900, 3))
      .sum()
      .backward();
    const places = tensor(index, { shape: [900, 1] });
    const sums = (await leaf(device, 4, 300, 1)).scatterAdd(0, places, await leaf(device, 5, 900, 1));
    return evaluate(new Tensor(ops.argsort(x.node, 0)), table.grad!, sums);
  };
  assert.deepEqual(await run(split), await run(whole));
  const [parts, alone] = [await split.stats(), await whole.stats()].map(([plan]) => plan!.primitives);
  assert.ok(parts! > alone! + 5, `${parts} commands, ${alone} in whole`);
});
