import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from '../../src/backend/backend.js';
import { InlineDevice } from '../../src/backend/device.js';
import { ReferenceEngine } from '../../src/backend/reference/engine.js';
import { setDefaultDevice } from '../../src/tensor/realize.js';
import { tensor } from '../../src/tensor/tensor.js';

test('a graph that cannot be compiled fails with the same error each time, and is compiled again', async () => {
  const engine = new ReferenceEngine() as Engine;
  const compile = engine.compile.bind(engine);
  let refused = 2;
  engine.compile = (graph) => {
    if (refused-- > 0) throw new Error('out of memory');
    return compile(graph);
  };
  const device = new InlineDevice(engine);
  setDefaultDevice(device);
  const sum = (x: number) => tensor([x, 2]).sum().item();
  await assert.rejects(sum(1), /out of memory/);
  await assert.rejects(sum(2), /out of memory/);
  assert.equal(await sum(3), 5);
  assert.equal(await sum(4), 6);
  await device.close();
});
