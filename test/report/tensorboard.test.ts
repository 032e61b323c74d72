import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { Message } from '../../src/files/protobuf.js';
import { kernelPixels } from '../../src/report/kernel-grid.js';
import { crc32c, maskedCrc32c } from '../../src/report/tensorboard/crc32c.js';
import { EventFile } from '../../src/report/tensorboard/writer.js';
import type { EpochEvent, Insight, KernelImage, StepEvent } from '../../src/run/events.js';
import { parseEvent } from '../../src/serve/metrics/event-record.js';
import { type ReadEvent, readEvents, readRecords } from '../support/event-files.js';
import { scratch } from '../support/toy.js';

test('CRC-32C has the values of RFC 3720', () => {
  const of = (make: (i: number) => number, length = 32) =>
    crc32c(Uint8Array.from({ length }, (_, i) => make(i)));
  assert.equal(crc32c(new TextEncoder().encode('123456789')), 0xe3069283);
  assert.equal(
    of(() => 0),
    0x8a9136aa,
  );
  assert.equal(
    of(() => 0xff),
    0x62a8ab43,
  );
  assert.equal(
    of((i) => i),
    0x46dd794e,
  );
  assert.equal(
    of((i) => 31 - i),
    0x113fdb5c,
  );
  assert.equal(crc32c(new Uint8Array(0)), 0);
  // 0xe3069283 rotated right by 15, plus the constant.
  assert.equal(maskedCrc32c(new TextEncoder().encode('123456789')), (0x2507c60d + 0xa282ead8) % 2 ** 32);
});

