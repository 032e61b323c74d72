import assert from 'node:assert/strict';
import { test } from 'node:test';
import { referenceDevice } from '../../backend/reference/index.js';
import { CrossEntropyLoss, inspect } from '../../nn/index.js';
import { SGD } from '../../optim/index.js';
import { manualSeed } from '../../tensor/random.js';
import { setDefaultDevice } from '../../tensor/realize.js';
import { tensor } from '../../tensor/tensor.js';
import { ResNet } from './model.js';

setDefaultDevice(referenceDevice());

test('ResNet-20 has 269,722 parameters and halves the feature maps twice', () => {
  const { layers, parameters } = inspect(new ResNet(), [3, 32, 32]);
  assert.equal(parameters, 269_722);
  const shapes = layers
    .filter(({ type }) => type === 'Conv2d')
    .map(({ outputShape }) => outputShape.slice(1));
  assert.equal(shapes.length, 19);
  assert.deepEqual(
    [shapes[0], shapes[7], shapes.at(-1)],
    [
      [16, 32, 32],
      [32, 16, 16],
      [64, 8, 8],
    ],
  );
});

test('a depth that is not 6n + 2 is refused', () => {
  assert.throws(() => new ResNet({ depth: 21 }), /6n \+ 2/);
});

test('a shortcut takes every other pixel and pads channels with zeros', async () => {
  const model = await new ResNet({ depth: 8 }).to(referenceDevice());
  const { shortcut } = model.blocks.at(1) as unknown as { shortcut: ResNet };
  const x = Float32Array.from({ length: 16 * 4 }, (_, i) => i + 1);
  const y = [...(await shortcut.forward(tensor(x, { shape: [1, 16, 2, 2] })).data())];
  const zeros = Array<number>(8).fill(0);
  assert.deepEqual(y, [...zeros, ...Array.from({ length: 16 }, (_, c) => 4 * c + 1), ...zeros]);
});

test('it overfits a single batch', async () => {
  manualSeed(1);
  const model = await new ResNet({ depth: 8, numClasses: 2 }).to(referenceDevice());
  const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  const images = Float32Array.from({ length: 4 * 3 * 64 }, (_, i) => Math.sin(i * (i % 7)));
  const inputs = tensor(images, { shape: [4, 3, 8, 8] });
  const labels = tensor(Int32Array.from([0, 1, 1, 0]));
  const losses: number[] = [];
  for (let step = 0; step < 12; step++) {
    optimizer.zeroGrad();
    const loss = new CrossEntropyLoss().forward(model.forward(inputs), labels);
    loss.backward();
    optimizer.step();
    losses.push(await loss.item());
  }
  assert.ok(losses.at(-1)! < 0.5 * losses[0]!, `${losses}`);
});
