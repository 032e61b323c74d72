import sharp from 'sharp';
import { decodeImage } from '../../src/data/image.js';
import { decodeSquare } from '../../src/data/images/decode.js';
import { jpegHeader } from '../../src/data/images/formats/jpeg-header.js';
import type { Generator } from '../../src/random.js';
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
