import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InlineDevice } from '../../src/backend/device.js';
import { ReferenceEngine } from '../../src/backend/reference/engine.js';
import { UsageError } from '../../src/errors/errors.js';
import * as nn from '../../src/nn/index.js';
import { SGD } from '../../src/optim/index.js';
import { Parameter } from '../../src/tensor/parameter.js';
import { type Tensor, tensor } from '../../src/tensor/tensor.js';
import { update } from '../../src/tensor/update.js';

/** Subtracts a centre, which it then moves towards its input. */
class Centred extends nn.Module {
  readonly weight = new Parameter(Float32Array.of(2), [1]);
  readonly centre = new Parameter(Float32Array.of(1), [1], { trainable: false });

  forward(x: Tensor): Tensor {
    const y = x.sub(this.centre).mul(this.weight);
    if (this.training) update([[this.centre, this.centre.add(x.detach()).mul(0.5)]], { later: true });
    return y;
  }
}

describe('an update of a buffer with later', () => {
  it('is seen by the next forward pass, and keeps what was described before', async () => {
    const here = new InlineDevice(new ReferenceEngine());
    const layer = await new Centred().to(here);
    const optimizer = new SGD(layer.parameters(), { lr: 0.5 });
    const [a, b] = [layer.forward(tensor([3])), layer.forward(tensor([5]))];
    a.add(b).sum().backward();
    // The centre is 1, then 2, then 3.5; the gradient is (3 − 1) + (5 − 2).
    assert.deepEqual([...(await layer.centre.data())], [3.5]);
    optimizer.step({ compute: [a, b] });
    assert.deepEqual([await a.item(), await b.item()], [4, 6]);
    assert.deepEqual([...(await layer.weight.data())], [-0.5]);
    assert.deepEqual([...(await layer.centre.storage!.read())], [3.5]);
    await here.close();
  });

  it('is written when the model leaves training mode', async () => {
    const here = new InlineDevice(new ReferenceEngine());
    const layer = await new Centred().to(here);
    layer.forward(tensor([3]));
    layer.eval();
    assert.deepEqual([...(await layer.centre.storage!.read())], [2]);
    layer.forward(tensor([7]));
    assert.deepEqual([...(await layer.centre.data())], [2]);
    await here.close();
  });

  it('may change a frozen parameter, which is written when it is trained again', async () => {
    const here = new InlineDevice(new ReferenceEngine());
    const teacher = await new nn.Linear(1, 1, { bias: false }).to(here);
    teacher.weight.load(Float32Array.of(2));
    teacher.freeze();
    const before = teacher.forward(tensor([[1]]));
    update([[teacher.weight, teacher.weight.mul(3)]], { later: true });
    assert.deepEqual([await before.item(), await teacher.forward(tensor([[1]])).item()], [2, 6]);
    teacher.unfreeze();
    assert.deepEqual([...(await teacher.weight.storage!.read())], [6]);
    const loss = teacher
      .forward(tensor([[5]]))
      .square()
      .sum();
    loss.backward();
    assert.deepEqual([...(await teacher.weight.grad!.data())], [300]);
    await here.close();
  });

  it('is for buffers, and computes nothing at once', async () => {
    const here = new InlineDevice(new ReferenceEngine());
    const layer = await new Centred().to(here);
    const { weight, centre } = layer;
    assert.throws(() => update([[weight, weight.mul(2)]], { later: true }), UsageError);
    assert.throws(
      () => update([[centre, centre.mul(2)]], { later: true, compute: [centre.add(1)] }),
      /got compute.*optimizer/,
    );
    await here.close();
  });
});
