import assert from 'node:assert/strict';
import { it } from 'node:test';
import { nn, Parameter } from '../../src/index.js';

for (const shape of [
  [0, 6],
  [3, 0, 6],
])
  it(`LayerNorm of [${shape.join(', ')}] is empty, as in PyTorch`, async () => {
    const layer = new nn.LayerNorm(6);
    const x = new Parameter(new Float32Array(0), shape);
    const y = layer.forward(x);
    assert.deepEqual([y.shape, x.shape], [shape, shape]);
    y.sum().backward();
    assert.deepEqual([...(await y.data())], []);
    assert.deepEqual([...(await layer.weight!.grad!.data())], [0, 0, 0, 0, 0, 0]);
  });
