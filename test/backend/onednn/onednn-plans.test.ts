import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { InlineDevice } from '../../../src/backend/device.js';
import { OneDnnEngine } from '../../../src/backend/onednn/index.js';
import { ReferenceEngine } from '../../../src/backend/reference/engine.js';
import { buildGraph, type Update } from '../../../src/graph/graph.js';
import type { Node } from '../../../src/graph/node.js';
import { Conv2d, Linear } from '../../../src/nn/index.js';
import * as ops from '../../../src/ops/index.js';
import { SGD } from '../../../src/optim/index.js';
import { Parameter } from '../../../src/tensor/parameter.js';
import { Tensor, tensor } from '../../../src/tensor/tensor.js';
import { assertNear } from '../../support/generated.js';

const open = (): Device => new InlineDevice(new OneDnnEngine({ threads: 2 }));

/** The steps of a plan that computes these outputs, in order. */
async function rowsOf(device: Device, outputs: readonly Node[], updates: readonly Update[] = []) {
  const { graph, key, feeds, storages } = buildGraph(outputs, updates);
  const ids = storages.map((s) => s.id);
  return device.profile(key, graph, feeds, ids);
}

const noise = (shape: number[], seed = 1): Tensor => {
  let x = seed;
  const next = () => ((x = (x * 1103515245 + 12345) % 2147483648) / 2147483648) * 2 - 1;
  return tensor(Float32Array.from({ length: shape.reduce((a, d) => a * d, 1) }, next), { shape });
};

const pool = (x: Tensor): Tensor => new Tensor(ops.maxPool2d(x.node, { kernel: [3, 3], stride: [2, 2] }));
const conv = (x: Tensor, w: Tensor, padding = 0): Tensor =>
  new Tensor(ops.conv2d(x.node, w.node, undefined, { padding: [padding, padding] }));

describe('a rectifier before max-pooling', () => {
  let device: Device;
  before(() => {
    device = open();
  });
  after(() => device.close());
  const namesOf = async (...outputs: Tensor[]) => {
    const nodes = outputs.map((t) => t.node);
    const rows = (await rowsOf(device, nodes)).filter(({ kernel }) => kernel !== 'corrected');
    return rows.map((row) => row.op).filter((op) => op !== 'reorder' && op !== 'largest');
  };
  const valuesOf = async (on: Device, y: Tensor) => {
    const { graph, key, feeds, storages } = buildGraph([y.node], []);
    const ids = storages.map((s) => s.id);
    return [...(await on.run(key, graph, feeds, ids))[0]!];
  };

  it('is moved behind the pooling, with the same results', async () => {
    const maps = noise([2, 16, 9, 9]).tanh();
    assert.deepEqual(await namesOf(pool(maps.relu())), ['tanh', 'maxPool2d', 'relu']);
    const reference = new InlineDevice(new ReferenceEngine());
    const expected = await valuesOf(reference, pool(maps.relu()));
    assertNear(await valuesOf(device, pool(maps.relu())), expected, 1e-6, 'pooled');
    await reference.close();
  });

  it('is not moved if a convolution applies it', async () => {
    const y = conv(noise([2, 16, 24, 24]), noise([32, 16, 3, 3], 2), 1).relu();
    assert.deepEqual(await namesOf(pool(y)), ['conv2d', 'maxPool2d']);
  });

  it('is not moved if another node reads its result', async () => {
    const y = noise([2, 16, 9, 9]).tanh().relu();
    assert.deepEqual(await namesOf(pool(y), y.neg()), ['tanh+relu', 'maxPool2d', 'neg']);
    assert.deepEqual(await namesOf(pool(y), y), ['tanh+relu', 'maxPool2d']);
  });

  for (const kind of ['relu', 'leakyRelu'] as const)
    it(`has the same gradients as the reference engine: ${kind}`, async () => {
      const weights = await noise([16, 16, 1, 1], 3).data();
      const gradient = async (on: Device) => {
        const w = new Parameter(Float32Array.from(weights), [16, 16, 1, 1]);
        await w.place(on);
        const lrn = ops.localResponseNorm(conv(noise([2, 16, 9, 9]), w).node, { size: 5 });
        const maps = new Tensor(kind === 'relu' ? ops.relu(lrn) : ops.leakyRelu(lrn, 0.1));
        const y = pool(maps)
          .mul(noise([2, 16, 4, 4], 4))
          .sum();
        y.backward();
        const rows = await rowsOf(on, [y.node, w.grad!.node]);
        const names = rows.filter(({ kernel }) => kernel !== 'corrected').map((row) => row.op);
        return { values: [...(await w.grad!.data())], names };
      };
      const reference = new InlineDevice(new ReferenceEngine());
      const [ours, expected] = [await gradient(device), await gradient(reference)];
      assertNear(ours.values, expected.values, 1e-5, kind);
      const order = ours.names.filter((op) => op.includes(`${kind}Grad`) || op === 'maxPool2dGrad');
      assert.deepEqual(
        order,
        [`mul+${kind}Grad`, 'maxPool2dGrad'],
        'the rectifier’s gradient on the smaller tensor',
      );
      await reference.close();
    });
});

