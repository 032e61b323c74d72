import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { openDevice } from '../../../src/backend/open.js';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import * as nn from '../../../src/nn/index.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import { ones, type Tensor, tensor } from '../../../src/tensor/tensor.js';
import { readFixture } from '../../support/generated.js';

setDefaultDevice(referenceDevice());

/** PyTorch's numbers: `test/fixtures/make_hidden_keys.py`. NaN is null. */
const CASES =
  readFixture<Record<string, { y: (number | null)[]; grads: (number | null)[][] }>>('hidden-keys.json');

const sines = (shape: readonly number[], start: number): Float32Array =>
  Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(start + i));
const wave = (shape: number[], start = 0): Tensor =>
  tensor(sines(shape, start), { shape, requiresGrad: true });

const ALLOWED = [
  [1, 1, 0, 0],
  [0, 0, 0, 0],
  [1, 0, 0, 1],
];
const EACH = [
  ALLOWED,
  [
    [0, 0, 0, 0],
    [1, 1, 1, 1],
    [0, 0, 0, 0],
  ],
];
const PADDING = tensor(
  [
    [0, 0, 1],
    [1, 1, 1],
  ],
  { dtype: 'int32' },
);

async function check(name: string, y: Tensor, inputs: readonly Tensor[]): Promise<void> {
  const { y: wantedY, grads } = CASES[name]!;
  const close = (what: string, got: ArrayLike<number>, wanted: readonly (number | null)[]): void => {
    assert.equal(got.length, wanted.length, what);
    for (const [i, value] of wanted.entries())
      assert.ok(
        value === null ? Number.isNaN(got[i]) : Math.abs(got[i]! - value) <= 1e-5 * (1 + Math.abs(value)),
        `${what}, element ${i}: ${got[i]} instead of ${value}`,
      );
  };
  y.mul(tensor(sines(y.shape, 7), { shape: y.shape }))
    .sum()
    .backward();
  close(`${name}: y`, await y.data(), wantedY);
  for (const [i, x] of inputs.entries()) close(`${name}: gradient ${i}`, await x.grad!.data(), grads[i]!);
}

async function checkLayer<M extends nn.Module<unknown>>(
  device: Device,
  name: string,
  layer: M,
  run: (layer: M, x: Tensor) => Tensor,
): Promise<void> {
  for (const [i, parameter] of layer.parameters().entries()) parameter.load(sines(parameter.shape, i));
  await layer.to(device);
  const x = wave([2, 3, 4]);
  await check(name, run(layer, x), [x, ...layer.parameters()]);
}

const attention = () => new nn.MultiheadAttention(4, 2, { batchFirst: true });

for (const name of ['reference', 'onednn', 'wasm'] as const)
  test(`a query that sees no key has a result of 0 and finite gradients, on ${name}`, async () => {
    const { device } = await openDevice(name, { threads: 1 });
    setDefaultDevice(device);
    try {
      const masks = {
        allowed: tensor(ALLOWED, { dtype: 'int32' }),
        batched: tensor(EACH, { dtype: 'int32' }).ne(0),
        bias: tensor(
          sines([3, 4], 3).map((value, i) => (ALLOWED.flat()[i] ? value : Number.NEGATIVE_INFINITY)),
          { shape: [3, 4], requiresGrad: true },
        ),
      };
      for (const [kind, attnMask] of Object.entries(masks)) {
        const inputs = [wave([2, 3, 4]), wave([2, 4, 4], 5), wave([2, 4, 2], 9)] as const;
        const y = nn.functional.scaledDotProductAttention(...inputs, { attnMask });
        await check(kind, y, attnMask.requiresGrad ? [...inputs, attnMask] : inputs);
      }
      const options = { keyPaddingMask: PADDING };
      await checkLayer(
        device,
        'without weights',
        attention(),
        (m, x) => m.forward(x, x, x, { ...options, needWeights: false })[0],
      );
      const layerOptions = { dropout: 0, dimFeedforward: 5, batchFirst: true };
      await checkLayer(device, 'encoder', new nn.TransformerEncoderLayer(4, 2, layerOptions), (m, x) =>
        m.forward(x, { srcKeyPaddingMask: PADDING }),
      );
      await checkLayer(device, 'decoder', new nn.TransformerDecoderLayer(4, 2, layerOptions), (m, x) =>
        m.forward(x, x, { memoryKeyPaddingMask: PADDING }),
      );
    } finally {
      setDefaultDevice(referenceDevice());
      await device.close();
    }
  });

test('a causal mask and one of keys can hide all keys together', async () => {
  const q = wave([1, 2, 4]);
  const attnMask = tensor([[0, 1]], { dtype: 'int32' });
  const y = nn.functional.scaledDotProductAttention(q, q, q, { attnMask, isCausal: true });
  y.sum().backward();
  assert.deepEqual([...(await y.data())].slice(0, 4), [0, 0, 0, 0]);
  assert.ok((await q.grad!.data()).every(Number.isFinite));
});

test('attention weights that are returned are NaN for such a query, as in PyTorch', async () => {
  const layer = attention();
  for (const [i, parameter] of layer.parameters().entries()) parameter.load(sines(parameter.shape, i));
  const x = wave([2, 3, 4]);
  const [y, weights] = layer.forward(x, x, x, { keyPaddingMask: PADDING });
  const wanted = CASES['with weights']!.y.map((value) => value === null);
  assert.deepEqual(Array.from(await y.data(), Number.isNaN), wanted);
  assert.deepEqual(Array.from(await weights!.select(0, 0).select(0, 0).data(), Number.isNaN), [
    false,
    false,
    false,
  ]);
  assert.ok((await weights!.data()).subarray(9).every(Number.isNaN));
});

test('attention to no keys at all is 0', async () => {
  const none = ones([1, 0, 4]);
  const y = nn.functional.scaledDotProductAttention(ones([1, 3, 4]), none, none, {
    attnMask: tensor(new Int32Array(0), { shape: [3, 0] }),
  });
  assert.deepEqual([...(await y.data())], new Array(12).fill(0));
});
