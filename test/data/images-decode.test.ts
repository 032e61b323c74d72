import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { decodeSquare } from '../../src/data/images/decode.js';
import { jpegHeader } from '../../src/data/images/jpeg-header.js';
import { DataError } from '../../src/errors.js';
import { drawPicture, encoder } from '../support/draw-images.js';
import { imageCases, imageFixture } from '../support/images.js';

const drawn = async (width: number, height: number) => encoder(await drawPicture(3, 1, { width, height }));

describe('decodeSquare', () => {
  for (const { name, file, square } of imageCases)
    it(`agrees with PIL and torchvision: ${name}`, async () => {
      const got = await decodeSquare(file, imageFixture.side);
      assert.equal(got.length, square.length);
      let [sum, most] = [0, 0];
      for (const [i, value] of got.entries()) {
        const off = Math.abs(value - square[i]!);
        sum += off;
        most = Math.max(most, off);
      }
      // Two resizers round differently; another kernel, corner or orientation is far outside of this.
      assert.ok(most <= 5 && sum / got.length < 1.2, `mean ${sum / got.length}, largest ${most}`);
    });

  it('gives three planes of the right size for odd pictures', async () => {
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

  it('leaves the numbers of a picture with a colour profile as they are', async () => {
    const red = { data: new Uint8Array(3 * 64).map((_, i) => (i % 3 === 0 ? 220 : 30)), width: 8, height: 8 };
    const bytes = await encoder(red).withIccProfile('p3').png().toBuffer();
    const stored = await sharp(bytes, { ignoreIcc: true }).raw().toBuffer();
    assert.ok(stored[0]! < 215, 'the profile changes the numbers');
    const got = await decodeSquare(bytes, 8);
    assert.deepEqual([got[0], got[64], got[128]], [...stored.subarray(0, 3)]);
  });

  it('finds the size of a JPEG where a decoder finds it', async () => {
    for (const options of [{}, { progressive: true }, { quality: 100, chromaSubsampling: '4:4:4' }]) {
      const bytes = await (await drawn(123, 45)).withMetadata().jpeg(options).toBuffer();
      assert.deepEqual(jpegHeader(bytes), { width: 123, height: 45, components: 3 });
    }
    const grey = await (await drawn(12, 34)).toColourspace('b-w').jpeg().toBuffer();
    assert.deepEqual(jpegHeader(grey), { width: 12, height: 34, components: 1 });
    const cmyk = await (await drawn(12, 34)).toColourspace('cmyk').jpeg().toBuffer();
    assert.equal(jpegHeader(cmyk)?.components, 4);
    assert.equal(jpegHeader(await (await drawn(12, 34)).png().toBuffer()), undefined);
    // No cut of the file is a crash or a wrong size.
    for (let end = 0; end < 200; end++) {
      const header = jpegHeader(grey.subarray(0, end));
      assert.ok(header === undefined || header.width === 12, `${end}`);
    }
  });

  it('says what is wrong with a file', async () => {
    const whole = await (await drawn(400, 300)).jpeg().toBuffer();
    const png = await (await drawn(400, 300)).png().toBuffer();
    const says = (bytes: Uint8Array, words: RegExp) =>
      assert.rejects(
        decodeSquare(bytes, 32),
        (error) => error instanceof DataError && words.test(error.message),
      );
    await says(whole.subarray(0, whole.length / 2), /cannot be decoded/);
    await says(png.subarray(0, png.length / 2), /cannot be decoded/);
    await says(Buffer.from('not a picture at all'), /cannot be decoded/);
    await says(new Uint8Array(0), /cannot be decoded/);
    await says(await (await drawn(1000, 2)).png().toBuffer(), /too narrow.*1000 × 2/);
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
    await says(liar, /the picture is not whole.*8000 × 8000/);
  });
});
