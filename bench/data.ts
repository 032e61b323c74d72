import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from '../src/bench/stats.js';
import { openTurboJpeg } from '../src/data/images/formats/turbojpeg.js';
import { drawImageFolder } from '../test/support/draw-images.js';

/*
 * Images per second from files to normalised, augmented batches, beside torchvision's data set with PyTorch's DataLoader
 * doing the same work. Interleaved: each round runs one process of each.
 *   npm run build && node dist/bench/data.js --mode imagefolder --data DIR --rounds 3 --python /usr/bin/python3
 *   node dist/bench/data.js --mode cifar10 --data DIR --images 50000
 * If the image folder does not exist, it is generated first: 3,200 training JPEGs of 500 × 375, 110 kB each.
 * PAPERWEIGHT_TURBOJPEG=none decodes with sharp, as without libjpeg-turbo.
 * Prints one JSON object and writes it to bench/results/images/.
 */
const { values } = parseArgs({
  options: {
    mode: { type: 'string', default: 'imagefolder' },
    data: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    images: { type: 'string', default: '1280' },
    python: { type: 'string', default: 'python3' },
  },
});
const { mode, data } = values;
if (!data || (mode !== 'imagefolder' && mode !== 'cifar10'))
  throw new Error('--mode imagefolder or cifar10, with --data DIR');
if (mode === 'imagefolder' && !existsSync(join(data, 'train')))
  await drawImageFolder({ root: data, classes: 10, train: 320, val: 30 });

interface Side {
  readonly images: number;
  readonly imagesPerSecond: number;
  readonly cpuSeconds: number;
  readonly version?: string;
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const run = (command: string, args: readonly string[]): Side =>
  JSON.parse(execFileSync(command, args, { encoding: 'utf8' }).trim().split('\n').at(-1)!) as Side;
const ours = (way: string): Side => run(process.execPath, [here('./ours-data.js'), way, data, values.images]);
const peer = (): Side =>
  run(values.python, [
    here('../../bench/peers/torchvision_loader.py'),
    ...[mode, data, '--images', values.images],
  ]);

const ways = mode === 'cifar10' ? ['cifar10'] : ['imagefolder', 'imagefolder-cached'];
// Fills the image cache and the operating system's file cache.
if (mode === 'imagefolder') ours('imagefolder-cached');
const rounds: Side[][] = [];
for (let i = 0; i < Number(values.rounds); i++) {
  rounds.push([peer(), ...ways.map(ours)]);
  process.stderr.write(`round ${i + 1}: ${JSON.stringify(rounds.at(-1))}\n`);
}
const summary = (k: number) => {
  const sides = rounds.map((round) => round[k]!);
  const rates = sides.map((side) => side.imagesPerSecond);
  return {
    imagesPerSecond: median(rates),
    spread: [Math.min(...rates), Math.max(...rates)],
    cpuMillisecondsPerImage: median(sides.map((side) => (1000 * side.cpuSeconds) / side.images)),
  };
};
const theirs = summary(0);
const decoder = openTurboJpeg() ? 'libjpeg-turbo' : 'sharp';
const result = {
  what: `data-${mode}`,
  date: new Date().toISOString().slice(0, 10),
  cpu: cpus()[0]?.model.trim(),
  cores: cpus().length,
  images: rounds[0]![0]!.images,
  batch: 128,
  rounds: rounds.length,
  ...(mode === 'imagefolder' && { decoder }),
  ...Object.fromEntries(
    ways.map((way, k) => {
      const side = summary(k + 1);
      return [way, { ...side, ratio: side.imagesPerSecond / theirs.imagesPerSecond }];
    }),
  ),
  peer: { name: `${rounds[0]![0]!.version}, num_workers=2`, ...theirs },
};
mkdirSync(here('../../bench/results/images'), { recursive: true });
writeFileSync(
  here(
    `../../bench/results/images/data-${mode}${mode === 'imagefolder' ? `-${decoder}` : ''}-${result.date}.json`,
  ),
  `${JSON.stringify(result, null, 2)}\n`,
);
console.log(JSON.stringify(result));
