import { z } from 'zod';
import type { DeviceName } from '../backend/device-names.js';
import { DataLoader } from '../data/loader.js';
import {
  compose,
  randomCrop,
  randomHorizontalFlip,
  type Transform,
  toTensor,
} from '../data/transforms/index.js';
import { setDefaultDevice } from '../tensor/realize.js';
import { findCifar10, openDataset } from '../train/datasets.js';
import { oursCommand } from './compare.js';
import { openBenchDevice } from './device.js';
import { resultHead } from './machine.js';
import { usualNetwork } from './network.js';
import { type PeerPlaces, peerCommand } from './peers.js';
import type { DataResult } from './result.js';
import { Side } from './side.js';
import { median, spread } from './stats.js';
import { writeWork } from './work.js';

export interface DataOptions {
  readonly data?: string;
  readonly batch: number;
  readonly threads: number;
  readonly device: DeviceName;
  readonly rounds: number;
  readonly limit: number;
  readonly peer?: 'torchvision';
  readonly places: PeerPlaces;
  readonly onProgress?: (line: string) => void;
}

const CASES = ['plain', 'augmented'] as const;
const augmented = compose([randomCrop(32, { padding: 4 }), randomHorizontalFlip(), toTensor()]);
const TRANSFORMS: Readonly<Record<(typeof CASES)[number], Transform>> = { plain: toTensor(), augmented };
const epochSchema = z.object({ seconds: z.number().positive(), images: z.number().int().positive() });

/**
 * Loads CIFAR-10's training images epoch by epoch as batches of float32 in [0, 1]: in order and unchanged, or
 * shuffled, randomly cropped after padding by 4, and randomly mirrored. Optionally compares with torchvision.
 *
 * @throws MissingPeerError if the peer is not installed, DataError or UsageError if the images are missing
 */
export async function measureData(options: DataOptions): Promise<DataResult> {
  const { batch, threads, rounds, limit, peer, places, onProgress = () => {} } = options;
  const folder = options.data ?? findCifar10();
  const dataset = await openDataset({ dataset: 'cifar10', data: folder, train: true });
  const command =
    peer &&
    (await peerCommand(
      peer,
      [(dataset as { folder?: string }).folder ?? folder!, String(batch), String(threads)],
      places,
      threads,
    ));
  const stepSeconds = await secondsOfStep(options);
  onProgress(`a step of ${batch} takes ${stepSeconds.toFixed(2)} s`);
  const device = await openBenchDevice({ ...options, precision: 'float32' });
  setDefaultDevice(device);
  const theirs = command && new Side(command);
  try {
    const version = theirs && String((await theirs.ready(limit)).version);
    const rates = CASES.map((name) => ({ name, ours: [] as number[], peer: [] as number[] }));
    // Warm-up: execution plans, and this thread's JIT.
    for (const name of CASES) await epoch(dataset, name, batch, 0);
    for (let round = 1; round <= rounds; round++)
      for (const { name, ours, peer: other } of rates) {
        ours.push(await epoch(dataset, name, batch, round));
        if (theirs) {
          const { seconds, images } = epochSchema.parse(await theirs.ask(`go ${name}`, limit));
          other.push(images / seconds);
        }
        const beside = theirs ? `, torchvision ${other.at(-1)!.toFixed(0)}` : '';
        onProgress(`round ${round}/${rounds}, ${name}: ${ours.at(-1)!.toFixed(0)} images/s${beside}`);
      }
    await theirs?.end();
    return {
      what: 'data',
      ...resultHead(threads),
      batch,
      rounds,
      stepSeconds,
      cases: rates.map(({ name, ours, peer: other }) => ({
        name,
        imagesPerSecond: median(ours),
        spread: spread(ours),
        shareOfStep: batch / median(ours) / stepSeconds,
        ...(version
          ? {
              peer: { name: 'torchvision', version, imagesPerSecond: median(other), spread: spread(other) },
              ratio: median(ours) / median(other),
            }
          : {}),
      })),
    };
  } finally {
    theirs?.kill();
    await device.close();
  }
}

/** Images per second over one epoch; each batch is read back to the host. */
async function epoch(
  dataset: Awaited<ReturnType<typeof openDataset>>,
  name: (typeof CASES)[number],
  batchSize: number,
  seed: number,
): Promise<number> {
  const loader = new DataLoader(dataset, {
    batchSize,
    shuffle: name === 'augmented',
    seed,
    transform: TRANSFORMS[name],
  });
  const started = performance.now();
  // The next batch is prepared while the device computes the current one, as in training.
  let last: Promise<unknown> | undefined;
  for await (const [images] of loader) {
    const values = images.data();
    await last;
    last = values;
  }
  await last;
  return dataset.length / ((performance.now() - started) / 1000);
}

async function secondsOfStep({ batch, threads, device, limit }: DataOptions): Promise<number> {
  const work = await writeWork({
    what: 'train',
    network: await usualNetwork(),
    batch,
    threads,
    device,
    precision: 'float32',
    mode: '',
    warmup: 1,
    wantsOnnx: false,
  });
  const side = new Side(oursCommand(work.file));
  try {
    await side.ready(limit);
    return median(z.array(z.number()).parse((await side.ask('go 3', limit)).seconds));
  } finally {
    side.kill();
    await work.remove();
  }
}
