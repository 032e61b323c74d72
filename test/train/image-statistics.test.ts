import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { ImageFolder } from '../../src/data/images/image-folder.js';
import { ImageSums } from '../../src/data/images/image-sums.js';
import { principalComponents } from '../../src/data/images/pca.js';
import { DataError } from '../../src/errors/errors.js';
import { imageStatistics, statisticsState } from '../../src/train/image-statistics.js';
import { temporaryFolder } from '../data/support.js';
import { drawImage, encoder } from '../support/draw-images.js';
import { imageCases, imageFixture } from '../support/images.js';

function near(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++)
    if (!(Math.abs(actual[i]! - expected[i]!) <= tolerance))
      assert.fail(`at ${i}: ${actual[i]}, not ${expected[i]}`);
}

test('mean and components are those that numpy finds', () => {
  const { side, statistics } = imageFixture;
  const sums = new ImageSums([3, side, side]);
  for (const { square } of imageCases) sums.add(square);
  const { mean, colours, count } = sums.result();
  assert.equal(count, imageCases.length);
  near(mean, statistics.mean, 1e-4);
  near(colours.eigenvalues, statistics.eigenvalues, 1e-10);
  for (const [i, vector] of colours.eigenvectors.entries()) near(vector, statistics.eigenvectors[i]!, 1e-9);
});

test('components of simple matrices', () => {
  assert.deepEqual(
    principalComponents([
      [2, 0],
      [0, 3],
    ]),
    {
      eigenvalues: [3, 2],
      eigenvectors: [
        [0, 1],
        [1, 0],
      ],
    },
  );
  const { eigenvalues, eigenvectors } = principalComponents([
    [1, 1, 1],
    [1, 1, 1],
    [1, 1, 1],
  ]);
  near(eigenvalues, [3, 0, 0], 1e-12);
  near(
    eigenvectors[0]!,
    [1, 1, 1].map((x) => x / Math.sqrt(3)),
    1e-12,
  );
});

/** Twelve images, two of them damaged. */
async function images(t: TestContext): Promise<string> {
  const root = await temporaryFolder(t);
  await mkdir(path.join(root, 'a'));
  for (let i = 0; i < 12; i++) {
    const drawing = await drawImage(i, i, { width: 30, height: 24 });
    const bytes = i === 3 || i === 7 ? 'broken' : await encoder(drawing).png().toBuffer();
    await writeFile(path.join(root, 'a', `${10 + i}.png`), bytes);
  }
  return root;
}

test('statistics skip damaged images, are computed once, and continue after an interruption', async (t) => {
  const root = await images(t);
  const open = async () => ImageFolder.open({ root, side: 8, cache: path.join(root, '.cache') });
  const whole = await ImageFolder.open({ root, side: 8, cache: await temporaryFolder(t) });
  const expected = await imageStatistics(whole);
  assert.equal(expected.count, 10);

  const abort = new AbortController();
  // Chunks of three, so that the computation can stop between two of them.
  const seen: number[] = [];
  const stopped = imageStatistics(await open(), {
    chunk: 3,
    signal: abort.signal,
    onProgress: (done) => {
      seen.push(done);
      if (done === 6) abort.abort();
    },
  });
  await assert.rejects(stopped, { name: 'AbortError' });
  assert.deepEqual(seen, [3, 6]);
  assert.deepEqual(
    await statisticsState(await open()).then(({ counted, unreadable }) => [counted, unreadable]),
    [6, 1],
  );
  seen.length = 0;
  const rest = await imageStatistics(await open(), { chunk: 3, onProgress: (done) => seen.push(done) });
  assert.deepEqual(seen, [9, 12]);
  assert.deepEqual(rest, expected);
  const third = await imageStatistics(await open(), { onProgress: () => assert.fail('nothing is left') });
  assert.deepEqual(third, expected);
});

test('other images get their own statistics, and a file with other contents is refused', async (t) => {
  const root = await images(t);
  const open = async () => ImageFolder.open({ root, side: 8 });
  await imageStatistics(await open());
  const cache = path.join(root, '.paperweight');
  const [name] = await readdir(cache);
  await writeFile(path.join(root, 'a', '99.png'), 'x');
  assert.equal((await statisticsState(await open())).counted, 0);
  await writeFile(path.join(root, 'a', '99.png'), 'xy');
  const { file } = await statisticsState(await open());
  assert.notEqual(path.basename(file), name);
  const other = await ImageFolder.open({ root, side: 9 });
  const { file: nine } = await statisticsState(other);
  await imageStatistics(await open());
  await copyFile(file, nine);
  await assert.rejects(
    imageStatistics(other),
    (error) => error instanceof DataError && /delete it/.test(error.message),
  );
});
