import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { decodeImage } from '../../src/data/image.js';
import { decodeSquare } from '../../src/data/images/decode.js';
import { formatOf } from '../../src/data/images/formats/format.js';
import { jpegHeader } from '../../src/data/images/formats/jpeg-header.js';
import type { Generator } from '../../src/random.js';
import { pick } from '../mutate.js';
import { must, type Target } from '../target.js';

const [WIDTH, HEIGHT, SIDE] = [12, 9, 8];

/** The same small image in each supported format. */
async function images(): Promise<Uint8Array[]> {
  const data = Uint8Array.from({ length: 4 * WIDTH * HEIGHT }, (_, i) => (i * 37) % 256);
  const start = () => sharp(data, { raw: { width: WIDTH, height: HEIGHT, channels: 4 } });
  const files = [
    start().jpeg(),
    start().jpeg({ progressive: true }),
    start().greyscale().jpeg(),
    start().removeAlpha().toColourspace('cmyk').jpeg(),
    start().png(),
    start().png({ palette: true }),
    start().removeAlpha().toColourspace('b-w').png({ progressive: true }),
    start().webp(),
    start().webp({ lossless: true }),
    start().gif(),
    start().tiff({ compression: 'none' }),
    start().jpeg().withMetadata({ orientation: 6 }),
  ];
  return Promise.all(files.map(async (file) => Uint8Array.from(await file.toBuffer())));
}

/** BMP, PPM, PGM and PBM files of all kinds that Pillow reads, and some that it writes. */
function bitmaps(): Uint8Array[] {
  const url = new URL('../../../test/fixtures/image-files.json', import.meta.url);
  const { cases } = JSON.parse(readFileSync(url, 'utf8')) as { cases: { file: string }[] };
  return cases
    .map(({ file }) => Uint8Array.from(Buffer.from(file, 'base64')))
    .filter((bytes) => isBitmap(bytes) && bytes.length <= MOST_OF_BITMAP);
}

const isBitmap = (bytes: Uint8Array): boolean => ['bmp', 'pnm'].includes(formatOf(bytes) ?? '');

/** Changes fields of a BMP's header (offsets, sizes, bits, compression, colours), or numbers of a PNM's. */
function reshapeBitmap(input: Uint8Array, random: Generator): Uint8Array {
  const isBmp = input[0] === 0x42;
  for (let left = 1 + random.integer(3); left > 0; left--) {
    const at = isBmp ? pick(random, [10, 14, 18, 20, 22, 24, 28, 30, 46, 54]) : 1 + random.integer(14);
    if (at < input.length)
      input[at] = isBmp
        ? pick(random, [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 40, 64, 124, 255])
        : pick(random, [...'0123456789 #\n-']).charCodeAt(0);
  }
  return input;
}

/** Changes the size fields of a PNG, GIF or JPEG. */
function reshape(input: Uint8Array, random: Generator): Uint8Array {
  const marker = input.findIndex(
    (byte, i) => byte === 0xff && [0xc0, 0xc2].includes(input[i + 1] ?? 0) && i < 700,
  );
  const at = input[0] === 0x89 ? 16 : input[0] === 0x47 ? 6 : marker >= 0 ? marker + 5 : random.integer(40);
  for (let i = at; i < at + 1 + random.integer(8) && i < input.length; i++)
    input[i] = random.integer(3) === 0 ? random.integer(256) : random.integer(4);
  return input;
}

const WORDS = [
  'IHDR',
  'IDAT',
  'IEND',
  'PLTE',
  'RIFF',
  'WEBPVP8 ',
  'VP8L',
  'VP8X',
  'GIF89a',
  'II*\0',
  'Exif\0\0',
];
const MARKERS = [0xc0, 0xc2, 0xc4, 0xd8, 0xd9, 0xda, 0xdb, 0xe1].map((marker) => Uint8Array.of(0xff, marker));

const MOST_OF_BITMAP = 4400;

/** Decoders run in other threads. */
const PARALLEL = 4;
const MOST = 2048;

const DECODED = {
  format: 'bytes',
  most: MOST,
  parallel: PARALLEL,
  seeds: images,
  words: [...WORDS, ...MARKERS],
  reshape,
} as const;

export const imageTargets: readonly Target[] = [
  {
    name: 'jpeg-header',
    format: 'bytes',
    most: MOST,
    seeds: images,
    words: MARKERS,
    reshape,
    run(input) {
      const header = jpegHeader(input);
      if (!header) return 'none';
      const { width, height, components } = header;
      must(width > 0 && height > 0 && width < 65536 && height < 65536, 'an invalid size');
      return `JPEG of ${components < 5 ? components : 'many'}`;
    },
  },
  {
    name: 'image-square',
    ...DECODED,
    async run(input) {
      const square = await decodeSquare(input, SIDE);
      must(square.length === 3 * SIDE * SIDE, 'a square of another size');
      return 'square';
    },
  },
  {
    name: 'bitmap',
    format: 'bytes',
    most: MOST_OF_BITMAP,
    seeds: bitmaps,
    words: ['BM', 'P1\n', 'P2\n', 'P3\n', 'P4\n', 'P5\n', 'P6\n', '# ', '255\n', '65535\n'],
    reshape: reshapeBitmap,
    async run(input) {
      // Other formats have targets of their own.
      if (!isBitmap(input)) return 'another format';
      const square = await decodeSquare(input, SIDE);
      must(square.length === 3 * SIDE * SIDE, 'a square of another size');
      return formatOf(input)!;
    },
  },
  {
    name: 'image-file',
    ...DECODED,
    async run(input) {
      const { data, side } = await decodeImage(input, {
        name: 'p',
        maxPixels: 2 ** 20,
        side: 16,
        next: 'n',
      });
      must(side > 0 && side <= 16 && data.length === 3 * side * side, 'an image of another size');
      return `image of ${side}`;
    },
  },
];
