import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDevice } from '../../src/backend/open.js';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { ShapeError } from '../../src/errors/errors.js';
import * as nn from '../../src/nn/index.js';
import { setDefaultDevice } from '../../src/tensor/realize.js';
import { type Tensor, tensor, zeros } from '../../src/tensor/tensor.js';

setDefaultDevice(referenceDevice());

const F = nn.functional;
const empty = (...shape: number[]): Tensor =>
  tensor(new Float32Array(shape.reduce((a, b) => a * b)), { shape, requiresGrad: true });
const batchFirst = { batchFirst: true };

/** Layers with a batch of 0, whose results and gradients PyTorch computes too, and the result's shape there. */
const LAYERS: Record<string, [() => nn.Module<unknown>, number[], number[]]> = {
  Linear: [() => new nn.Linear(3, 2), [0, 3], [0, 2]],
  Conv2d: [() => new nn.Conv2d(2, 3, 3), [0, 2, 5, 5], [0, 3, 3, 3]],
  LayerNorm: [() => new nn.LayerNorm(3), [0, 3], [0, 3]],
  'LayerNorm of two axes': [() => new nn.LayerNorm([2, 3]), [0, 4, 2, 3], [0, 4, 2, 3]],
  'LayerNorm of no positions': [() => new nn.LayerNorm(3), [2, 0, 3], [2, 0, 3]],
  RMSNorm: [() => new nn.RMSNorm(3), [0, 3], [0, 3]],
  GroupNorm: [() => new nn.GroupNorm(2, 4), [0, 4, 3], [0, 4, 3]],
  InstanceNorm1d: [() => new nn.InstanceNorm1d(4, { affine: true }), [0, 4, 3], [0, 4, 3]],
  InstanceNorm2d: [() => new nn.InstanceNorm2d(4), [0, 4, 3, 3], [0, 4, 3, 3]],
  BatchNorm1d: [() => new nn.BatchNorm1d(4), [0, 4], [0, 4]],
  BatchNorm2d: [
    () => new nn.BatchNorm2d(4, { trackRunningStats: false, affine: false }),
    [0, 4, 3, 3],
    [0, 4, 3, 3],
  ],
  'BatchNorm1d in evaluation': [() => new nn.BatchNorm1d(4).eval(), [0, 4], [0, 4]],
  'RNN, batch first': [() => new nn.RNN(2, 3, batchFirst), [0, 4, 2], [0, 4, 3]],
  LSTM: [() => new nn.LSTM(2, 3, { numLayers: 2, bidirectional: true }), [4, 0, 2], [4, 0, 6]],
  'LSTM with projection': [() => new nn.LSTM(2, 3, { projSize: 2 }), [4, 0, 2], [4, 0, 2]],
  GRU: [() => new nn.GRU(2, 3), [4, 0, 2], [4, 0, 3]],
  LSTMCell: [() => new nn.LSTMCell(2, 3), [0, 2], [0, 3]],
  GRUCell: [() => new nn.GRUCell(2, 3), [0, 2], [0, 3]],
  RNNCell: [() => new nn.RNNCell(2, 3), [0, 2], [0, 3]],
  TransformerEncoderLayer: [
    () => new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 8, ...batchFirst }),
    [0, 3, 4],
    [0, 3, 4],
  ],
  Upsample: [() => new nn.Upsample({ scaleFactor: 2, mode: 'bilinear' }), [0, 2, 3, 3], [0, 2, 6, 6]],
  'Upsample by nearest': [() => new nn.Upsample({ scaleFactor: 2 }), [0, 2, 3], [0, 2, 6]],
  'Upsample with corners': [
    () => new nn.Upsample({ size: 5, mode: 'linear', alignCorners: true }),
    [0, 2, 3],
    [0, 2, 5],
  ],
};

for (const name of ['reference', 'onednn', 'wasm'] as const)
  test(`layers take batches of 0, with gradients of 0, on ${name}`, async () => {
    const { device } = await openDevice(name, { threads: 1 });
    setDefaultDevice(device);
    try {
      for (const [what, [make, shape, wanted]] of Object.entries(LAYERS)) {
        const layer = await make().to(device);
        const x = empty(...shape);
        const result = layer.forward(x);
        const y = (Array.isArray(result) ? result[0] : result) as Tensor;
        assert.deepEqual(y.shape, wanted, what);
        assert.equal((await y.data()).length, 0, what);
        y.sum().backward();
        assert.deepEqual(x.grad!.shape, shape, what);
        assert.equal((await x.grad!.data()).length, 0, what);
        for (const [key, parameter] of layer.namedParameters())
          assert.ok(
            (await parameter.grad!.data()).every((g) => g === 0),
            `${what}: ${key}`,
          );
      }
      const transformer = new nn.Transformer({
        dModel: 4,
        nhead: 2,
        numEncoderLayers: 1,
        numDecoderLayers: 1,
        dimFeedforward: 8,
        ...batchFirst,
      });
      await transformer.to(device);
      const y = transformer.forward(empty(0, 3, 4), empty(0, 5, 4));
      assert.deepEqual([y.shape, (await y.data()).length], [[0, 5, 4], 0]);
      assert.equal((await F.layerNorm(empty(0, 2, 3), 3).data()).length, 0);
      const [, [h, c]] = new nn.LSTM(2, 3).forward(empty(4, 0, 2));
      const norm = await new nn.BatchNorm2d(2).to(device);
      assert.equal((await norm.forward(empty(0, 2, 3, 3)).data()).length, 0);
      assert.deepEqual([...(await norm.runningVar!.data())], [1, 1]);
      assert.deepEqual([h.shape, c.shape, (await h.data()).length], [[1, 0, 3], [1, 0, 3], 0]);
    } finally {
      setDefaultDevice(referenceDevice());
      await device.close();
    }
  });

test('samples of nothing are refused by name, as in PyTorch', () => {
  const refused = (run: () => unknown, what: RegExp): void =>
    assert.throws(run, (error) => error instanceof ShapeError && what.test(error.message));
  refused(() => new nn.GroupNorm(2, 4).forward(zeros([2, 4, 0])), /at least one element/);
  refused(() => new nn.LSTM(2, 3).forward(zeros([0, 2, 2])), /at least one position/);
  refused(() => F.interpolate(zeros([2, 0, 3, 3]), { scaleFactor: 2 }), /at least one element/);
  refused(() => new nn.InstanceNorm2d(4).forward(zeros([0, 4, 1, 1])), /at least 2 values/);
});
