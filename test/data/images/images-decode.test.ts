import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { decodeSquare } from '../../../src/data/images/decode.js';
import { jpegHeader } from '../../../src/data/images/formats/jpeg-header.js';
import { openTurboJpeg } from '../../../src/data/images/formats/turbojpeg.js';
import { shrinkPlain } from '../../../src/data/images/shrink/plain.js';
import {
  roomForPixels,
  type Size,
  scalingOf,
  shrinkToSquare,
} from '../../../src/data/images/shrink/shrink.js';
import { centred } from '../../../src/data/transforms/centre.js';
import { DataError } from '../../../src/errors/errors.js';
import { Generator } from '../../../src/random.js';
import { drawImage, encoder } from '../../support/draw-images.js';
import { fileCases, fileFixture, imageCases, imageFixture } from '../../support/images.js';

const drawn = async (width: number, height: number) => encoder(await drawImage(3, 1, { width, height }));

/** What `shrinkToSquare` is for, in float64: each pass rounds to bytes once. */
function shrinkExactly(pixels: Int32Array, { width, height }: Size, side: number, planes: Uint8Array): void {
  const shorter = Math.min(width, height);
  const weights = (from: number): number[][] => {
    const to = Math.trunc((side * from) / shorter);
    const [scale, first] = [from / to, centred(to, side)];
    const support = Math.max(1, scale);
    return Array.from({ length: side }, (_, i) => {
      const centre = (first + i + 0.5) * scale;
      const row = Array.from({ length: from }, (_, k) =>
        Math.max(0, 1 - Math.abs((k + 0.5 - centre) / support)),
      );
      const sum = row.reduce((a, b) => a + b);
      return row.map((weight) => weight / sum);
    });
  };
  const dot = (row: readonly number[], value: (k: number) => number): number =>
    Math.round(row.reduce((sum, weight, k) => sum + (weight > 0 ? weight * value(k) : 0), 0));
  const [down, across] = [weights(height), weights(width)];
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < side; y++) {
      const line = Array.from({ length: width }, (_, x) =>
        dot(down[y]!, (k) => (pixels[k * width + x]! >> (8 * c)) & 255),
      );
      for (let x = 0; x < side; x++) planes[(c * side + y) * side + x] = dot(across[x]!, (k) => line[k]!);
    }
}