describe('weights that a plan does not change', () => {
  it('are reordered once, and again after they change', async () => {
    const device = new InlineDevice(new OneDnnEngine({ threads: 2, precision: 'bfloat16' }));
    const layer = await new Conv2d(16, 32, 3).to(device);
    const linear = await new Linear(1024, 512).to(device);
    const [x, v] = [noise([2, 16, 8, 8]), noise([128, 1024])];
    const outputs = () => [layer.forward(x).node, linear.forward(v).node];
    const count = (rows: readonly { op: string }[]) => rows.filter((row) => row.op === 'reorder').length;
    const first = count(await rowsOf(device, outputs()));
    const second = count(await rowsOf(device, outputs()));
    assert.equal(first - second, 2, `${first} reorders, then ${second}`);
    const before = [...(await linear.forward(v).data())];
    linear.weight.load((await linear.weight.data()).map((w) => 2 * w) as Float32Array);
    linear.bias!.load((await linear.bias!.data()).map((w) => 2 * w) as Float32Array);
    assertNear(
      [...(await linear.forward(v).data())],
      before.map((y) => 2 * y),
      1e-6,
      'twice the weights',
    );
    const { packedBytes } = (await device.stats()).at(-1)!;
    assert.ok(packedBytes >= 2 * 1024 * 512, `${packedBytes} bytes`);
    await device.close();
  });
});

describe('two models on one plan', () => {
  it('do not read each other’s packed weights', async () => {
    const device = new InlineDevice(new OneDnnEngine({ threads: 2, precision: 'bfloat16' }));
    const v = noise([128, 1024]);
    const outputs = async (layer: Linear) => [...(await layer.forward(v).data())];
    const make = async () => (await new Linear(1024, 512, { bias: false }).to(device)) as Linear;
    const trained = await make();
    const loaded = await make();
    const optimizer = new SGD(trained.parameters(), { lr: 0.001 });
    const others = await outputs(loaded);
    // The packed weights must not be confused, however often either model was updated or loaded.
    for (let i = 0; i < 6; i++) {
      const loss = trained.forward(v).sum();
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      await loss.item();
      await outputs(trained);
      assertNear(await outputs(loaded), others, 1e-6, `after update ${i + 1}`);
    }
    await device.close();
  });
});

