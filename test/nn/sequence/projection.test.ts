import assert from 'node:assert/strict';
import { test } from 'node:test';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { buildGraph } from '../../../src/graph/graph.js';
import { LSTM, type LstmState } from '../../../src/nn/index.js';
import { withUnrolled } from '../../../src/nn/sequence/recurrence.js';
import { grad } from '../../../src/tensor/grad.js';
import { manualSeed } from '../../../src/tensor/random.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import { type Tensor, tensor } from '../../../src/tensor/tensor.js';
import { assertNear } from '../../support/generated.js';

setDefaultDevice(referenceDevice());

const waves = (shape: number[], by: number): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(by * (i + 1))),
    { shape, requiresGrad: true },
  );

const nodesOf = (length: number): number => {
  const [y] = new LSTM(3, 6, { projSize: 2 }).forward(waves([length, 4, 3], 0.7));
  return buildGraph([y.sum().node], []).graph.nodes.length;
};

test('an LSTM with a projection is one operation for all positions', () => {
  assert.equal(nodesOf(20), nodesOf(5));
});

for (const [title, options, lengths] of [
  ['forwards', {}, undefined],
  ['in both directions', { bidirectional: true }, undefined],
  ['of padded sequences in both directions', { bidirectional: true, numLayers: 2 }, [5, 2, 3, 1]],
] as const)
  test(`it gives the values and gradients of single positions, ${title}`, async () => {
    manualSeed(3);
    const model = new LSTM(3, 6, { projSize: 2, ...options });
    const states = model.bidirectional ? 2 * model.numLayers : 1;
    const given = [waves([5, 4, 3], 0.7), waves([states, 4, 2], 1.1), waves([states, 4, 6], 1.7)] as const;
    const run = async (): Promise<(readonly number[])[]> => {
      const [x, ...state] = given;
      const [y, [h, c]] = model.forward(x, state as LstmState, lengths ? { lengths } : {});
      const loss = [y, h, c].map((one) => one.mul(waves([...one.shape], 2.3).detach()).sum());
      const inputs = [...given, ...model.parameters()];
      const grads = grad(
        loss.reduce((a, b) => a.add(b)),
        inputs,
      );
      return Promise.all([y, h, c, ...grads].map(async (one) => [...(await one!.data())]));
    };
    const [whole, single] = [await run(), await withUnrolled(run)];
    for (const [i, values] of whole.entries()) assertNear(values, single[i]!, 1e-5, `result ${i}`);
  });
