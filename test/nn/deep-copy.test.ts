import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { UsageError } from '../../src/errors/errors.js';
import * as nn from '../../src/nn/index.js';
import { SGD } from '../../src/optim/index.js';
import { Parameter } from '../../src/tensor/parameter.js';
import { setDefaultDevice } from '../../src/tensor/realize.js';
import { ones, type Tensor } from '../../src/tensor/tensor.js';

const values = async (t: Tensor): Promise<number[]> => [...(await t.data())];

class Net extends nn.Module {
  readonly layers = [new nn.Conv2d(1, 2, 3, { padding: 'same' }), new nn.BatchNorm2d(2)];
  readonly heads = new Map([['a', new nn.Linear(2, 2, { bias: false })]]);
  readonly again = this.heads.get('a')!;
  readonly options = { scale: 2, list: [1, 2] };
  #unused = 0;
  constructor(readonly width = 2) {
    super();
    this.registerBuffer('cache', ones([1]), { persistent: false });
  }
  forward(x: Tensor): Tensor {
    const y = this.layers.reduce((made, layer) => layer.forward(made), x);
    return this.heads
      .get('a')!
      .forward(y.mean([2, 3]))
      .mul(this.options.scale);
  }
  used(): number {
    return this.#unused;
  }
}
/** The same without a #private field. */
class Open extends nn.Module {
  readonly layers = [new nn.Conv2d(1, 2, 3, { padding: 'same' }), new nn.BatchNorm2d(2)];
  readonly heads = new Map([['a', new nn.Linear(2, 2, { bias: false })]]);
  readonly again = this.heads.get('a')!;
  readonly options = { scale: 2, list: [1, 2] };
  constructor(readonly width = 2) {
    super();
    this.registerBuffer('cache', ones([1]), { persistent: false });
  }
  forward(x: Tensor): Tensor {
    const y = this.layers.reduce((made, layer) => layer.forward(made), x);
    return this.heads
      .get('a')!
      .forward(y.mean([2, 3]))
      .mul(this.options.scale);
  }
}

describe('deepCopy', () => {
  before(() => setDefaultDevice(referenceDevice()));

  for (const there of [false, true])
    it(`has the same values, names and modes, and stays when the original is trained${there ? ' on a device' : ''}`, async () => {
      const model = new Open(7);
      if (there) await model.to(referenceDevice());
      const copy = nn.deepCopy(model);
      assert.equal(copy.constructor, Open);
      assert.equal(copy.width, 7);
      assert.notEqual(copy.options.list, model.options.list);
      assert.equal(copy.again, copy.heads.get('a'));
      assert.deepEqual([...copy.stateDict().keys()], [...model.stateDict().keys()]);
      assert.deepEqual(
        copy.namedBuffers().map(([name]) => name),
        model.namedBuffers().map(([name]) => name),
      );
      assert.equal(copy.toString(), model.toString());
      const x = ones([1, 1, 4, 4]);
      const y = await values(model.eval().forward(x));
      assert.deepEqual(await values(copy.eval().forward(x)), y);
      await model.to(referenceDevice());
      const optimizer = new SGD(model.namedParameters(), { lr: 0.1 });
      model.train().forward(x).square().sum().backward();
      optimizer.step();
      assert.deepEqual(await values(copy.forward(x)), y);
      assert.notDeepEqual(await values(model.eval().forward(x)), y);
    });

  it('copies what is frozen, and shares nothing that can be trained', () => {
    const model = new Open();
    model.layers[0]!.freeze();
    const copy = nn.deepCopy(model);
    assert.deepEqual([copy.layers[0]!.frozen, copy.layers[1]!.frozen], [true, false]);
    assert.deepEqual(
      copy.namedParameters().map(([name]) => name),
      model.namedParameters().map(([name]) => name),
    );
    copy.unfreeze();
    assert.equal(copy.parameters().length, model.parameters().length + 2);
    const own = new Set(model.stateDict().values());
    for (const parameter of copy.stateDict().values()) assert.ok(!own.has(parameter));
  });

  it('works for every layer', () => {
    const layers: nn.Module<unknown>[] = [
      new nn.Sequential(new nn.Linear(2, 2), new nn.ReLU()),
      new nn.ModuleList([new nn.Tanh()]),
      new nn.ModuleDict({ one: new nn.Tanh() }),
      new nn.Conv1d(1, 1, 2, { padding: 'same' }),
      new nn.Conv2d(1, 1, 2, { padding: 'same' }),
      new nn.ConvTranspose2d(1, 1, 2),
      new nn.BatchNorm1d(2),
      new nn.BatchNorm2d(2),
      new nn.LayerNorm([2]),
      new nn.GroupNorm(1, 2),
      new nn.Embedding(2, 2),
      new nn.RNN(2, 2),
      new nn.GRU(2, 2),
      new nn.LSTM(2, 2),
      new nn.MultiheadAttention(2, 1),
      new nn.TransformerEncoderLayer(2, 1),
      new nn.TransformerEncoder(new nn.TransformerEncoderLayer(2, 1), 2),
      new nn.PReLU(),
      new nn.Dropout(),
      new nn.SmoothL1Loss(),
      new nn.CrossEntropyLoss(),
    ];
    for (const layer of layers) {
      const copy = nn.deepCopy(layer);
      assert.equal(copy.toString(), layer.toString());
      assert.deepEqual([...copy.stateDict().keys()], [...layer.stateDict().keys()]);
      for (const [name, parameter] of copy.stateDict())
        assert.notEqual(parameter, layer.stateDict().get(name));
    }
  });

  it('refuses classes with #private members, and what is not a module', () => {
    assert.throws(
      () => nn.deepCopy(new Net()),
      (e) => e instanceof UsageError && /cannot copy a Net.*#private.*TypeScript’s private/.test(e.message),
    );
    assert.throws(() => nn.deepCopy(new Parameter(new Float32Array(1), [1]) as never), /copies modules/);
    assert.equal(new Net().used(), 0);
  });
});