test('integers of many bytes keep their value, and other values are refused', () => {
  assert.deepEqual([...new Message().int(1, 300).encode()], [8, 0xac, 2]);
  assert.deepEqual([...new Message().int(16, 2 ** 35).encode()], [0x80, 1, 128, 128, 128, 128, 128, 1]);
  assert.deepEqual([...new Message().string(2, 'é').encode()], [18, 2, 0xc3, 0xa9]);
  assert.deepEqual([...new Message().int(1, -1).encode()], [8, ...Array(9).fill(0xff), 1]);
  for (const bad of [0.5, Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => new Message().int(1, bad), RangeError);
});

const stepEvent = (step: number): StepEvent => ({
  event: 'step',
  epoch: 1,
  step,
  loss: 2.5 / step,
  lr: 0.01,
  imagesPerSecond: 31.25,
  stepSeconds: 0.5,
  dataSeconds: 0.125,
  rssMiB: 1000 + step,
});
const epochEvent: EpochEvent = {
  event: 'epoch',
  epoch: 1,
  step: 3,
  trainLoss: 1.5,
  trainAccuracy: 40,
  testLoss: 1.25,
  testAccuracy: 44.5,
  testTop5: 90,
  testImages: 1000,
  seconds: 3,
};
const insight: Insight = {
  event: 'insight',
  step: 2,
  parameters: [{ name: 'features.0.weight', gradNorm: 0.25, norm: 12 }],
  activations: [
    {
      name: 'features.2',
      kind: 'ReLU',
      units: 4,
      dead: 0.25,
      active: 0.5,
      mean: 0.5,
      std: 0.25,
      histogram: { min: 0, max: 4, counts: [6, 1, 0, 1] },
    },
  ],
};
const kernels: KernelImage = {
  step: 2,
  count: 3,
  side: 2,
  data: Float32Array.from({ length: 36 }, (_, i) => Math.sin(i)),
};

const CONFIG = {
  version: 1,
  lr: 0.125,
  mirror: true,
  model: { preset: 'quick', classes: ['a', 'b'], options: { width: 8 } },
  machine: { cpu: 'chip' },
};
/** What TensorBoard shows of it. */
const SETTINGS = { lr: 0.125, mirror: true, 'model.preset': 'quick', 'model.options.width': 8 };

/** A run of three steps that is resumed after its second step. */
async function write(folder: string): Promise<Buffer[]> {
  let time = 1_700_000_000_000;
  const now = () => (time += 500);
  const first = await EventFile.create(folder, 10, now);
  for (const step of [1, 2]) first.step(stepEvent(step));
  first.insight(insight);
  first.kernels(kernels);
  // This step is repeated after the resume.
  first.step({ ...stepEvent(3), loss: 99 });
  first.settings(CONFIG);
  first.close();
  const second = await EventFile.create(folder, 10, now);
  second.resumedAfter(2);
  second.step(stepEvent(3));
  second.epoch(epochEvent);
  second.close();
  const names = (await readdir(folder)).sort();
  assert.equal(names.length, 2);
  for (const name of names) assert.match(name, /^events\.out\.tfevents\.\d{10}\.[\w.-]+\.\d+\.\d+$/);
  return Promise.all(names.map((name) => readFile(join(folder, name))));
}

test('with five classes or fewer there is no top-5 accuracy, which would be 100 %', async (t) => {
  for (const classes of [2, 5, 6]) {
    const board = await EventFile.create(await scratch(t), classes);
    board.epoch(epochEvent);
    board.close();
    const [, event] = readEvents(await readFile(board.path));
    assert.equal(tags(event!).includes('epoch/testTop5'), classes > 5, `${classes}`);
    assert.ok(tags(event!).includes('epoch/testAccuracy'));
  }
});

const tags = (event: ReadEvent) => Object.keys({ ...event.scalars, ...event.images, ...event.histograms });

test('written event files can be read by the format’s description', async (t) => {
  const folder = await scratch(t);
  const [first, second] = (await write(folder)).map(readEvents);
  for (const events of [first!, second!]) {
    assert.equal(events[0]!.version, 'brain.Event:2');
    assert.ok(events.every((event, i) => i === 0 || event.wallTime > events[i - 1]!.wallTime));
    assert.ok(events[0]!.wallTime > 1_700_000_000 && events[0]!.wallTime < 1_700_000_100);
  }
  assert.deepEqual(
    first!.map(({ step }) => step),
    [0, 1, 2, 2, 2, 3, 0],
  );
  assert.deepEqual(first![1]!.scalars, {
    'train/loss': 2.5,
    'train/lr': Math.fround(0.01),
    'speed/imagesPerSecond': 31.25,
    'speed/stepSeconds': 0.5,
    'speed/dataSeconds': 0.125,
    'speed/rssMiB': 1001,
  });
  assert.deepEqual(first![3]!.scalars, {
    'gradNorm/features.0.weight': 0.25,
    'norm/features.0.weight': 12,
    'dead/features.2': 0.25,
    'active/features.2': 0.5,
  });
  assert.deepEqual(first![3]!.histograms, {
    'activations/features.2': {
      min: 0,
      max: 4,
      num: 8,
      sum: 4,
      sum_squares: 2.5,
      limits: [1, 2, 3, 4],
      counts: [6, 1, 0, 1],
    },
  });
  const { width, height, png } = first![4]!.images.kernels!;
  const pixels = kernelPixels(kernels);
  assert.deepEqual([width, height], [8, 2]);
  assert.deepEqual(new Uint8Array(await sharp(png).raw().toBuffer()), pixels.rgb);
  const raw = (await readFile(join(folder, (await readdir(folder)).sort()[0]!))).subarray();
  const last = parseEvent(readRecords(raw).at(-1)!);
  assert.deepEqual(last.values, [
    { kind: 'settings', tag: '_hparams_/session_start_info', settings: SETTINGS },
  ]);
  assert.deepEqual([second![1]!.start, second![1]!.step], [true, 3]);
  assert.equal(second![3]!.scalars['epoch/testAccuracy'], 44.5);
});

test('TensorBoard’s own reader finds the same, without the steps that a resume repeated', async (t) => {
  const python = process.env.PAPERWEIGHT_TENSORBOARD_PYTHON;
  if (!python)
    return t.skip('PAPERWEIGHT_TENSORBOARD_PYTHON names no Python that has the package tensorboard');
  const folder = await scratch(t);
  const files = (await write(folder)).map(readEvents);
  const script = fileURLToPath(new URL('../../../bench/peers/read_tensorboard.py', import.meta.url));
  const output = execFileSync(python, [script, folder], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const found = JSON.parse(output);
  const expected = {
    scalars: {} as Record<string, unknown[]>,
    images: {} as Record<string, unknown[]>,
    histograms: {} as Record<string, unknown[]>,
  };
  const kept = [...files[0]!.filter(({ step }) => step < 3), ...files[1]!];
  for (const { step, wallTime, ...event } of kept) {
    for (const [tag, value] of Object.entries(event.scalars))
      (expected.scalars[tag] ??= []).push([step, wallTime, value]);
    for (const [tag, { width, height, png }] of Object.entries(event.images))
      (expected.images[tag] ??= []).push([
        step,
        wallTime,
        width,
        height,
        Buffer.from(png).toString('base64'),
      ]);
    for (const [tag, value] of Object.entries(event.histograms))
      (expected.histograms[tag] ??= []).push([step, wallTime, value]);
  }
  assert.ok(kept.flatMap(tags).length > 20);
  assert.deepEqual(found.settings, SETTINGS);
  assert.deepEqual({ scalars: found.scalars, images: found.images, histograms: found.histograms }, expected);
});