describe('the kernel cache', () => {
  const folder = mkdtempSync(join(tmpdir(), 'paperweight-test-'));
  const file = join(folder, 'kernels.json');
  const fixed = process.env.PAPERWEIGHT_KERNELS;
  beforeEach(() => {
    process.env.PAPERWEIGHT_KERNELS = file;
  });
  after(() => {
    if (fixed === undefined) delete process.env.PAPERWEIGHT_KERNELS;
    else process.env.PAPERWEIGHT_KERNELS = fixed;
    rmSync(folder, { recursive: true });
  });
  // Large enough to be timed.
  const kernelOf = async () => {
    const device = new InlineDevice(new OneDnnEngine({ threads: 2, precision: 'bfloat16' }));
    const y = conv(noise([4, 64, 24, 24]), noise([64, 64, 3, 3], 2), 1);
    const row = (await rowsOf(device, [y.node])).find(({ op }) => op === 'conv2d')!;
    await device.close();
    return row.kernel;
  };
  const remembered = () =>
    Object.values(JSON.parse(readFileSync(file, 'utf8')) as Record<string, Record<string, string>>);
  const withEvery = (key: string, name: string): string => {
    const content = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Record<string, string>>;
    for (const entry of Object.values(content)) entry[key] = name;
    return JSON.stringify(content);
  };
  const KERNELS = { direct: /^((?!bf16|wino).)*$/, winograd: /wino/, bfloat16: /bf16/ };

  it('is written after the first timing, and is used from then on', async () => {
    await kernelOf();
    const [machine] = remembered();
    const [key] = Object.keys(machine!).filter((k) => k.startsWith('conv forward'));
    assert.ok(key, JSON.stringify(machine));
    for (const name of ['direct', 'bfloat16'] as const) {
      writeFileSync(file, withEvery(key, name));
      assert.match(await kernelOf(), KERNELS[name]);
    }
  });

  it('is measured again if the file is not valid', async () => {
    for (const broken of ['', '{', '[]', '{"a":1}', '{"a":{"b":{}}}']) {
      writeFileSync(file, broken);
      await kernelOf();
      assert.equal(remembered().length, 1, broken);
    }
  });

  it('ignores unknown kernel names', async () => {
    await kernelOf();
    const key = Object.keys(remembered()[0]!).find((k) => k.startsWith('conv forward'))!;
    writeFileSync(file, withEvery(key, 'fastest'));
    const kernel = await kernelOf();
    // Which one is the fastest depends on the machine.
    const name = remembered()[0]![key]!;
    assert.match(name, /^(direct|winograd|bfloat16)$/);
    assert.match(kernel, KERNELS[name as keyof typeof KERNELS]);
  });
});

describe('batch normalisation', () => {
  let device: Device;
  before(() => {
    device = open();
  });
  after(() => device.close());

  it('is a primitive without busy waiting, whatever produced its input', async () => {
    const [gamma, beta] = [new Parameter(new Float32Array(20).fill(1), [20]), noise([20])];
    const w = noise([20, 3, 3, 3]);
    const image = noise([2, 3, 10, 10]);
    const offsets = tensor(Int32Array.of(-1, 0, -1, 0), { shape: [2, 2] }).node;
    for (const x of [conv(image, w), noise([2, 1280]).tanh().reshape([2, 20, 8, 8])])
      for (const input of [x, new Tensor(ops.add(x.node, ops.crop(x.node, offsets, [8, 8])))]) {
        gamma.grad = null;
        const leaf = new Tensor(input.node, true);
        const y = new Tensor(ops.batchNormTrain(leaf.node, gamma.node, beta.node));
        y.square().sum().backward();
        const stats = ops.batchStats(input.node);
        const rows = (await rowsOf(device, [y.node, leaf.grad!.node, gamma.grad!.node, stats])).filter(
          ({ op, kernel }) => /^batch/.test(op) && kernel !== 'corrected',
        );
        assert.deepEqual(
          rows.map(({ op }) => op),
          ['batchNormTrain', 'batchNormTrainGrad', 'batchStats'],
        );
        for (const { op, kernel } of rows) assert.doesNotMatch(kernel, /^bnorm_jit|typescript/, op);
      }
  });
});
