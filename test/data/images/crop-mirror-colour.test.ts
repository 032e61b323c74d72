import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { cropMirrorColour } from '../../../src/data/images/crop-mirror-colour.js';
import { ImageSums } from '../../../src/data/images/image-sums.js';
import * as transforms from '../../../src/data/transforms/index.js';
import { UsageError } from '../../../src/errors/errors.js';
import { buildGraph } from '../../../src/graph/graph.js';
import { Generator } from '../../../src/random.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import { tensor, zeros } from '../../../src/tensor/tensor.js';
import { imageFixture } from '../../support/images.js';

setDefaultDevice(referenceDevice());

const context = (seed = 0) => ({ generator: new Generator(seed) });
const says = (make: () => unknown, text: RegExp) =>
  assert.throws(make, (error) => error instanceof UsageError && text.test(error.message));

describe('tenCrop', () => {
  const { input, size, views } = imageFixture.tenCrop;
  const twice = tensor(Uint8Array.from([...input.data, ...input.data]), { shape: [2, ...input.shape] });

  it("gives torchvision's ten views, in its order", async () => {
    const made = transforms.tenCrop(size);
    assert.equal(made.length, 10);
    for (const [i, view] of made.entries())
      assert.deepEqual(
        [...(await view.apply(twice, context()).data())],
        [...views[i]!, ...views[i]!],
        `${view}`,
      );
  });

  it('keeps one plan for all views', () => {
    const keys = transforms
      .tenCrop(size)
      .map((view) => buildGraph([view.apply(twice, context()).node], []).key);
    assert.equal(new Set(keys).size, 1);
  });
});

describe('subtractMean', () => {
  it('takes the mean from each image, pixel by pixel, and crops keep the pairs together', async () => {
    const image = Uint8Array.from({ length: 2 * 3 * 16 }, (_, i) => (i * 37) % 256);
    const mean = Float32Array.from({ length: 48 }, (_, i) => i + 0.25);
    const batch = tensor(image, { shape: [2, 3, 4, 4] });
    const minus = transforms.subtractMean(mean, [3, 4, 4]);
    const all = await minus.apply(batch, context()).data();
    for (const [i, value] of all.entries()) assert.equal(value, image[i]! - mean[i % 48]!);
    const crop = transforms.compose([minus, transforms.centerCrop(2)]);
    const middle = await crop.apply(batch, context()).data();
    assert.deepEqual(
      [...middle.slice(0, 4)],
      [5, 6, 9, 10].map((i) => image[i]! - mean[i]!),
    );
  });

  it('rejects wrong arguments', () => {
    const minus = transforms.subtractMean(new Float32Array(48), [3, 4, 4]);
    says(() => minus.apply(zeros([1, 3, 5, 4], 'uint8'), context()), /same size.*\[1, 3, 5, 4\]/);
    const scaled = transforms.compose([transforms.toTensor(), minus]);
    says(() => scaled.apply(zeros([1, 3, 4, 4], 'uint8'), context()), /images of bytes/);
    says(() => transforms.subtractMean(new Float32Array(47), [3, 4, 4]), /bad image/);
    says(() => transforms.subtractMean(new Float32Array(3).fill(Number.NaN), [3, 1, 1]), /bad image/);
    const after = transforms.compose([minus, transforms.normalize([0, 0, 0], [1, 1, 1])]);
    says(() => after.apply(zeros([1, 3, 4, 4], 'uint8'), context()), /minus their mean/);
  });
});

