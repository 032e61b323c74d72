import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { Classifier } from '../../src/papers/classifier.js';
import { Generator } from '../../src/random.js';
import { runCli } from '../support/cli.js';

/** A few steps of a small network: enough for probabilities that are not all alike. */
export async function smallRun(folder: string): Promise<string> {
  const run = join(folder, 'small-run');
  const { code, stderr } = await runCli(
    `train --preset four-layer --dataset shapes10 --device wasm --threads 1 --max-steps 12 --batch-size 16 --eval-limit 20 --run ${run}`.split(
      ' ',
    ),
  );
  assert.equal(code, 0, stderr);
  return run;
}

/** Ten images of several sizes and forms, as PNG files, with their pixels. */
export async function tenImages(folder: string) {
  const sizes = [
    [32, 32],
    [33, 32],
    [20, 20],
    [64, 48],
    [31, 100],
    [320, 240],
    [300, 1],
    [90, 90],
    [128, 127],
    [500, 700],
  ] as const;
  const images = [];
  for (const [i, [width, height]] of sizes.entries()) {
    const generator = new Generator(i);
    const [r, g, b] = [0, 1, 2].map(() => generator.integer(256)) as [number, number, number];
    // Patches of colour with some noise, so that scaling matters.
    const rgb = Uint8Array.from({ length: 3 * width * height }, (_, at) => {
      const [x, y] = [Math.floor(at / 3) % width, Math.floor(at / 3 / width)];
      const inside = (x * 3) % width < y && x > width / 5;
      return (inside ? [r, g, b][at % 3]! : 255 - r) ^ (generator.integer(16) & 15);
    });
    const file = join(folder, `${i}.png`);
    const png = await sharp(rgb, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer();
    writeFileSync(file, png);
    const rgba = Uint8Array.from({ length: 4 * width * height }, (_, at) =>
      at % 4 === 3 ? 255 : rgb[3 * Math.floor(at / 4) + (at % 4)]!,
    );
    images.push({ file, width, height, rgba });
  }
  return images;
}

/** What Node computes for them, in the order of the classes. */
export async function expectedOf(run: string, files: readonly string[]): Promise<number[][]> {
  const classifier = await Classifier.open(run);
  try {
    const images = await Promise.all(files.map((file) => classifier.read(file)));
    const guesses = await classifier.classify(images, { top: classifier.classes.length });
    return guesses.map((row) =>
      classifier.classes.map((name) => row.find(({ label }) => label === name)!.probability),
    );
  } finally {
    await classifier.close();
  }
}

export function assertClose(actual: ArrayLike<number>, expected: readonly number[], what: string): void {
  assert.equal(actual.length, expected.length, what);
  for (const [i, value] of expected.entries())
    assert.ok(Math.abs(actual[i]! - value) < 1e-4, `${what}: ${actual[i]} instead of ${value}`);
}
