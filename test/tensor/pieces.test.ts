import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDevice } from '../../src/backend/open.js';
import { CrossEntropyLoss, Linear } from '../../src/nn/index.js';
import { SGD } from '../../src/optim/index.js';
import { tensor } from '../../src/tensor/tensor.js';

for (const name of ['onednn', 'wasm', 'reference'] as const)
  test(`a parameter read in pieces equals the parameter read at once, on ${name}`, async () => {
    const { device } = await openDevice(name);
    try {
      // 9 MB, which is three pieces; after training it is in a device-specific layout.
      const layer = await new Linear(1500, 1500).to(device);
      const optimizer = new SGD(layer.parameters(), { lr: 0.1 });
      const images = tensor(Float32Array.from({ length: 2 * 1500 }, Math.sin), { shape: [2, 1500] });
      new CrossEntropyLoss().forward(layer.forward(images), tensor(Int32Array.of(3, 7))).backward();
      optimizer.step();
      const whole = await layer.weight.data();
      const joined = new Float32Array(whole.length);
      let at = 0;
      let pieces = 0;
      for await (const piece of layer.weight.pieces()) {
        joined.set(piece, at);
        at += piece.length;
        pieces++;
      }
      assert.equal(at, whole.length);
      assert.equal(pieces, 3);
      assert.deepEqual(joined, whole);
      // Stopping early must release the buffers.
      const reading = layer.weight.pieces();
      await reading.next();
      await reading.return();
      assert.deepEqual(await layer.weight.data(), whole);
    } finally {
      await device.close();
    }
  });
