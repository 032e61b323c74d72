import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PaperweightError, UsageError } from '../../src/errors/errors.js';
import * as nn from '../../src/nn/index.js';
import { arange } from '../../src/tensor/create.js';
import { grad } from '../../src/tensor/grad.js';
import { manualSeed } from '../../src/tensor/random.js';
import { evaluate, type Tensor, tensor } from '../../src/tensor/tensor.js';
import '../../src/core.js';
import { assertNear } from '../support/generated.js';

const F = nn.functional;
const wave = (shape: number[]): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(1.3 * i)),
    { shape },
  );

/** A layer and the function that computes the same with the layer's own parameters. */
const PAIRS: Record<string, [layer: nn.Module, input: number[], call: (x: Tensor, m: never) => Tensor]> = {
  linear: [new nn.Linear(4, 3), [2, 5, 4], (x, m: nn.Linear) => F.linear(x, m.weight, m.bias)],
  'linear without bias': [
    new nn.Linear(4, 3, { bias: false }),
    [2, 4],
    (x, m: nn.Linear) => F.linear(x, m.weight),
  ],
  conv2d: [
    new nn.Conv2d(4, 6, 3, { stride: [2, 1], padding: 1, groups: 2 }),
    [2, 4, 7, 6],
    (x, m: nn.Conv2d) => F.conv2d(x, m.weight, m.bias, { stride: [2, 1], padding: 1, groups: 2 }),
  ],
  'conv2d that keeps the size': [
    new nn.Conv2d(2, 3, [4, 3], { padding: 'same', dilation: 2, bias: false }),
    [1, 2, 8, 9],
    (x, m: nn.Conv2d) => F.conv2d(x, m.weight, null, { padding: 'same', dilation: 2 }),
  ],
  convTranspose2d: [
    new nn.ConvTranspose2d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
    [2, 4, 3, 4],
    (x, m: nn.ConvTranspose2d) =>
      F.convTranspose2d(x, m.weight, m.bias, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
  ],
  maxPool2d: [
    new nn.MaxPool2d(3, { stride: 2, ceilMode: true }),
    [2, 3, 8, 7],
    (x) => F.maxPool2d(x, 3, { stride: 2, ceilMode: true }),
  ],
  avgPool2d: [
    new nn.AvgPool2d(2, { padding: 1, countIncludePad: false }),
    [2, 3, 8, 7],
    (x) => F.avgPool2d(x, 2, { padding: 1, countIncludePad: false }),
  ],
  adaptiveAvgPool2d: [new nn.AdaptiveAvgPool2d([2, 3]), [2, 3, 8, 7], (x) => F.adaptiveAvgPool2d(x, [2, 3])],
  layerNorm: [
    new nn.LayerNorm([3, 4], { eps: 0.1 }),
    [2, 3, 4],
    (x, { weight, bias }: nn.LayerNorm) => F.layerNorm(x, [3, 4], { weight, bias, eps: 0.1 }),
  ],
  'layerNorm without weights': [
    new nn.LayerNorm(4, { elementwiseAffine: false }),
    [2, 3, 4],
    (x) => F.layerNorm(x, 4),
  ],
};

for (const [name, [layer, shape, call]] of Object.entries(PAIRS))
  test(`${name} computes what the layer does`, async () => {
    const x = wave(shape);
    const [got, want] = await evaluate(call(x, layer as never), layer.forward(x));
    assert.deepEqual(call(x, layer as never).shape, layer.forward(x).shape);
    assertNear(got!, want!, 1e-6, name);
  });

test('weights may be computed, and are differentiated', async () => {
  const [x, w] = [wave([1, 2, 5, 5]), tensor([0.3], { requiresGrad: true })];
  const kernel = w.mul(wave([3, 2, 3, 3]));
  const scale = F.conv2d(x, wave([3, 2, 3, 3])).sum();
  const [slope] = grad(F.conv2d(x, kernel).sum(), [w]);
  const [got, want] = await evaluate(slope!, scale);
  assertNear(got!, want!, 1e-4, 'slope');
});

test('normalized vectors have length 1, cosines are those of the angle', async () => {
  const x = tensor([
    [3, 4],
    [0, 0],
  ]);
  assertNear(await F.normalize(x).data(), [0.6, 0.8, 0, 0], 1e-6, 'lengths');
  assertNear(await F.normalize(x, { p: 1, dim: -1 }).data(), [3 / 7, 4 / 7, 0, 0], 1e-6, 'sums');
  const y = tensor([
    [1, 0],
    [1, 1],
  ]);
  assertNear(await F.cosineSimilarity(x, y).data(), [0.6, 0], 1e-6, 'cosines');
  assert.deepEqual(F.cosineSimilarity(x.unsqueeze(1), y, { dim: -1 }).shape, [2, 2]);
});

test('cosines of vectors that broadcast are those of their common shape', async () => {
  const x = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  const near = async (y: Tensor, expected: readonly number[], what: string) =>
    assertNear(await y.data(), expected, 1e-6, what);
  // The numbers are PyTorch's.
  await near(F.cosineSimilarity(x, tensor([1, 2, 3])), [1, 0.9746318], 'one vector for all rows');
  await near(F.cosineSimilarity(x, tensor([[1], [2]])), [0.9258201, 0.9869275], 'one number for a vector');
  const columns = [0.8574929, 0.919145, 0.9486833];
  await near(F.cosineSimilarity(x, tensor([1, 2, 3]), { dim: 0 }), columns, 'one row for all');
  await near(F.cosineSimilarity(x.unsqueeze(1), x), [...columns, ...columns], 'dim 1 of the common shape');
  await near(F.cosineSimilarity(x.unsqueeze(1), x, { dim: 2 }), [1, 0.9746318, 0.9746318, 1], 'all pairs');
  await near(F.cosineSimilarity(tensor(2), tensor(-3), { dim: 0 }), [-1], 'numbers');
  assert.throws(() => F.cosineSimilarity(x, x, { dim: 2 }), /cosineSimilarity.*axis in \[-2, 1\]/);
});

test('circular padding goes around what is left after cutting off', async () => {
  const x = arange(4).toFloat();
  assert.deepEqual([...(await F.pad(x, [-1, 2], { mode: 'circular' }).data())], [1, 2, 3, 1, 2]);
  assert.deepEqual([...(await F.pad(x, [2, -1], { mode: 'circular' }).data())], [1, 2, 0, 1, 2]);
  assert.throws(() => F.pad(x, [-3, 2], { mode: 'circular' }), /at most 1 positions/);
});

test('fold leaves out patches that lie in the padding', async () => {
  const patch = arange(3).toFloat().reshape(1, 3, 1);
  const image = F.fold(patch, [1, 1], [3, 1], { padding: [2, 0], dilation: [2, 1] });
  assert.deepEqual([...(await image.data())], [1]);
});

test('dropout is a function of the seed, and nothing outside of training', async () => {
  const x = wave([50]);
  assert.equal(F.dropout(x, 0.5, false), x);
  const draw = () => {
    manualSeed(3);
    return F.dropout(x, 0.25).data();
  };
  const [first, second, input] = [await draw(), await draw(), await x.data()];
  assert.deepEqual(first, second);
  first.forEach((value, i) => {
    if (value !== 0) assert.ok(Math.abs(value - input[i]! / 0.75) < 1e-6);
  });
  assert.ok(first.filter((value) => value === 0).length > 3);
});

test('wrong arguments are errors that name the function', () => {
  const x = wave([1, 2, 5, 5]);
  const wrong: Record<string, () => unknown> = {
    conv2d: () => F.conv2d(x, wave([3, 3, 3, 3])),
    'conv2d ': () => F.conv2d(x, wave([3, 2, 3])),
    'conv2d  ': () => F.conv2d(x, wave([3, 2, 3, 3]), null, { padding_mode: 'zeros' } as never),
    'conv2d   ': () => F.conv2d(x, 3 as never),
    convTranspose2d: () => F.convTranspose2d(x, wave([3, 2, 3, 3])),
    linear: () => F.linear(x, wave([3, 4])),
    'linear ': () => F.linear(x, undefined as never),
    layerNorm: () => F.layerNorm(x, 4),
    'layerNorm ': () => F.layerNorm(x, [] as never),
    dropout: () => F.dropout(x, 1),
    'dropout ': () => F.dropout(x, 0.5, 'yes' as never),
    normalize: () => F.normalize(x, { axis: 1 } as never),
    cosineSimilarity: () => F.cosineSimilarity(x, 1 as never),
  };
  for (const [name, run] of Object.entries(wrong))
    assert.throws(run, (e) => e instanceof PaperweightError && e.message.includes(name.trim()), name);
  assert.throws(() => F.normalize(x, { dim: 4 }), PaperweightError);
  assert.throws(() => F.normalize(x, { eps: -1 }), UsageError);
});

test('softplus takes beta and threshold, as the layer', async () => {
  // PyTorch: F.softplus(torch.tensor([-1., 0., 0.5, 1., 2.]), beta=2, threshold=1.5)
  const wanted = [0.06346401, 0.34657359, 0.65663081, 1, 2];
  const y = await nn.functional.softplus(tensor([-1, 0, 0.5, 1, 2]), 2, 1.5).data();
  for (const [i, value] of wanted.entries()) assert.ok(Math.abs(y[i]! - value) < 1e-6, `${y[i]}`);
  assert.throws(() => nn.functional.softplus(tensor([1]), 0), /softplus got a bad beta/);
});
