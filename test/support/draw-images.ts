import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { drawShape, SHAPE_NAMES, SHAPE_SIZE } from '../../src/data/shapes10/draw.js';
import { Generator } from '../../src/random.js';

/** Pixels of a drawn image, row by row, interleaved RGB. */
export interface Drawing {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Longer than a row of any image here and not a multiple of one, so that the grain has no visible pattern. */
const GRAIN = 1_000_003;
const grains = new Map<number, Int8Array>();

/** Noise of ±`strength`, which gives a JPEG the file size of a photograph. */
function grain(strength: number): Int8Array {
  let noise = grains.get(strength);
  if (!noise) {
    const generator = new Generator(77);
    noise = Int8Array.from({ length: GRAIN }, () => generator.uniform(-strength, strength));
    grains.set(strength, noise);
  }
  return noise;
}

/** One of the shapes of Shapes10, enlarged, with grain: a pure function of its arguments. */
export async function drawImage(
  label: number,
  seed: number,
  { width, height, noise = 24 }: { width: number; height: number; noise?: number },
): Promise<Drawing> {
  const planes = new Uint8Array(3 * SHAPE_SIZE * SHAPE_SIZE);
  const generator = new Generator(seed);
  drawShape(label % SHAPE_NAMES.length, generator, planes);
  const small = new Uint8Array(planes.length);
  for (let i = 0; i < planes.length; i++)
    small[i] = planes[(i % 3) * (planes.length / 3) + Math.floor(i / 3)]!;
  const data = await sharp(small, { raw: { width: SHAPE_SIZE, height: SHAPE_SIZE, channels: 3 } })
    .resize(width, height, { fit: 'fill', kernel: 'cubic' })
    .raw()
    .toBuffer();
  const table = grain(noise);
  // Each of up to a thousand classes gets its own tint, since there are only ten shapes.
  const tint = [label % 10, Math.floor(label / 10) % 10, Math.floor(label / 100)].map((digit) => 4 * digit);
  for (let i = 0, at = generator.integer(GRAIN); i < data.length; i++, at++) {
    if (at === GRAIN) at = 0;
    const value = data[i]! + table[at]! + tint[i % 3]!;
    data[i] = value < 0 ? 0 : value > 255 ? 255 : value;
  }
  return { data, width, height };
}

/** Starts an encoder on a drawing. */
export const encoder = ({ data, width, height }: Drawing): Sharp =>
  sharp(data, { raw: { width, height, channels: 3 } });

export interface FolderOptions {
  readonly root: string;
  readonly classes: number;
  readonly train: number;
  readonly val: number;
  /** JPEG quality; 95 gives files of about ImageNet's size at 500×375. */
  readonly quality?: number;
  /** Width and height; every third image is tall. */
  readonly size?: readonly [width: number, height: number];
}

/** WordNet-like names, like ImageNet's folders. */
export const synset = (label: number): string => `n${String(10_000_000 + label)}`;

/**
 * Draws `root/train/<class>/*.jpg` and `root/val/<class>/*.jpg`, with `train` and `val` images per class.
 *
 * @returns the number of images
 */
export async function drawImageFolder(options: FolderOptions): Promise<number> {
  const { root, classes, quality = 95, size = [500, 375] } = options;
  const jobs: { file: string; label: number; seed: number }[] = [];
  for (const split of ['train', 'val'] as const)
    for (let label = 0; label < classes; label++) {
      const folder = join(root, split, synset(label));
      await mkdir(folder, { recursive: true });
      for (let i = 0; i < options[split]; i++) {
        const file = join(folder, `${synset(label)}_${i}.jpg`);
        jobs.push({ file, label, seed: jobs.length + 1 });
      }
    }
  const next = jobs.values();
  const work = async () => {
    for (const { file, label, seed } of next) {
      const [width, height] = seed % 3 === 0 ? [size[1], size[0]] : size;
      const drawing = await drawImage(label, seed, { width, height });
      await writeFile(file, await encoder(drawing).jpeg({ quality }).toBuffer());
    }
  };
  await Promise.all(Array.from({ length: 4 }, work));
  return jobs.length;
}
