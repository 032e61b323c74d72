import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDevice } from '../../src/backend/open.js';
import { sampleOf } from '../../src/data/stratified-sample.js';
import { Conv2d, Flatten, Linear, ReLU, Sequential } from '../../src/nn/index.js';
import { Generator } from '../../src/random.js';
import { measure } from '../../src/report/evaluate-sample.js';
import { manualSeed } from '../../src/tensor/random.js';
import { tensor } from '../../src/tensor/tensor.js';
import { ToySet, toyTransform } from '../support/toy.js';

test('measurements on batches agree with single images', async (t) => {
  const { device } = await openDevice('reference');
  t.after(() => device.close());
  manualSeed(3);
  const hidden = new Sequential(
    new Conv2d(3, 4, 3),
    new ReLU(),
    new Flatten(),
    new Linear(144, 12),
    new ReLU(),
  );
  const model = await new Sequential(hidden, new Linear(12, 10)).to(device);
  const set = new ToySet(25, 2);
  const limit = 22;
  const heard: number[] = [];
  const found = await measure({
    model,
    dataset: set,
    transform: toyTransform,
    limit,
    batchSize: 8,
    onProgress: (images) => heard.push(images),
  });
  assert.deepEqual(heard, [8, 16, 22]);
  assert.equal(model.training, true);

  const vectors: number[][] = [];
  const labels: number[] = [];
  const counts = set.classes.map(() => set.classes.map(() => 0));
  model.eval();
  const sample = sampleOf(set, limit);
  for (let i = 0; i < limit; i++) {
    const bytes = new Uint8Array(192);
    const label = sample.read(i, bytes, 0);
    const input = toyTransform.apply(tensor(bytes, { shape: [1, 3, 8, 8] }), { generator: new Generator(0) });
    const features = hidden.forward(input);
    vectors.push([...(await features.data())]);
    labels.push(label);
    const odds = [...(await model.forward(input).softmax().data())];
    counts[label]![odds.indexOf(Math.max(...odds))]!++;
    if (i >= 8) continue;
    const { top, label: shown, image } = found.examples[i]!;
    assert.equal(shown, set.classes[label]);
    assert.equal(top.length, 5);
    assert.equal(top[0]!.label, set.classes[odds.indexOf(Math.max(...odds))]);
    assert.ok(Math.abs(top[0]!.probability - Math.max(...odds)) < 1e-6);
    // Planes became pixels.
    assert.deepEqual([...image.rgb.subarray(3, 6)], [bytes[1], bytes[65], bytes[129]]);
  }
  assert.deepEqual(found.counts, counts);
  assert.equal(found.images, limit);
  const right = counts.reduce((sum, row, c) => sum + row[c]!, 0);
  assert.equal(found.accuracy, (100 * right) / limit);

  assert.equal(found.neighbours.length, 5);
  for (const [q, { nearest, label }] of found.neighbours.entries()) {
    const order = vectors
      .map((vector, i) => ({ i, d: Math.hypot(...vector.map((v, k) => v - vectors[q]![k]!)) }))
      .filter(({ i }) => i !== q)
      .sort((a, b) => a.d - b.d)
      .slice(0, 6);
    assert.equal(label, set.classes[labels[q]!]);
    assert.deepEqual(
      nearest.map((one) => one.label),
      order.map(({ i }) => set.classes[labels[i]!]),
    );
    for (const [k, { distance }] of nearest.entries()) assert.ok(Math.abs(distance - order[k]!.d) < 1e-5);
  }
});

test('a model without hidden layers has no neighbours', async (t) => {
  const { device } = await openDevice('reference');
  t.after(() => device.close());
  const model = await new Sequential(new Conv2d(3, 10, 8), new Flatten()).to(device);
  const { neighbours, images } = await measure({
    model,
    dataset: new ToySet(4),
    transform: toyTransform,
    limit: 100,
  });
  assert.deepEqual([neighbours, images], [[], 4]);
});
