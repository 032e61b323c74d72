import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../../src/errors/errors.js';
import * as nn from '../../../src/nn/index.js';
import { manualSeed } from '../../../src/tensor/random.js';
import { evaluate, type Tensor, tensor } from '../../../src/tensor/tensor.js';
import '../../../src/core.js';
import { assertNear } from '../../support/generated.js';

/* PyTorch's numbers for padded sequences are in pytorch-layers.test.ts. */

const both = { numLayers: 2, bidirectional: true, batchFirst: true };

/** Inputs [2, 4, 3]; the second sequence has two positions, behind which `padding` stands. */
const padded = (padding: number): Tensor =>
  tensor(
    Float32Array.from({ length: 24 }, (_, i) => (i >= 18 ? padding : Math.sin(i))),
    { shape: [2, 4, 3], requiresGrad: true },
  );

for (const [name, make] of Object.entries({
  LSTM: () => new nn.LSTM(3, 5, both),
  GRU: () => new nn.GRU(3, 5, both),
  RNN: () => new nn.RNN(3, 5, both),
  'RNN with a rectifier': () => new nn.RNN(3, 5, { ...both, nonlinearity: 'relu' }),
}))
  test(`padding changes nothing for ${name}, even if it is not a number`, async () => {
    manualSeed(1);
    const layer = make() as nn.GRU;
    const run = async (x: Tensor): Promise<ArrayLike<number>[]> => {
      layer.zeroGrad();
      const [y, state] = layer.forward(x, undefined, { lengths: [4, 2] });
      const states = [state].flat();
      const total = [y, ...states].map((part) => part.square().sum()).reduce((a, b) => a.add(b));
      total.backward();
      return await evaluate(y, ...states, ...layer.parameters().map((p) => p.grad!), x.grad!);
    };
    const clean = await run(padded(0));
    const dirty = await run(padded(Number.NaN));
    clean.forEach((values, i) => void assertNear(dirty[i]!, values, 0, `result ${i}`));
    const [y] = clean;
    assertNear(Array.from(y!).slice(60), new Float32Array(20), 0, 'behind the end');
    const [alone] = layer.forward(padded(0).slice(0, 1).slice(1, 0, 2));
    assertNear(await alone.data(), Array.from(y!).slice(40, 60), 1e-6, 'alone');
  });

test('bad lengths are refused', () => {
  const layer = new nn.LSTM(3, 5, { batchFirst: true });
  const x = padded(0);
  const wrong = [[4], [4, 0], [4, 5], [4, 1.5], [4, Number.NaN], 4, '42', tensor([4, 2])];
  for (const lengths of wrong)
    assert.throws(
      () => layer.forward(x, undefined, { lengths: lengths as never }),
      (e) => e instanceof UsageError && /LSTM got bad lengths/.test(e.message),
      String(lengths),
    );
  const computed = tensor([
    [1, 2],
    [3, 0],
  ]).argmax(1);
  assert.throws(() => layer.forward(x, undefined, { lengths: computed }), /await its data/);
  assert.throws(() => layer.forward(x, undefined, { length: [4, 2] } as never), /lengths/);
});