describe('colourShift', () => {
  const colours = {
    eigenvalues: [0.2, 0.02],
    eigenvectors: [
      [0.6, 0.8],
      [0.8, -0.6],
    ],
  };

  it('moves a whole image along the components, as far as eigenvalue and factor say', async () => {
    const n = 3;
    const shift = transforms.colourShift(colours);
    const batch = zeros([n, 2, 2, 2], 'uint8');
    const moved = await shift.apply(batch, context(5)).data();
    const { generator } = context(5);
    for (let i = 0; i < n; i++) {
      const [a, b] = [generator.normal(0, 0.1), generator.normal(0, 0.1)];
      const want = [0, 1].map(
        (c) => 255 * (a * 0.2 * colours.eigenvectors[0]![c]! + b * 0.02 * colours.eigenvectors[1]![c]!),
      );
      for (let at = 0; at < 8; at++)
        assert.ok(Math.abs(moved[8 * i + at]! - want[at < 4 ? 0 : 1]!) < 1e-5, `${moved[8 * i + at]}`);
    }
    assert.notDeepEqual(await shift.apply(batch, context(6)).data(), moved);
  });

  it('has the spread of the paper', async () => {
    const n = 4000;
    const moved = await transforms
      .colourShift(colours)
      .apply(zeros([n, 2, 1, 1], 'uint8'), context())
      .data();
    let sum = 0;
    for (let i = 0; i < n; i++) sum += (0.6 * moved[2 * i]! + 0.8 * moved[2 * i + 1]!) ** 2;
    const spread = Math.sqrt(sum / n);
    assert.ok(Math.abs(spread / (255 * 0.1 * 0.2) - 1) < 0.05, `${spread}`);
  });

  it('fits the scale of the images', async () => {
    const run = async (...before: transforms.Transform[]) =>
      transforms
        .compose([...before, transforms.colourShift(colours)])
        .apply(zeros([1, 2, 1, 1], 'uint8'), context())
        .data();
    const [bytes, unit] = [await run(), await run(transforms.toTensor())];
    for (const c of [0, 1]) assert.ok(Math.abs(bytes[c]! / 255 - unit[c]!) < 1e-6);
    assert.deepEqual(await run(transforms.subtractMean(new Float32Array(2), [2, 1, 1])), bytes);
    await assert.rejects(
      run(transforms.toTensor(), transforms.normalize([0, 0], [1, 1])),
      /before normalize/,
    );
  });

  it('rejects wrong arguments', () => {
    says(() => transforms.colourShift({ eigenvalues: [1], eigenvectors: [] }), /bad components/);
    says(() => transforms.colourShift({ ...colours, std: -1 }), /bad components/);
    says(
      () => transforms.colourShift(colours).apply(zeros([1, 3, 1, 1], 'uint8'), context()),
      /\[N, 2, H, W\]/,
    );
  });
});

describe('cropMirrorColour', () => {
  const sums = new ImageSums([3, 8, 8]);
  const images = Uint8Array.from({ length: 4 * 192 }, (_, i) => (i * i * 31) % 256);
  for (let i = 0; i < 4; i++) sums.add(images.subarray(192 * i, 192 * (i + 1)));
  const batch = tensor(images, { shape: [4, 3, 8, 8] });
  const { train, test, views } = cropMirrorColour(sums.result(), 6);

  it('cut the same window from image and mean, mirror it, and shift each channel as a whole', async () => {
    const { mean } = sums.result();
    const x = await train.apply(batch, context(8)).data();
    assert.equal(x.length, 4 * 3 * 36);
    const centred = (n: number, c: number, row: number, column: number) =>
      images[((n * 3 + c) * 8 + row) * 8 + column]! - mean[(c * 8 + row) * 8 + column]!;
    for (let n = 0; n < 4; n++) {
      // Some window, mirrored or not, leaves nothing but one shift a channel.
      const fits = [0, 1, 2].some((top) =>
        [0, 1, 2].some((left) =>
          [false, true].some((mirrored) =>
            [0, 1, 2].every((c) => {
              const off = Array.from({ length: 36 }, (_, i) => {
                const [row, column] = [Math.floor(i / 6), i % 6];
                const from = mirrored ? 5 - column : column;
                return x[(n * 3 + c) * 36 + i]! - centred(n, c, top + row, left + from);
              });
              return Math.max(...off) - Math.min(...off) < 1e-3;
            }),
          ),
        ),
      );
      assert.ok(fits, `image ${n}`);
    }
    assert.deepEqual(await train.apply(batch, context(8)).data(), x);
  });

  it('take the middle for the test, which is the fifth of the ten views', async () => {
    assert.equal(views.length, 10);
    assert.deepEqual(
      await views[4]!.apply(batch, context()).data(),
      await test.apply(batch, context()).data(),
    );
  });
});
