import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { InlineDevice } from '../../../src/backend/device.js';
import { OneDnnEngine } from '../../../src/backend/onednn/index.js';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { buildGraph } from '../../../src/graph/graph.js';
import { functional, Linear, Sequential, Tanh } from '../../../src/nn/index.js';
import { Adam } from '../../../src/optim/index.js';
import { manualSeed } from '../../../src/tensor/random.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import { type Tensor, tensor, zeros } from '../../../src/tensor/tensor.js';
import { values } from '../../support/generated.js';
import { Constant, ENGINES, watched } from '../../support/plans.js';

const [ROWS, FEATURES, CLASSES, BATCH] = [500, 12, 10, 16];

/** A data set as one tensor, on the device or on the host. */
async function dataSet(device: Device | undefined): Promise<{ x: Tensor; labels: Tensor }> {
  const x = tensor(values([ROWS, FEATURES], 1, 2), { shape: [ROWS, FEATURES] });
  const labels = tensor(Int32Array.from({ length: ROWS }, (_, i) => (i * 7) % CLASSES));
  return device ? { x: await x.to(device), labels: await labels.to(device) } : { x, labels };
}

interface Training {
  /** Trains on the minibatch that begins at a row. */
  step(start: number): Promise<readonly ArrayLike<number>[]>;
  readonly model: Sequential;
  readonly optimizer: Adam;
}

async function training(device: Device, data: Device | undefined): Promise<Training> {
  manualSeed(3);
  const model = await new Sequential(new Linear(FEATURES, 24), new Tanh(), new Linear(24, CLASSES)).to(
    device,
  );
  const optimizer = new Adam(model.namedParameters(), { lr: 0.01 });
  const { x, labels } = await dataSet(data);
  const step = async (start: number): Promise<readonly ArrayLike<number>[]> => {
    optimizer.zeroGrad();
    const logits = model.forward(x.slice(0, start, start + BATCH));
    const loss = functional.crossEntropy(logits, labels.slice(0, start, start + BATCH));
    loss.backward();
    optimizer.step();
    return Promise.all([loss, ...model.parameters()].map((one) => one.data()));
  };
  return { step, model, optimizer };
}

const startOf = (k: number): number => (k * 37) % (ROWS - BATCH);

for (const [name, open] of Object.entries(ENGINES))
  describe(`starts of slices that change, on the ${name} engine`, () => {
    for (const place of ['device', 'host'] as const)
      it(`200 minibatches of a data set on the ${place}: few plans, and the bits of constants`, async (t) => {
        const { engine, graphs, held } = watched(open());
        const device = new InlineDevice(engine);
        const constant = new Constant(open());
        t.after(() => Promise.all([device.close(), constant.close()]));
        const got = await training(device, place === 'device' ? device : undefined);
        const wanted = await training(constant, constant);
        for (let k = 0; k < 200; k++)
          assert.deepEqual(await got.step(startOf(k)), await wanted.step(startOf(k)), `step ${k}`);
        // Of the step: one for each of two starts, and that of all. On the host the start is no part of it.
        assert.equal(graphs.length, place === 'device' ? 3 : 1);
        assert.equal(held.size, 1);
      });

    it('go on with the same bits in a run that is resumed', async (t) => {
      const [first, second] = [new InlineDevice(open()), new InlineDevice(open())];
      t.after(() => Promise.all([first.close(), second.close()]));
      const whole = await training(first, first);
      for (let k = 0; k < 6; k++) await whole.step(startOf(k));
      const read = async (of: ReadonlyMap<string, Tensor>) =>
        new Map(
          await Promise.all(
            [...of].map(async ([key, one]) => [key, { shape: one.shape, data: await one.data() }] as const),
          ),
        );
      const weights = await read(whole.model.stateDict());
      const { tensors, state } = whole.optimizer.stateDict();
      const averages = await read(tensors);
      const resumed = await training(second, second);
      resumed.model.loadStateDict(weights);
      resumed.optimizer.loadStateDict({ tensors: averages, state });
      for (let k = 6; k < 12; k++)
        assert.deepEqual(await resumed.step(startOf(k)), await whole.step(startOf(k)));
    });

    it('give the gradients of the tensor that is cut', async (t) => {
      const device = new InlineDevice(open());
      t.after(() => device.close());
      const make = async (on: Device) => {
        const x = await tensor(values([6, 9, 11], 2, 1), { shape: [6, 9, 11] }).to(on);
        const weights = await tensor(values([2, 4, 5], 3, 1), { shape: [2, 4, 5] }).to(on);
        x.requiresGrad = true;
        return async (k: number) => {
          x.grad = null;
          const part = x
            .slice(0, k, k + 2)
            .slice(1, k + 1, k + 5)
            .slice(2, 6 - k, 11 - k);
          part.mul(weights).sum().add(x.select(2, k).square().sum()).backward();
          return x.grad!.data();
        };
      };
      const [got, wanted] = [await make(device), await make(referenceDevice())];
      for (let k = 0; k < 5; k++) assert.deepEqual(await got(k), await wanted(k), `start ${k}`);
    });
  });

