import assert from 'node:assert/strict';
import { test } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { UsageError } from '../../src/errors/errors.js';
import { Conv2d } from '../../src/nn/index.js';
import { setDefaultDevice } from '../../src/tensor/realize.js';
import { ones, tensor } from '../../src/tensor/tensor.js';

setDefaultDevice(referenceDevice());

const conv = (kernel: number | [number, number], options: ConstructorParameters<typeof Conv2d>[3]) =>
  new Conv2d(1, 1, kernel, { bias: false, ...options });

test("padding 'same' keeps the image's size, the odd zero at the bottom and on the right as in PyTorch", async () => {
  for (const [kernel, dilation] of [
    [1, 1],
    [2, 1],
    [3, 1],
    [4, 1],
    [4, 3],
    [[2, 5], 1],
    [[5, 2], 3],
  ] as const) {
    const layer = conv(kernel as number, { padding: 'same', dilation });
    assert.deepEqual(layer.forward(ones([2, 1, 7, 9])).shape, [2, 1, 7, 9]);
  }
  const even = conv(2, { padding: 'same' });
  even.weight.load(Float32Array.of(1, 1, 1, 1));
  const x = tensor(Float32Array.of(1, 2, 3, 4), { shape: [1, 1, 2, 2], requiresGrad: true });
  const y = even.forward(x);
  // torch.nn.functional.conv2d(x, torch.ones(1, 1, 2, 2), padding='same')
  assert.deepEqual([...(await y.data())], [10, 6, 7, 4]);
  y.sum().backward();
  assert.deepEqual([...(await x.grad!.data())], [1, 2, 2, 4]);
  assert.match(String(even), /padding=same/);
});

test("padding 'valid' adds no zeros; unknown words, and strides with 'same', are rejected", () => {
  assert.deepEqual(conv(3, { padding: 'valid' }).forward(ones([1, 1, 5, 5])).shape, [1, 1, 3, 3]);
  for (const options of [
    { padding: 'Same' },
    { padding: 'reflect' },
    { padding: 'same', stride: 2 },
    { padding: 0.5 },
  ])
    assert.throws(() => conv(3, options as never), UsageError);
});
