/**
 * How long `Classifier.classify` blocks the event loop: 16 images of several sizes, passed as pixels and as files, for a
 * model with 224 × 224 inputs.
 *
 *     node dist/bench/classify.js
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import sharp from 'sharp';
import { median } from '../src/bench/stats.js';
import { Classifier } from '../src/papers/classifier.js';
import { buildModel } from '../src/papers/paper.js';
import { openPaper } from '../src/papers/registry.js';
import { saveWeights } from '../src/run/checkpoint.js';

const [IMAGES, SIDE, ROUNDS] = [16, 224, 7];
const SIZES = [
  [SIDE, SIDE],
  [32, 32],
  [120, 90],
  [500, 375],
  [2000, 2000],
] as const;

/** Medians of the duration and of the longest block of the event loop, in milliseconds. */
async function measured(work: () => Promise<unknown>): Promise<{ time: number; blocked: number }> {
  await work();
  const [times, blocks]: [number[], number[]] = [[], []];
  for (let i = 0; i < ROUNDS; i++) {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
    delay.disable();
    blocks.push(delay.max / 1e6);
  }
  return { time: median(times), blocked: median(blocks) };
}

const folder = await mkdtemp(join(tmpdir(), 'paperweight-classify-'));
try {
  const file = join(folder, 'net.safetensors');
  const paper = await openPaper('alexnet');
  const classes = Array.from({ length: 10 }, (_, i) => `class ${i}`);
  const config = { paper: 'alexnet', preset: 'paper', classes, imageSize: SIDE, dropout: 0, init: 'kaiming' };
  await saveWeights(file, buildModel(paper, config));
  const classifier = await Classifier.open(file, { preset: 'paper', classes, imageSize: SIDE });
  for (const [width, height] of SIZES) {
    const bytes = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 37) % 256);
    const png = await sharp(bytes, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer();
    const side = Math.min(width, height);
    const pixels = { side, data: bytes.subarray(0, 3 * side * side) };
    const all = Array.from({ length: IMAGES }, () => pixels);
    const asPixels = await measured(() => classifier.classify(all));
    const asFiles = await measured(async () =>
      classifier.classify(await Promise.all(all.map(() => classifier.decode(png)))),
    );
    const show = ({ time, blocked }: typeof asPixels) =>
      `${time.toFixed(0)} ms, blocked ${blocked.toFixed(1)} ms`;
    console.log(`${IMAGES} images of ${width} × ${height}: pixels ${show(asPixels)}; files ${show(asFiles)}`);
  }
  await classifier.close();
} finally {
  await rm(folder, { recursive: true, force: true });
}
