import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { squareOf } from '../../../src/data/images/decode.js';
import { DataError } from '../../../src/errors/errors.js';

const SIDE = 6;

interface Written {
  readonly little: boolean;
  readonly big: boolean;
  readonly photometric: number;
  /** Left out if undefined: then colours are stored for 2 × 2 pixels. */
  readonly subsampling: readonly [number, number] | undefined;
}

/** An uncompressed TIFF of three bytes per pixel. */
function tiff(pixels: Uint8Array, { little, big, photometric, subsampling }: Written): Uint8Array {
  const tags: (readonly [tag: number, type: number, values: readonly number[]])[] = [
    [256, 3, [SIDE]],
    [257, 3, [SIDE]],
    [258, 3, [8]],
    [259, 3, [1]],
    [262, 3, [photometric]],
    [273, 4, [0]],
    [277, 3, [3]],
    [278, 3, [SIDE]],
    [279, 4, [pixels.length]],
    [284, 3, [1]],
    ...(subsampling ? [[530, 3, subsampling] as const] : []),
  ];
  const head = big ? 16 : 8;
  const entry = big ? 20 : 12;
  const bits = head + (big ? 8 : 2) + tags.length * entry + (big ? 8 : 4);
  const bytes = new Uint8Array(bits + 8 + pixels.length);
  const v = new DataView(bytes.buffer);
  v.setUint16(0, little ? 0x4949 : 0x4d4d);
  v.setUint16(2, big ? 43 : 42, little);
  if (big) {
    v.setUint16(4, 8, little);
    v.setBigUint64(8, 16n, little);
    v.setBigUint64(head, BigInt(tags.length), little);
  } else {
    v.setUint32(4, 8, little);
    v.setUint16(head, tags.length, little);
  }
  tags.forEach(([tag, type, values], i) => {
    const at = head + (big ? 8 : 2) + i * entry;
    const place = at + (big ? 12 : 8);
    v.setUint16(at, tag, little);
    v.setUint16(at + 2, type, little);
    const three = tag === 258;
    const count = three ? 3 : values.length;
    if (big) v.setBigUint64(at + 4, BigInt(count), little);
    else v.setUint32(at + 4, count, little);
    if (three && !big) v.setUint32(place, bits, little);
    else if (three) for (let k = 0; k < 3; k++) v.setUint16(place + 2 * k, 8, little);
    else if (tag === 273) v.setUint32(place, bits + 8, little);
    else if (type === 4) v.setUint32(place, values[0]!, little);
    else for (const [k, value] of values.entries()) v.setUint16(place + 2 * k, value, little);
  });
  for (let k = 0; k < 3; k++) v.setUint16(bits + 2 * k, 8, little);
  bytes.set(pixels, bits + 8);
  return bytes;
}

const rgb = Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, i) => (i * 37) % 256);
/** JPEG's luminance and colour differences. */
const ycbcr = new Uint8Array(rgb.length);
for (let i = 0; i < rgb.length; i += 3) {
  const [r, g, b] = [rgb[i]!, rgb[i + 1]!, rgb[i + 2]!];
  ycbcr[i] = Math.round(0.299 * r + 0.587 * g + 0.114 * b);
  ycbcr[i + 1] = Math.round(128 - 0.168736 * r - 0.331264 * g + 0.5 * b);
  ycbcr[i + 2] = Math.round(128 + 0.5 * r - 0.418688 * g - 0.081312 * b);
}
const planes = (pixels: Uint8Array): number[] =>
  [0, 1, 2].flatMap((c) => Array.from({ length: SIDE * SIDE }, (_, i) => pixels[3 * i + c]!));

const worst = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));

for (const little of [true, false])
  for (const big of [false, true]) {
    const format = { little, big };
    const title = `${big ? 'BigTIFF' : 'TIFF'}, ${little ? 'little' : 'big'} end first`;
    test(`a ${title} in YCbCr has the colours of the one in RGB`, async () => {
      const plain = await squareOf(tiff(rgb, { ...format, photometric: 2, subsampling: undefined }));
      assert.deepEqual([...plain.data], planes(rgb));
      const written = tiff(ycbcr, { ...format, photometric: 6, subsampling: [1, 1] });
      assert.ok(worst((await squareOf(written)).data, planes(rgb)) <= 2);
    });
    test(`a ${title} whose colours are stored for several pixels is refused`, async () => {
      for (const subsampling of [undefined, [2, 2], [2, 1]] as const)
        await assert.rejects(
          squareOf(tiff(ycbcr, { ...format, photometric: 6, subsampling })),
          (error) =>
            error instanceof DataError && /YCbCr whose colours are stored for 2 ×/.test(error.message),
        );
    });
  }

test('a TIFF compressed by JPEG keeps its colours', async () => {
  const flat = Buffer.alloc(3 * 16 * 16);
  for (let i = 0; i < flat.length; i += 3) flat.set([200, 80, 40], i);
  const bytes = await sharp(flat, { raw: { width: 16, height: 16, channels: 3 } })
    .tiff({ compression: 'jpeg', quality: 100 })
    .toBuffer();
  const { data } = await squareOf(bytes);
  assert.ok(worst([data[0]!, data[256]!, data[512]!], [200, 80, 40]) <= 4);
});
