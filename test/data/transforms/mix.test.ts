import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { cutMix, mixUp } from '../../../src/data/transforms/index.js';
import { Generator } from '../../../src/random.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import { full, tensor } from '../../../src/tensor/tensor.js';

setDefaultDevice(referenceDevice());

/** Image i is i + 1 everywhere, with label i. */
const images = tensor(
  Float32Array.from({ length: 3 * 64 }, (_, i) => 1 + Math.floor(i / 64)),
  { shape: [3, 1, 8, 8] },
);
const labels = tensor(Int32Array.of(0, 1, 2));

describe('mixing of images', () => {
  it('mixUp adds the image before each, by the share of their labels', async () => {
    const shares: number[] = [];
    for (let seed = 0; seed < 400; seed++) {
      const [x, y] = mixUp({ numClasses: 4 }).apply(images, labels, { generator: new Generator(seed) });
      const [pixels, share] = [await x.data(), await y.data()];
      const own = share[0]!;
      shares.push(own);
      const expected = [own, 0, 1 - own, 0, 1 - own, own, 0, 0, 0, 1 - own, own, 0];
      for (const [i, value] of expected.entries()) assert.ok(Math.abs(value - share[i]!) < 1e-6);
      for (const [i, [one, before]] of [
        [1, 3],
        [2, 1],
        [3, 2],
      ].entries())
        assert.ok(Math.abs(pixels[64 * i]! - (own * one! + (1 - own) * before!)) < 1e-5);
    }
    const mean = shares.reduce((a, b) => a + b, 0) / shares.length;
    assert.ok(Math.abs(mean - 0.5) < 0.06, `${mean}`);
    assert.ok(Math.abs(shares.filter((share) => share < 0.25).length - 100) < 35, 'uniform for alpha 1');
  });

  it('cutMix takes a rectangle of the image before each, by the share of their labels', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const [x, y] = cutMix({ numClasses: 3, alpha: 0.5 }).apply(images, labels, {
        generator: new Generator(seed),
      });
      const [pixels, share] = [await x.data(), await y.data()];
      const own = pixels.slice(0, 64).filter((value) => value === 1).length;
      assert.equal(pixels.slice(0, 64).filter((value) => value === 3).length, 64 - own);
      assert.ok(Math.abs(share[0]! - own / 64) < 1e-6 && Math.abs(share[2]! - (1 - own / 64)) < 1e-6);
    }
  });

  it('take shares of classes as labels, and refuse what does not fit', () => {
    const context = { generator: new Generator(0) };
    const mix = mixUp({ numClasses: 3 });
    assert.deepEqual(mix.apply(images, full([3, 3], 1 / 3), context)[1].shape, [3, 3]);
    assert.throws(() => mix.apply(images, full([3, 2], 1), context), /int32 \[3\], or floats \[3, 3\]/);
    assert.throws(
      () => mix.apply(tensor(new Uint8Array(64), { shape: [1, 1, 8, 8] }), labels, context),
      /mixes floats/,
    );
    assert.throws(() => mixUp({ numClasses: 3, alpha: 0 }), /alpha/);
    assert.throws(() => cutMix({ numClasses: 0 }), /numClasses/);
  });
});
