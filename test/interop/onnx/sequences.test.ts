import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nn, type Tensor, tensor } from '../../../src/core.js';
import { exportOnnx, importOnnx } from '../../../src/interop/onnx/index.js';
import { inspect } from '../../../src/nn/inspect.js';
import { watching } from '../../../src/nn/watch.js';
import { assertClose } from '../../support/close.js';

interface Answer {
  readonly logits: Tensor;
  readonly state: readonly Tensor[];
}

/** A network on characters whose forward returns a record. */
class Characters extends nn.Module<Answer> {
  readonly embedding = new nn.Embedding(11, 6, { paddingIdx: 0 });
  readonly lstm = new nn.LSTM(6, 8, { batchFirst: true, numLayers: 2 });
  readonly head = new nn.Linear(8, 11);

  forward(x: Tensor): Answer {
    const [y, state] = this.lstm.forward(this.embedding.forward(x));
    return { logits: this.head.forward(y), state };
  }
}

/** The same with one result. */
class Logits extends nn.Module {
  readonly inner = new Characters();

  forward(x: Tensor): Tensor {
    return this.inner.forward(x).logits;
  }
}

const text = tensor(
  [
    [1, 4, 10, 0, 2],
    [3, 3, 9, 1, 0],
    [0, 0, 1, 2, 3],
  ],
  { dtype: 'int32' },
);

describe('networks on positions in a table', () => {
  it('are exported with a whole-numbered input, and imported back', async () => {
    const model = new Logits();
    const bytes = (await exportOnnx(model, [5], { inputType: 'int32' })).encode();
    const again = importOnnx(bytes);
    assert.equal(again.description.inputType, 'int32');
    // The file has the layer's operations of single positions, which add in another order.
    assertClose(
      await again.forward(text).data(),
      await model.forward(text).data(),
      { rtol: 1e-5, atol: 1e-6 },
      'logits',
    );
    assert.throws(() => again.forward(text.toFloat()), /int32 \[batch, 5\]; got float32 \[3, 5\]/);
  });

  it('with several results are exported with a name for each', async () => {
    const bytes = (await exportOnnx(new Characters(), [5], { inputType: 'int32' })).encode();
    const file = Buffer.from(bytes).toString('latin1');
    for (const name of ['logits', 'state_0', 'state_1']) assert.ok(file.includes(name), name);
    const again = importOnnx(bytes);
    const ids = tensor(
      Int32Array.from({ length: 10 }, (_, i) => i % 3),
      { shape: [2, 5] },
    );
    assert.deepEqual(Object.keys(again.run({ images: ids })), ['logits', 'state_0', 'state_1']);
    assert.throws(() => again.forward(ids), /several outputs.*"logits", "state_0", "state_1".*run/);
  });

  it('with several inputs name them, and are run by name', async () => {
    class Scaled extends nn.Module<Tensor> {
      forward(x: Tensor, by: Tensor): Tensor {
        return x.mul(by.toFloat());
      }
    }
    const shapes = { x: [3], by: [1] };
    const bytes = (await exportOnnx(new Scaled(), shapes, { inputType: { by: 'int32' } })).encode();
    const again = importOnnx(bytes);
    const inputs = {
      by: tensor(Int32Array.of(2, 3), { shape: [2, 1] }),
      x: tensor([1, 2, 3, 4, 5, 6], { shape: [2, 3] }),
    };
    assert.deepEqual([...(await again.run(inputs).logits!.data())], [2, 4, 6, 12, 15, 18]);
    const { x } = inputs;
    for (const wrong of [{ x }, { ...inputs, z: x }, { x, z: x }])
      assert.throws(() => again.run(wrong as never), /other inputs.*"x", "by"/);
    assert.throws(() => again.run({ x, by: x }), /wrong input "by".*int32 \[batch, 1\].*float32 \[2, 3\]/);
    assert.throws(() => again.forward(x), /several inputs/);
    await assert.rejects(exportOnnx(new Scaled(), { x: [3], by: [0] }), /bad inputShape/);
    await assert.rejects(exportOnnx(new Scaled(), shapes, { inputType: { z: 'int32' } }), /bad inputType/);
  });

  it('of which one result is an input or comes twice are exported too', async () => {
    class Twice extends nn.Module<readonly Tensor[]> {
      forward(x: Tensor): readonly Tensor[] {
        const y = x.relu();
        return [x, y, y];
      }
    }
    const file = Buffer.from((await exportOnnx(new Twice(), [3])).encode()).toString('latin1');
    for (const name of ['output_0', 'output_1', 'output_2']) assert.ok(file.includes(name), name);
  });

  it('with numbers among their results are refused', async () => {
    class Counted extends nn.Module<unknown> {
      constructor(readonly more: unknown) {
        super();
      }
      forward(x: Tensor): unknown {
        return { y: x.relu(), more: this.more };
      }
    }
    for (const more of [3, [{ name: 'y' }], true])
      await assert.rejects(exportOnnx(new Counted(more), [3]), /Counted has a value that ONNX cannot hold/);
    await exportOnnx(new Counted([undefined, null]), [3]);
  });

  it('without a tensor in their result are refused', async () => {
    class Nothing extends nn.Module<number> {
      forward(): number {
        return 3;
      }
    }
    await assert.rejects(exportOnnx(new Nothing(), [3]), /nothing that ONNX could hold/);
  });

  it('are inspected and watched, each layer by the first tensor of its result', () => {
    const model = new Characters();
    const { layers, parameters } = inspect(model, [3, 5], { inputType: 'int32' });
    assert.deepEqual(
      layers.map(({ name, outputShape }) => [name, outputShape]),
      [
        ['embedding', [3, 5, 6]],
        ['lstm', [3, 5, 8]],
        ['head', [3, 5, 11]],
      ],
    );
    assert.equal(parameters, 11 * 6 + 4 * 8 * (6 + 8 + 2) + 4 * 8 * (8 + 8 + 2) + 8 * 11 + 11);
    const seen: [string, number][] = [];
    const found = watching(
      model.namedModules(),
      (name, _module, _inputs, _output, outputs) => void seen.push([name, outputs.length]),
      () => model.forward(text),
    );
    assert.deepEqual(found.logits.shape, [3, 5, 11]);
    assert.deepEqual(seen, [
      ['embedding', 1],
      ['lstm', 3],
      ['head', 1],
      ['', 3],
    ]);
    assert.throws(() => inspect(model, [3, 5], { inputType: 'int64' as never }), /bad inputType/);
  });
});
