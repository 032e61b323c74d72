import assert from 'node:assert/strict';
import { test } from 'node:test';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { UsageError } from '../../../src/errors/errors.js';
import * as nn from '../../../src/nn/index.js';
import { arange } from '../../../src/tensor/create.js';
import { cat, where } from '../../../src/tensor/functions.js';
import { manualSeed } from '../../../src/tensor/random.js';
import { ones, type Tensor, tensor } from '../../../src/tensor/tensor.js';
import '../../../src/core.js';
import { assertNear } from '../../support/generated.js';

const { scaledDotProductAttention } = nn.functional;
const wave = (shape: number[]): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i)),
    { shape },
  );
const ints = (rows: number[][]): Tensor => tensor(rows, { dtype: 'int32' });

test('a comparison hides keys as integers do', async () => {
  manualSeed(1);
  const layer = new nn.MultiheadAttention(4, 2, { batchFirst: true });
  const x = wave([2, 3, 4]);
  const ids = ints([
    [5, 3, 0],
    [2, 0, 0],
  ]);
  const result = (mask: Tensor) => layer.forward(x, x, x, { keyPaddingMask: mask })[0].data();
  const want = await result(
    ints([
      [0, 0, 1],
      [0, 1, 1],
    ]),
  );
  const lengths = ints([[2], [1]]);
  const places = arange(3).unsqueeze(0);
  const masks: Record<string, Tensor> = {
    equal: ids.eq(0),
    'not equal, negated': ids.ne(0).neg().add(1),
    'not equal, from one': ones([]).sub(ids.ne(0)),
    'at least': places.ge(lengths),
    'less, negated': places.lt(lengths).mul(-1).add(1),
    joined: ids.eq(0).maximum(places.ge(lengths)).mul(ids.eq(0)),
    'another shape': ids.eq(0).reshape(3, 2).flatten().unflatten(0, [2, 3]),
    chosen: where(ids.gt(1), 0, 1),
    'a copy on a device': await ids.eq(0).to(referenceDevice()),
    'a part of a copy': (await ids.eq(0).to(referenceDevice())).reshape(2, 3).mul(1),
    rows: cat([ids.slice(0, 0, 1).eq(0), ids.slice(0, 1).eq(0)]),
  };
  for (const [name, mask] of Object.entries(masks)) assertNear(await result(mask), want, 1e-6, name);
});

test('a comparison limits the attention of each query', async () => {
  manualSeed(2);
  const layer = new nn.MultiheadAttention(4, 2);
  const x = wave([3, 2, 4]);
  const later = ones([3, 3]).triu(1).eq(1);
  const causal = await layer.forward(x, x, x, { isCausal: true })[0].data();
  assertNear(await layer.forward(x, x, x, { attnMask: later })[0].data(), causal, 1e-6, 'MultiheadAttention');
  const encoder = new nn.TransformerEncoderLayer(4, 2, { dropout: 0, dimFeedforward: 8 });
  assertNear(
    await encoder.forward(x, { mask: later }).data(),
    await encoder.forward(x, { isCausal: true }).data(),
    1e-6,
    'TransformerEncoderLayer',
  );
  const q = wave([2, 3, 4]);
  const allowed = ones([3, 3]).tril().eq(1);
  assertNear(
    await scaledDotProductAttention(q, q, q, { attnMask: allowed }).data(),
    await scaledDotProductAttention(q, q, q, { isCausal: true }).data(),
    1e-6,
    'scaledDotProductAttention',
  );
});

test('other floats are added; floats of 0 and 1 are refused', async () => {
  const q = wave([3, 4]);
  const bias = tensor([
    [0, 1.5, 0],
    [0, 0, -2],
    [1, 0, 0],
  ]);
  const scores = q.matmul(q.transpose(0, 1)).div(2).add(bias);
  const want = await scores.softmax(-1).matmul(q).data();
  assertNear(await scaledDotProductAttention(q, q, q, { attnMask: bias }).data(), want, 1e-6, 'added');
  const product = ones([3, 3]).mul(0.5).add(0.5);
  await scaledDotProductAttention(q, q, q, { attnMask: product }).data();
  const layer = new nn.MultiheadAttention(4, 2);
  const refused = (run: () => unknown) =>
    assert.throws(
      run,
      (e) => e instanceof UsageError && /all 0 or 1/.test(e.message) && /eq\(1\)/.test(e.message),
    );
  const yes = tensor([
    [1, 0, 0],
    [1, 1, 0],
    [1, 1, 1],
  ]);
  refused(() => scaledDotProductAttention(q, q, q, { attnMask: yes }));
  refused(() => layer.forward(q, q, q, { attnMask: yes }));
  refused(() => layer.forward(q, q, q, { keyPaddingMask: tensor([0, 0, 1]) }));
});
