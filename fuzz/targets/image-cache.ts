import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ImageCache } from '../../src/data/images/image-cache.js';
import { must, type Target } from '../target.js';

const [COUNT, SIZE, PARALLEL] = [3, 12, 4];

let folders: Promise<string[]> | undefined;
const free: string[] = [];

/** Folders in memory (/dev/shm), if the system has it. */
const makeFolders = (): Promise<string[]> =>
  (folders ??= Promise.all(
    Array.from({ length: PARALLEL }, () =>
      mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'paperweight-fuzz-')),
    ),
  ).then((made) => {
    free.push(...made);
    return made;
  }));

/** The two files of the cache of decoded images: the marks that say which images it contains, then the images. */
export const imageCacheTarget: Target = {
  name: 'image-cache',
  format: 'bytes',
  most: 100,
  parallel: PARALLEL,
  seeds: () => [Uint8Array.of(1, 0, 1, ...new Array<number>(COUNT * SIZE).fill(7)), new Uint8Array(0)],
  async run(input) {
    await makeFolders();
    const folder = free.pop()!;
    try {
      const file = join(folder, 'c.bin');
      await writeFile(`${file}.done`, input.subarray(0, COUNT));
      await writeFile(file, input.subarray(COUNT));
      const cache = await ImageCache.open(file, COUNT, SIZE);
      try {
        must(cache.count >= 0 && cache.count <= COUNT, 'more images than exist');
        const into = new Uint8Array(SIZE + 2).fill(9);
        for (let i = 0; i < COUNT; i++) if (cache.has(i)) await cache.read(i, into, 1);
        must(into[0] === 9 && into.at(-1) === 9, 'a write outside of the image’s buffer');
        must(!cache.has(COUNT) && !cache.has(-1), 'an image that does not exist');
        return String(cache.count);
      } finally {
        await cache.close();
      }
    } finally {
      free.push(folder);
    }
  },
  async close() {
    for (const folder of (await folders) ?? []) await rm(folder, { recursive: true, force: true });
  },
};
