import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import sharp from 'sharp';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { ShapeError, UsageError } from '../../src/errors/errors.js';
import { manualSeed } from '../../src/index.js';
import { Classifier } from '../../src/papers/classifier.js';
import { buildModel } from '../../src/papers/paper.js';
import { openPaper } from '../../src/papers/registry.js';
import { Generator } from '../../src/random.js';
import { saveWeights } from '../../src/run/checkpoint.js';
import { scratch } from '../support/toy.js';

/** An image of noise. */
function noise(side: number, seed: number) {
  const generator = new Generator(seed);
  return { side, data: Uint8Array.from({ length: 3 * side * side }, () => generator.integer(256)) };
}

test('images of any size are classified in one batch, prepared as in training', async (t) => {
  const file = join(await scratch(t), 'net.safetensors');
  const paper = await openPaper('alexnet');
  manualSeed(3);
  const classes = ['a', 'b', 'c'];
  const shared = { paper: 'alexnet', classes, imageSize: 32, dropout: 0, init: 'kaiming' };
  await saveWeights(file, buildModel(paper, { ...shared, preset: 'four-layer' }));
  const device = referenceDevice();
  const classifier = await Classifier.open(file, { device, classes });
  assert.equal(classifier.imageSize, 32);
  assert.match(classifier.notes.join('\n'), /four-layer/);

  // Two that are sent to the threads in turns of their own.
  const large = { side: 1700, data: Uint8Array.from({ length: 3 * 1700 ** 2 }, (_, i) => i >> 12) };
  const images = [noise(32, 1), noise(20, 2), large, large, noise(50, 3)];
  const together = await classifier.classify(images, { top: 3 });
  for (const [i, { data, side }] of images.entries()) {
    // The same pixels as a file.
    const pixels = data.map((_, at) => data[(at % 3) * side * side + Math.floor(at / 3)]!);
    const png = await sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
      .png()
      .toBuffer();
    assert.deepEqual(await classifier.classify([await classifier.decode(png)], { top: 3 }), [together[i]]);
    assert.ok(together[i]![0]!.probability >= together[i]![2]!.probability);
  }
  assert.notDeepEqual(together[0], together[1]);

  for (const before of [[], [large, large]])
    await assert.rejects(classifier.classify([...before, { side: 3, data: new Uint8Array(5) }]), ShapeError);
  await assert.rejects(classifier.classify(images, { top: 0 }), UsageError);
  assert.deepEqual(await classifier.classify([]), []);
});

test('NaN in weights and in predictions is refused', async (t) => {
  const folder = await scratch(t);
  const paper = await openPaper('alexnet');
  const classes = ['a', 'b', 'c'];
  const shared = { paper: 'alexnet', classes, imageSize: 32, dropout: 0, init: 'kaiming' };
  const device = referenceDevice();
  for (const [bad, says] of [
    [Number.NaN, /net\.safetensors contain NaN.*NaN in 1 value of features\.0\.weight/],
    // Infinite weights are numbers, but the answer is infinity minus infinity.
    [Number.POSITIVE_INFINITY, /computes NaN for an image/],
  ] as const) {
    const file = join(folder, 'net.safetensors');
    const model = buildModel(paper, { ...shared, preset: 'four-layer' });
    const [weight] = model.parameters();
    const values = (await weight!.data()).slice();
    values[0] = bad;
    weight!.load(values);
    await saveWeights(file, model);
    await assert.rejects(async () => {
      const classifier = await Classifier.open(file, { device, classes });
      await classifier.classify([noise(32, 1)]);
    }, says);
  }
});
