/*
 * The toy run of the training tests, on the ranks of a world or on its own:
 * toy.js '{"path": …, "config": {…}, "resume": true, "device": …, "fault": …}'. Rank 0 prints one JSON line at the end.
 */
import { writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDevice } from '../../../src/backend/open.js';
import * as transforms from '../../../src/data/transforms/index.js';
import { open } from '../../../src/distributed/index.js';
import { normaliseTogether } from '../../../src/nn/norm.js';
import type { TrainConfig } from '../../../src/run/config.js';
import { NullRunFolder } from '../../../src/run/null-run-folder.js';
import { RunFolder } from '../../../src/run/run-folder.js';
import { manualSeed } from '../../../src/tensor/random.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import { Trainer } from '../../../src/train/trainer.js';
import { makeToyNet, ToySet, toyConfig } from '../../support/toy.js';

interface Given {
  readonly path: string;
  readonly config?: Partial<TrainConfig>;
  readonly resume?: boolean;
  readonly device?: 'reference' | 'onednn';
  /** All ranks draw the masks and the augmentation of the first rows, as a mistake would. */
  readonly unshifted?: boolean;
  readonly testImages?: number;
  readonly trainImages?: number;
  /** What a rank does after a step. */
  readonly fault?: { readonly rank: number; readonly step: number; readonly kind: string };
  /** Milliseconds for which every rank computes without answering, before the first step. */
  readonly prepare?: number;
  /** Milliseconds that a step takes at least. */
  readonly slow?: number;
}

const given = JSON.parse(process.argv[2]!) as Given;
const world = await open();
const several = world.size > 1 ? world : undefined;
const config = toyConfig({ insightEvery: 0, ...given.config });
const { device } = await openDevice(given.device ?? 'onednn', { threads: 1 });
setDefaultDevice(device);
manualSeed(config.seed);
const model = makeToyNet({ dropout: 0.5 });
if (config.syncBn) normaliseTogether(model, world.size);
await model.to(device);
const finish = [transforms.toTensor(), transforms.normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])];
const train = transforms.compose([
  transforms.randomCrop(8, { padding: 1 }),
  transforms.randomHorizontalFlip(),
  ...finish,
]);
const folder = !world.first
  ? NullRunFolder.at(given.path)
  : given.resume
    ? RunFolder.open(given.path)
    : await RunFolder.create(given.path, config);
const abort = new AbortController();
process.on('SIGTERM', () => abort.abort());
process.on('SIGINT', () => abort.abort());

async function fault(step: number): Promise<void> {
  const { fault: what } = given;
  if (what?.rank !== world.rank || step < what.step) return;
  if (what.kind === 'throw') throw new Error('a fault of the test');
  if (what.kind === 'exit') process.exit(0);
  if (what.kind === 'kill') process.kill(process.pid, 'SIGKILL');
  if (what.kind === 'stop') process.kill(process.pid, 'SIGSTOP');
  if (what.kind === 'loop') for (;;);
  if (what.kind === 'fill') fillDisk();
  if (what.kind === 'term') process.kill(process.pid, 'SIGTERM');
}

/** Leaves no space on the disk of the run. */
function fillDisk(): void {
  const file = join(dirname(given.path), 'filler');
  for (const bytes of [2 ** 20, 2 ** 12, 1])
    try {
      for (;;) writeFileSync(file, Buffer.alloc(bytes), { flag: 'a' });
    } catch {
      // Full.
    }
}

let [steps, batches] = [0, 0];
const trainer: Trainer = new Trainer({
  config,
  model,
  trainSet: new ToySet(given.trainImages ?? 44),
  testSet: new ToySet(given.testImages ?? 30, 2),
  trainTransform: {
    name: 'slow',
    apply: (batch, context) => {
      if (given.slow) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, given.slow);
      const { rows } = context;
      const shifted = rows && given.unshifted ? { ...context, rows: { ...rows, start: 0 } } : context;
      const images = train.apply(batch, shifted);
      // Once more when the batch is repeated to find the bad number.
      const { rank, step, kind } = given.fault ?? {};
      const isBad = kind === 'nan' && rank === world.rank && [step, step! + 1].includes(++batches);
      return isBad ? images.mul(Number.NaN) : images;
    },
    toString: () => 'slow',
  },
  testTransform: transforms.compose(finish),
  folder,
  signal: abort.signal,
  world: several,
  observer: {
    step: ({ step }) => {
      if (steps++ === 0) process.stdout.write(`started at ${step}\n`);
    },
  },
});
for (const end = performance.now() + (given.prepare ?? 0); performance.now() < end; );
await trainer.resume();
await several?.share(model);
if (given.fault) {
  void (async () => {
    for (;;) {
      await fault(trainer.step);
      await sleep(5);
    }
  })();
}
const done = await trainer.run();
const weights = await trainer.weights();
const all = [...weights].flatMap(([, values]) => [...values]);
await several?.check('its weights', all.join());
if (world.first) {
  const metrics = await folder.metrics();
  await writeFile(`${given.path}.json`, JSON.stringify({ weights: all, metrics, done }));
  console.log(`${done ? 'finished' : 'stopped'} ${trainer.step}`);
}
await device.close();
await world.close();
process.exit(0);
