import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { Embedding } from '../../src/nn/index.js';
import { Adam, type Optimizer, SGD, WeightAverage } from '../../src/optim/index.js';
import { setDefaultDevice } from '../../src/tensor/realize.js';
import { type Tensor, tensor } from '../../src/tensor/tensor.js';

const device = referenceDevice();
setDefaultDevice(device);

const OUTSIDE = /reads outside of its axis/;

async function training(make = (model: Embedding): Optimizer => new SGD(model.parameters(), { lr: 0.1 })) {
  const model = await new Embedding(3, 2).to(device);
  const optimizer = make(model);
  const step = (index: Tensor): Tensor => {
    optimizer.zeroGrad();
    const loss = model.forward(index).square().sum();
    loss.backward();
    optimizer.step({ compute: [loss] });
    return loss;
  };
  // The index is computed on the device, so that only the run can refuse it.
  const bad = (): Tensor => step(tensor([0, 0, 0, 9]).argmax(0).unsqueeze(0));
  const good = (): Tensor => step(tensor([1], { dtype: 'int32' }));
  return { weight: model.weight, optimizer, bad, good };
}

describe('a step that fails', () => {
  it('is reported once by its loss, and the weights keep their values', async () => {
    const { weight, bad, good } = await training();
    const before = await weight.data();
    await assert.rejects(bad().item(), OUTSIDE);
    assert.deepEqual(await weight.data(), before);
    await good().item();
  });

  it('is reported by the weights if nobody has read the loss', async () => {
    const { weight, bad, good } = await training();
    const before = await weight.data();
    bad();
    await assert.rejects(weight.data(), OUTSIDE);
    assert.deepEqual(await weight.data(), before);
    bad();
    await assert.rejects(async () => {
      for await (const _ of weight.pieces());
    }, OUTSIDE);
    await good().item();
  });

  it('is reported by the loss of a later step if nobody has read its own', async () => {
    const { weight, bad, good } = await training();
    bad();
    good();
    await assert.rejects(good().item(), OUTSIDE);
    await good().item();
    await weight.data();
  });

  it('does not count: the next step is the one it would have been', async () => {
    const make = (model: Embedding): Optimizer => {
      model.weight.load(Float32Array.of(1, -2, 3, -4, 5, -6));
      const adam = new Adam(model.parameters(), { lr: 0.1 });
      adam.average = new WeightAverage(model.namedParameters(), 0.5);
      return adam;
    };
    const state = async ({ weight, optimizer }: Awaited<ReturnType<typeof training>>) => {
      const [own, average] = [optimizer.stateDict(), optimizer.average!.stateDict()];
      const tensors = [weight, ...own.tensors.values(), ...average.tensors.values()];
      return [own.state, average.state, await Promise.all(tensors.map((tensor) => tensor.data()))];
    };
    const [failing, whole] = [await training(make), await training(make)];
    await assert.rejects(failing.bad().item(), OUTSIDE);
    assert.equal(failing.optimizer.steps, 0);
    await failing.good().item();
    await assert.rejects(failing.bad().item(), OUTSIDE);
    await failing.good().item();
    for (const _ of [1, 2]) await whole.good().item();
    assert.equal(failing.optimizer.steps, 2);
    assert.deepEqual(await state(failing), await state(whole));
  });

  it('leaves a state alone that was loaded before it failed', async () => {
    const { optimizer, bad, good } = await training();
    await good().item();
    const saved = optimizer.stateDict();
    const loss = bad();
    optimizer.loadStateDict({ ...saved, tensors: new Map() });
    await assert.rejects(loss.item(), OUTSIDE);
    assert.equal(optimizer.steps, 1);
  });
});
