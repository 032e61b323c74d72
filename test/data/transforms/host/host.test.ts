import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { referenceDevice } from '../../../../src/backend/reference/index.js';
import { DataLoader } from '../../../../src/data/loader.js';
import { Shapes10 } from '../../../../src/data/shapes10/shapes10.js';
import { affine, rotate } from '../../../../src/data/transforms/host/affine.js';
import { gaussianBlurred } from '../../../../src/data/transforms/host/blur.js';
import * as colours from '../../../../src/data/transforms/host/colours.js';
import type { HostImage, ImageTransform } from '../../../../src/data/transforms/host/image.js';
import { resizedCrop } from '../../../../src/data/transforms/host/resample.js';
import * as transforms from '../../../../src/data/transforms/index.js';
import { UsageError } from '../../../../src/errors/errors.js';
import { Generator } from '../../../../src/random.js';
import { setDefaultDevice } from '../../../../src/tensor/realize.js';
import { tensor } from '../../../../src/tensor/tensor.js';

setDefaultDevice(referenceDevice());

interface Case {
  name: string;
  args: unknown[];
  dtype: 'uint8' | 'float32';
  input: { shape: [number, number, number]; data: number[] };
  output: { shape: [number, number, number]; data: number[] };
}
const FIXTURE = new URL('../../../../../test/fixtures/image-transforms.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(FIXTURE, 'utf8')) as { cases: Case[] };

const imageOf = ({ dtype, input: { shape, data } }: Case): HostImage => {
  const [channels, height, width] = shape;
  const values = dtype === 'uint8' ? Uint8Array.from(data) : Float32Array.from(data);
  return { data: values, channels, height, width };
};

const degrees = (slope: number): number => (Math.atan(slope) * 180) / Math.PI;
const AFFINE = {
  'shear x': (w: number, h: number) => ({ shear: [degrees(0.27), 0], centre: [-w / 2, -h / 2] }) as const,
  'shear y': (w: number, h: number) => ({ shear: [0, degrees(-0.2)], centre: [-w / 2, -h / 2] }) as const,
  translate: () => ({ translate: [2, -1] }) as const,
};
const RUN: Record<string, (image: HostImage, ...args: never[]) => HostImage> = {
  brightness: colours.adjustBrightness,
  contrast: colours.adjustContrast,
  saturation: colours.adjustSaturation,
  sharpness: colours.adjustSharpness,
  hue: colours.adjustHue,
  grey: colours.toGrey,
  rotate,
  affine: (image, which: keyof typeof AFFINE) => affine(image, AFFINE[which](image.width, image.height)),
  blur: gaussianBlurred,
  crop: resizedCrop,
  autocontrast: colours.autoContrast,
  posterize: colours.posterize,
  solarize: colours.solarize,
  equalize: colours.equalize,
};
/**
 * Share of bytes that may be off by one, because torchvision computes with fixed-point weights. In the crops, whose weights
 * are simple fractions, many sums lie near a half.
 */
const offByOne = (name: string): number => (name === 'crop' ? 0.2 : 0.1);
/** Pixels that are moved as a whole: the same ones, but for ties that float32 rounds in another way. */
const MOVED = new Set(['rotate', 'affine']);

describe('transforms of single images', () => {
  for (const [i, one] of cases.entries())
    it(`${one.name} gives torchvision's values (${one.dtype}, case ${i})`, () => {
      const { data, channels, height, width } = RUN[one.name]!(imageOf(one), ...(one.args as never[]));
      assert.deepEqual([channels, height, width], one.output.shape);
      const differences = one.output.data.map((value, k) => Math.abs(value - data[k]!));
      const far = differences.filter((d) => d > (one.dtype === 'uint8' ? 1 : 2e-5)).length;
      assert.ok(far <= (MOVED.has(one.name) ? 0.02 * data.length : 0), `${far} of ${data.length} differ`);
      const off = differences.filter((d) => d > 0).length;
      if (one.dtype === 'uint8')
        assert.ok(off <= offByOne(one.name) * data.length, `${off} of ${data.length} are off by one`);
    });

  const image: HostImage = {
    data: Uint8Array.from({ length: 3 * 16 * 16 }, (_, i) => i % 251),
    channels: 3,
    height: 16,
    width: 16,
  };
  const made: ImageTransform[] = [
    transforms.randomResizedCrop(8),
    transforms.randomResizedCrop([8, 6], { scale: [0.5, 1], ratio: [1, 1] }),
    transforms.colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }),
    transforms.randomErasing({ p: 1, value: 'random' }),
    transforms.randomErasing({ p: 1, value: [1, 2, 3] }),
    transforms.randomRotation(30, { fill: 7 }),
    transforms.randAugment(),
    transforms.randomVerticalFlip(),
    transforms.grayscale(3),
    transforms.randomGrayscale(0.5),
    transforms.gaussianBlur(3),
  ];
  for (const one of made)
    it(`${one} is a function of the image and of the generator, and changes neither bytes nor floats in place`, () => {
      const before = image.data.slice();
      const results = Array.from({ length: 20 }, (_, seed) => one.image(image, new Generator(seed)));
      assert.deepEqual(image.data, before);
      for (const [seed, result] of results.entries())
        assert.deepEqual(one.image(image, new Generator(seed)), result);
      if (one.name !== 'grayscale')
        assert.ok(new Set(results.map(({ data }) => data.join())).size > 1, 'always the same');
      if (one.name === 'randAugment') return;
      const floats = { ...image, data: Float32Array.from(image.data, (value) => value / 255) };
      assert.ok(one.image(floats, new Generator(1)).data instanceof Float32Array);
    });

  it('erase as large a rectangle as they say, as often as they say', () => {
    const erase = transforms.randomErasing({ p: 0.25, scale: [0.1, 0.2], value: 255 });
    const black = { ...image, data: new Uint8Array(image.data.length) };
    let times = 0;
    for (let seed = 0; seed < 2000; seed++) {
      const { data } = erase.image(black, new Generator(seed));
      const area = data.filter((value) => value === 255).length / 3 / 256;
      if (area === 0) continue;
      times++;
      assert.ok(area > 0.06 && area < 0.25, `${area}`);
    }
    assert.ok(Math.abs(times - 500) < 70, `${times}`);
  });

  it('run in a loader with the same results in any number of threads, and after a resume', async () => {
    const set = await Shapes10.open({ train: true, length: 20 });
    const transform = transforms.compose([
      transforms.compose([transforms.randomResizedCrop(16), transforms.randAugment()]),
      transforms.randomHorizontalFlip(),
      transforms.toTensor(),
    ]);
    const batches = async (workers: number, start = 0, epoch = 1, ranks: object = {}) => {
      const loader = new DataLoader(set, {
        batchSize: 6,
        shuffle: true,
        seed: 4,
        transform,
        workers,
        ...ranks,
      });
      const found: string[] = [];
      for await (const batch of loader.batches(epoch, start)) {
        const [inputs] = loader.tensors(batch, epoch);
        assert.deepEqual(inputs.shape.slice(1), [3, 16, 16]);
        found.push((await inputs.data()).join());
      }
      return found;
    };
    const here = await batches(0);
    assert.deepEqual(await batches(2), here);
    assert.deepEqual(await batches(0, 2), here.slice(2));
    assert.notDeepEqual(await batches(0, 0, 2), here);
    const [first, second] = [
      await batches(0, 0, 1, { ranks: 2, rank: 0 }),
      await batches(0, 0, 1, { ranks: 2, rank: 1 }),
    ];
    assert.deepEqual(
      first.map((part, i) => `${part},${second[i]}`),
      here,
    );
  });

  it('apply to a batch in memory, and to no other', async () => {
    const batch = tensor(image.data as Uint8Array, { shape: [1, 3, 16, 16] });
    const context = { generator: new Generator(3) };
    const flipped = transforms.randomVerticalFlip(1).apply(batch, context);
    assert.deepEqual((await flipped.data()).slice(0, 16), image.data.slice(15 * 16, 16 * 16));
    assert.throws(
      () => transforms.grayscale().apply(transforms.toTensor().apply(batch, context), context),
      /put grayscale before resize, toTensor/,
    );
  });

  it('refuse what does not fit', () => {
    const refused: readonly (() => unknown)[] = [
      () => transforms.randomResizedCrop(0),
      () => transforms.randomResizedCrop(8, { scale: [0.5, 2] }),
      () => transforms.randomResizedCrop(8, { ratio: [2, 1] }),
      () => transforms.colorJitter({ hue: 0.6 }),
      () => transforms.colorJitter({ brightness: -1 }),
      () => transforms.randomErasing({ p: 2 }),
      () => transforms.randomErasing({ value: Number.NaN }),
      () => transforms.randomRotation(-5),
      () => transforms.randomVerticalFlip('0.5' as never),
      () => transforms.grayscale(2 as never),
      () => transforms.gaussianBlur(4),
      () => transforms.gaussianBlur(3, 0),
      () => transforms.randAugment({ magnitude: 31 }),
      () => transforms.randAugment({ numOps: 1.5 }),
      () => transforms.randomErasing({ p: 1, value: [1, 2] }).image(image, new Generator(0)),
      () =>
        transforms
          .randAugment()
          .image({ ...image, data: new Float32Array(image.data.length) }, new Generator(0)),
    ];
    for (const one of refused) assert.throws(one, UsageError, String(one));
  });
});
