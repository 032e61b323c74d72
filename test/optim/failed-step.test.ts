import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { Embedding } from '../../src/nn/index.js';
import { SGD } from '../../src/optim/index.js';
import { setDefaultDevice } from '../../src/tensor/realize.js';
import { type Tensor, tensor } from '../../src/tensor/tensor.js';

const device = referenceDevice();
setDefaultDevice(device);

const OUTSIDE = /reads outside of its axis/;

async function training() {
  const model = await new Embedding(3, 2).to(device);
  const optimizer = new SGD(model.parameters(), { lr: 0.1 });
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
  return { weight: model.weight, bad, good };
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
});
