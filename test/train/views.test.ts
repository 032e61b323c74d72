import assert from 'node:assert/strict';
import test from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { type Dataset, UNREADABLE } from '../../src/data/dataset.js';
import * as transforms from '../../src/data/transforms/index.js';
import { DataError } from '../../src/errors/errors.js';
import { Flatten, Linear, Sequential } from '../../src/nn/index.js';
import { Generator } from '../../src/random.js';
import { manualSeed } from '../../src/tensor/random.js';
import { setDefaultDevice } from '../../src/tensor/realize.js';
import { tensor } from '../../src/tensor/tensor.js';
import { evaluateModel } from '../../src/train/evaluate.js';
import { tenViews } from '../../src/train/ten-crop.js';

setDefaultDevice(referenceDevice());

/** Noise of 3 × 6 × 6 with labels 0 to 6; the images of `broken` cannot be read. */
function noise(length: number, broken: readonly number[] = []): Dataset {
  const generator = new Generator(3);
  const size = 108;
  const images = Uint8Array.from({ length: length * size }, () => generator.integer(256));
  const labelOf = (i: number) => (broken.includes(i) ? UNREADABLE : i % 7);
  return {
    name: 'noise',
    length,
    classes: [...'abcdefg'],
    imageShape: [3, 6, 6],
    read(index, into, offset) {
      into.set(images.subarray(index * size, (index + 1) * size), offset);
      return labelOf(index);
    },
  };
}

const small = () => {
  manualSeed(4);
  return new Sequential(new Flatten(), new Linear(48, 7));
};

test('ten views are scored by their mean probabilities', async () => {
  const [dataset, model] = [noise(23), small()];
  const views = tenViews(transforms.toTensor(), 4, dataset.imageShape);
  const result = await evaluateModel({
    model,
    dataset,
    transform: transforms.toTensor(),
    views,
    batchSize: 5,
  });

  let [top1, top5, loss] = [0, 0, 0];
  for (let i = 0; i < dataset.length; i++) {
    const image = new Uint8Array(108);
    const label = dataset.read(i, image, 0);
    const mean = new Float64Array(7);
    for (const view of views) {
      const x = view.apply(tensor(image, { shape: [1, 3, 6, 6] }), { generator: new Generator(0) });
      const logits = [...(await model.forward(x).data())];
      const total = logits.reduce((sum, z) => sum + Math.exp(z), 0);
      for (const [c, z] of logits.entries()) mean[c]! += Math.exp(z) / total / 10;
    }
    const order = [...mean.keys()].sort((a, b) => mean[b]! - mean[a]!);
    if (order[0] === label) top1++;
    if (order.slice(0, 5).includes(label)) top5++;
    loss -= Math.log(mean[label]!);
  }
  assert.deepEqual([result.accuracy, result.top5, result.images], [(100 * top1) / 23, (100 * top5) / 23, 23]);
  assert.ok(Math.abs(result.loss - loss / 23) < 1e-5);
  const one = await evaluateModel({ model, dataset, transform: views[4]!, batchSize: 5 });
  assert.notEqual(one.loss, result.loss);
});

test('views have the model’s input size, or 7/8 of the side of smaller images', () => {
  const sizeOf = (side: number, size: number) =>
    tenViews(transforms.toTensor(), size, [3, side, side])[0]!.toString();
  assert.match(sizeOf(256, 224), /tenCrop\(224×224, top left\), toTensor/);
  assert.match(sizeOf(32, 224), /tenCrop\(28×28/);
});

test('images that cannot be read are left out of the evaluation', async () => {
  const model = small();
  const transform = transforms.compose([transforms.centerCrop(4), transforms.toTensor()]);
  const all = await evaluateModel({ model, dataset: noise(14), transform, batchSize: 4 });
  const some = await evaluateModel({ model, dataset: noise(14, [0, 5, 13]), transform, batchSize: 4 });
  assert.equal(some.images, 11);
  const lost = await Promise.all(
    [0, 5, 13].map((broken) =>
      evaluateModel({
        model,
        dataset: noise(
          14,
          [...Array(14).keys()].filter((i) => i !== broken),
        ),
        transform,
      }),
    ),
  );
  const sum = lost.reduce((total, { loss }) => total + loss, 0);
  assert.ok(Math.abs(14 * all.loss - 11 * some.loss - sum) < 1e-4);
  const views = tenViews(transforms.toTensor(), 4, [3, 6, 6]);
  assert.equal((await evaluateModel({ model, dataset: noise(14, [2]), transform, views })).images, 13);
  const none = noise(3, [0, 1, 2]);
  await assert.rejects(evaluateModel({ model, dataset: none, transform }), DataError);
});