describe('decodeSquare', () => {
  for (const { name, file, square } of imageCases)
    it(`agrees with PIL and torchvision: ${name}`, async () => {
      // The expected values were made without rotation.
      const got = await decodeSquare(file, imageFixture.side, undefined, 'stored');
      assert.equal(got.length, square.length);
      let [sum, most] = [0, 0];
      for (const [i, value] of got.entries()) {
        const off = Math.abs(value - square[i]!);
        sum += off;
        most = Math.max(most, off);
      }
      assert.ok(most <= 1 && sum / got.length < 0.3, `mean ${sum / got.length}, largest ${most}`);
    });

  for (const { name, file, square } of fileCases)
    it(`agrees with Pillow and torchvision within two levels: ${name}`, async () => {
      const got = await decodeSquare(file, fileFixture.side);
      const most = Math.max(...got.map((value, i) => Math.abs(value - square[i]!)));
      assert.ok(most <= 2, `largest ${most}`);
    });

  const turbo = openTurboJpeg() ? false : 'libjpeg-turbo is not installed';
  it('is the same by libjpeg-turbo and by sharp, to the bit', { skip: turbo }, async () => {
    const kinds = [
      { chromaSubsampling: '4:2:0' },
      { chromaSubsampling: '4:4:4', quality: 95 },
      { progressive: true },
      { mozjpeg: true },
    ];
    for (const [i, options] of kinds.entries())
      for (const grey of [false, true]) {
        const drawing = (await drawn(300 + 7 * i, 260)).toColourspace(grey ? 'b-w' : 'srgb');
        const jpeg = await drawing.jpeg(options).toBuffer();
        // Sharp decodes the PNG made from the JPEG's pixels.
        const png = await sharp(jpeg).png().toBuffer();
        for (const side of [256, 100]) {
          const [got, want] = [await decodeSquare(jpeg, side), await decodeSquare(png, side)];
          assert.ok(Buffer.compare(got, want) === 0, `${JSON.stringify(options)} ${grey} ${side}`);
        }
        // A truncated file goes to sharp, which may accept a missing end.
        await assert.rejects(decodeSquare(jpeg.subarray(0, jpeg.length / 2), 256), DataError);
      }
  });

  it('scales a large JPEG in part while decoding', async () => {
    const large = await (await drawn(1024, 768)).jpeg({ quality: 92 }).toBuffer();
    const png = await sharp(large).png().toBuffer();
    for (const [side, most] of [
      [200, 0],
      [96, 0],
      [40, 0.4],
    ] as const) {
      const [got, whole] = [await decodeSquare(large, side), await decodeSquare(png, side)];
      const off = whole.reduce((sum, value, i) => sum + Math.abs(value - got[i]!), 0) / whole.length;
      // Close to the image decoded at full size, but not equal.
      assert.ok(most === 0 ? off === 0 : off > 0 && off < most, `${side}: ${off}`);
    }
  });

  it('does not mix images that are decoded at the same time', async () => {
    const files = await Promise.all(
      [0, 1, 2, 3, 4, 5].map(async (i) =>
        i % 2 === 0
          ? (await drawn(300, 260 + i)).jpeg().toBuffer()
          : (await drawn(290 + i, 280)).png().toBuffer(),
      ),
    );
    const alone = [];
    // A size for the SIMD code, whose memory all images share.
    for (const file of files) alone.push(await decodeSquare(file, 200));
    assert.deepEqual(await Promise.all(files.map((file) => decodeSquare(file, 200))), alone);
  });

  it('gives three planes of the right size for odd images', async () => {
    const odd: [string, Uint8Array][] = [
      ['1×1', await (await drawn(1, 1)).png().toBuffer()],
      ['tall', await (await drawn(20, 700)).jpeg().toBuffer()],
      ['wide', await (await drawn(900, 31)).png().toBuffer()],
      ['CMYK', await (await drawn(300, 260)).toColourspace('cmyk').jpeg().toBuffer()],
      ['16 bits', await (await drawn(40, 50)).toColourspace('rgb16').png().toBuffer()],
      ['grey with alpha', await (await drawn(40, 50)).greyscale().ensureAlpha(0.5).png().toBuffer()],
      ['larger than 500', await (await drawn(1300, 1000)).jpeg().toBuffer()],
    ];
    for (const [name, bytes] of odd)
      for (const side of [256, 7])
        assert.equal((await decodeSquare(bytes, side)).length, 3 * side * side, name);
  });

  it('keeps the colours of CMYK and of 16 bits', async () => {
    const red = { data: new Uint8Array(3 * 64).map((_, i) => (i % 3 === 0 ? 220 : 30)), width: 8, height: 8 };
    for (const bytes of [
      await encoder(red).toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer(),
      await encoder(red).toColourspace('rgb16').png().toBuffer(),
    ]) {
      const got = await decodeSquare(bytes, 8);
      assert.ok(got[20]! > 180 && got[84]! < 90 && got[148]! < 90, `${got[20]} ${got[84]} ${got[148]}`);
    }
  });

  it('ignores colour profiles', async () => {
    const red = { data: new Uint8Array(3 * 64).map((_, i) => (i % 3 === 0 ? 220 : 30)), width: 8, height: 8 };
    const bytes = await encoder(red).withIccProfile('p3').png().toBuffer();
    const stored = await sharp(bytes, { ignoreIcc: true }).raw().toBuffer();
    assert.ok(stored[0]! < 215, 'the profile changes the numbers');
    const got = await decodeSquare(bytes, 8);
    assert.deepEqual([got[0], got[64], got[128]], [...stored.subarray(0, 3)]);
  });

  it('scales with SIMD and without it to the same bytes, as near as rounding allows', () => {
    const generator = new Generator(5);
    for (const [width, height, side] of [
      [60, 45, 32],
      [33, 41, 32],
      [32, 32, 32],
      [20, 24, 28],
      [1, 1, 5],
      [2, 3, 7],
      [3, 3, 4],
      [5, 1, 1],
      [500, 40, 32],
      [64, 48, 31],
      [53, 67, 30],
      [120, 90, 33],
      [97, 211, 13],
      [500, 375, 34],
      [333, 400, 7],
      [260, 410, 1],
    ] as const) {
      const size = { width, height };
      const name = `${width} × ${height} to ${side}`;
      const plain = Int32Array.from({ length: width * height }, () => generator.integer(2 ** 24));
      const room = roomForPixels(size, side);
      assert.notEqual(
        room.buffer.byteLength,
        4 * room.length,
        'the pixels lie in the memory of the SIMD code',
      );
      room.set(plain);
      const [fast, same, exact] = [0, 0, 0].map(() => new Uint8Array(3 * side * side)) as [
        Uint8Array,
        Uint8Array,
        Uint8Array,
      ];
      shrinkToSquare(room, size, side, fast);
      shrinkPlain(plain, width, scalingOf(size, side), same);
      assert.ok(Buffer.compare(fast, same) === 0, name);
      shrinkExactly(plain, size, side, exact);
      const most = fast.reduce((sofar, value, i) => Math.max(sofar, Math.abs(value - exact[i]!)), 0);
      assert.ok(most <= 1, `${name}: ${most}`);
      // A uniform colour does not change.
      for (const pixels of [roomForPixels(size, side), plain]) {
        pixels.fill(0xff8001);
        shrinkToSquare(pixels, size, side, fast);
        for (const [c, value] of [1, 128, 255].entries())
          assert.ok(fast.subarray(c * side * side, (c + 1) * side * side).every((v) => v === value));
      }
    }
  });

  it('scales an image that is larger than the memory of the SIMD code, in bands', () => {
    const generator = new Generator(6);
    for (const [width, height, side] of [
      [2600, 1900, 40],
      [1700, 2500, 224],
      [40, 200_000, 30],
      [200_000, 40, 64],
      // So wide a filter that there is no room for it: without SIMD.
      [2300, 2000, 1],
    ] as const) {
      const size = { width, height };
      const pixels = roomForPixels(size, side);
      assert.equal(pixels.buffer.byteLength, 4 * width * height);
      const row = Int32Array.from({ length: 4099 }, () => generator.integer(2 ** 24));
      for (let from = 0; from < pixels.length; from += row.length)
        pixels.set(row.subarray(0, pixels.length - from), from);
      const [fast, same] = [new Uint8Array(3 * side * side), new Uint8Array(3 * side * side)];
      shrinkToSquare(pixels, size, side, fast);
      shrinkPlain(pixels, width, scalingOf(size, side), same);
      assert.ok(Buffer.compare(fast, same) === 0, `${width} × ${height} to ${side}`);
    }
  });

  it('reads the same size from a JPEG header as a decoder', async () => {
    for (const options of [{}, { progressive: true }, { quality: 100, chromaSubsampling: '4:4:4' }]) {
      const bytes = await (await drawn(123, 45)).withMetadata().jpeg(options).toBuffer();
      assert.deepEqual(jpegHeader(bytes), { width: 123, height: 45, components: 3 });
    }
    const grey = await (await drawn(12, 34)).toColourspace('b-w').jpeg().toBuffer();
    assert.deepEqual(jpegHeader(grey), { width: 12, height: 34, components: 1 });
    const cmyk = await (await drawn(12, 34)).toColourspace('cmyk').jpeg().toBuffer();
    assert.equal(jpegHeader(cmyk)?.components, 4);
    assert.equal(jpegHeader(await (await drawn(12, 34)).png().toBuffer()), undefined);
    // A file truncated anywhere gives no crash and no wrong size.
    for (let end = 0; end < 200; end++) {
      const header = jpegHeader(grey.subarray(0, end));
      assert.ok(header === undefined || header.width === 12, `${end}`);
    }
  });

  it('describes what is wrong with a file', async () => {
    const whole = await (await drawn(400, 300)).jpeg().toBuffer();
    const png = await (await drawn(400, 300)).png().toBuffer();
    const says = (bytes: Uint8Array, words: RegExp) =>
      assert.rejects(
        decodeSquare(bytes, 32),
        (error) => error instanceof DataError && words.test(error.message),
      );
    await says(whole.subarray(0, whole.length / 2), /cannot be decoded/);
    await says(png.subarray(0, png.length / 2), /cannot be decoded/);
    await says(Buffer.from('not an image at all'), /cannot be decoded/);
    await says(new Uint8Array(0), /cannot be decoded/);
    const bomb = await encoder({ data: new Uint8Array(3), width: 1, height: 1 })
      .resize(9000, 9000)
      .png()
      .toBuffer();
    await says(bomb, /too large.*9000 × 9000/);
    // The frame header of a small JPEG claims 8000 × 8000 pixels.
    const liar = Buffer.from(
      await encoder({ data: new Uint8Array(3), width: 1, height: 1 })
        .jpeg()
        .toBuffer(),
    );
    const frame = liar.indexOf(Buffer.of(0xff, 0xc0));
    for (const at of [frame + 5, frame + 7]) liar.writeUInt16BE(8000, at);
    await says(liar, /the image is truncated.*8000 × 8000/);
    // So do a BMP and a PPM, which are not compressed.
    const bmp = Buffer.alloc(2000);
    bmp.write('BM');
    for (const [at, value] of [
      [10, 54],
      [14, 40],
      [18, 8000],
      [22, 8000],
    ] as const)
      bmp.writeUInt32LE(value, at);
    bmp.writeUInt16LE(24, 28);
    await says(bmp, /the image is truncated.*8000 × 8000/);
    await says(Buffer.from('P6 8000 8000 255\n'.padEnd(2000)), /the image is truncated.*8000 × 8000/);
  });
});