describe('a slice of a tensor on the host', () => {
  const data = Float32Array.from({ length: 60 }, (_, i) => i);
  const x = tensor(data, { shape: [20, 3] });
  const graphOf = (...tensors: Tensor[]) =>
    buildGraph(
      tensors.map(({ node }) => node),
      [],
    );

  it('is passed to a run as a view of the values, under the same key for each start', () => {
    const { graph, key, feeds } = graphOf(x.slice(0, 4, 9).exp());
    assert.deepEqual(
      graph.nodes.map(({ op }) => op),
      ['feed', 'exp'],
    );
    const [part] = feeds as [Float32Array];
    assert.deepEqual([part.buffer.byteLength, part.byteOffset, part.length], [240, 48, 15]);
    assert.deepEqual(graphOf(x.slice(0, 11, 16).exp()).key, key);
  });

  it('also of a slice of it, and of one in another shape', () => {
    const [part] = graphOf(x.reshape(5, 4, 3).slice(0, 1, 4).select(0, 1).exp()).feeds as [Float32Array];
    assert.deepEqual([...part], [...data.subarray(24, 36)]);
  });

  it('is computed by the run where its values do not lie together, and where all of them are read', () => {
    assert.deepEqual(
      graphOf(x.slice(1, 1, 2).exp()).graph.nodes.map(({ op }) => op),
      ['feed', 'slice', 'exp'],
    );
    assert.equal(graphOf(x.slice(0, 4, 9).exp(), x.sum()).feeds.length, 2);
  });

  it('has gradients', async () => {
    setDefaultDevice(referenceDevice());
    const w = tensor(data, { shape: [20, 3], requiresGrad: true });
    w.slice(0, 4, 5).square().sum().backward();
    const wanted = new Float32Array(60);
    wanted.set([24, 26, 28], 12);
    assert.deepEqual(await w.grad!.data(), wanted);
  });

  it('is known without a run', async () => {
    assert.deepEqual(await x.slice(0, 2, 3).data(), data.slice(6, 9));
    const copy = (await x.slice(0, 2, 3).data()) as Float32Array;
    copy[0] = -1;
    assert.equal(data[6], 6);
  });
});

it('a slice of a large tensor on the onednn engine is read without a copy of all of it', async (t) => {
  const device = new InlineDevice(new OneDnnEngine({ threads: 1 }));
  t.after(() => device.close());
  // More than the memory for storages that vector kernels access.
  const x = await zeros([20_000, 1000]).to(device);
  for (let k = 0; k < 4; k++)
    assert.equal(
      await x
        .slice(0, k, k + 2)
        .add(1)
        .sum()
        .item(),
      2000,
    );
  for (const { arenaBytes } of await device.stats()) assert.ok(arenaBytes < 2 ** 20, `${arenaBytes} bytes`);
});
