import { join } from 'node:path';
import {
  CIFAR10,
  DataLoader,
  type Dataset,
  ImageFolder,
  openDevice,
  Subset,
  tensor,
  transforms,
} from '../src/index.js';
import { setDefaultDevice } from '../src/tensor/realize.js';

/*
 * Paperweight's side of bench/data.ts, in a separate process like the peer: the second epoch of batches of 128, as
 * normalised float32 tensors on the device. A sum over all pixels is read back, so that every image must arrive.
 *   node dist/bench/ours-data.js imagefolder|imagefolder-cached|cifar10 DIR IMAGES
 */
const [mode = 'imagefolder', folder = '.', images = '1280'] = process.argv.slice(2);
const { device } = await openDevice('onednn');
setDefaultDevice(device);
const half = [0.5, 0.5, 0.5];
const end = [transforms.randomHorizontalFlip(), transforms.toTensor(), transforms.normalize(half, half)];

async function open(): Promise<[Dataset, transforms.Transform]> {
  if (mode === 'cifar10')
    return [
      await CIFAR10.open({ root: folder, train: true }),
      transforms.compose([transforms.randomCrop(32, { padding: 4 }), ...end]),
    ];
  // Only the cached mode uses the cache of decoded images.
  const cache = join(folder, mode === 'imagefolder' ? '.no-images' : '.images');
  const cacheImages = mode === 'imagefolder-cached';
  const set = await ImageFolder.openSplit({ root: folder, train: true, cache, cacheImages });
  if (cacheImages) await set.fill();
  return [set, transforms.compose([transforms.randomCrop(224), ...end])];
}

const [whole, transform] = await open();
// The requested number of images, evenly spread over the data set.
const count = Math.min(Number(images), whole.length);
const dataset = new Subset(
  whole,
  Array.from({ length: count }, (_, i) => Math.floor((i * whole.length) / count)),
);
/** Weights for a sum over every pixel, which takes about as long as reading the pixels. */
const side = mode === 'cifar10' ? 32 : 224;
const weights = tensor(new Float32Array(3 * side * side).fill(1), { shape: [3 * side * side, 1] });
const loader = new DataLoader(dataset, { batchSize: 128, shuffle: true, transform });

/** One pass over the images. */
async function epoch(): Promise<number> {
  let [done, check] = [0, 0];
  let last: Promise<number> = Promise.resolve(0);
  for await (const [images, labels] of loader) {
    done += labels.shape[0]!;
    const sum = images.flatten(1).matmul(weights).sum().item();
    sum.catch(() => {});
    check += await last;
    last = sum;
  }
  check += await last;
  if (!Number.isFinite(check)) throw new Error('the images contain NaN or infinity');
  return done;
}

// Warm-up: starts threads and compiles code.
await epoch();
const cpu = process.cpuUsage();
const started = performance.now();
const done = await epoch();
const seconds = (performance.now() - started) / 1000;
const { user, system } = process.cpuUsage(cpu);
await device.close();
console.log(
  JSON.stringify({
    images: done,
    seconds,
    imagesPerSecond: done / seconds,
    cpuSeconds: (user + system) / 1e6,
  }),
);
