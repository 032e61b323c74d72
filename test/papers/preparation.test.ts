import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { formatOf } from '../../src/data/images/formats/format.js';
import { ImageFolder } from '../../src/data/images/image-folder.js';
import { DataError } from '../../src/errors/errors.js';
import { Classifier } from '../../src/papers/classifier.js';
import { RunFolder } from '../../src/run/run-folder.js';
import { CurrentModel } from '../../src/serve/inference/current-model.js';
import { jsonLines, runCli } from '../support/cli.js';
import { fileCases } from '../support/images.js';
import { scratch } from '../support/toy.js';

const ENDINGS = {
  jpeg: 'jpg',
  png: 'png',
  webp: 'webp',
  gif: 'gif',
  tiff: 'tif',
  avif: 'avif',
  bmp: 'bmp',
  pnm: 'ppm',
};
const CLASSES = ['cat', 'dog'];
/** Number of images that includes EXIF, odd sizes, alpha, palettes, CMYK, 16 bits and some BMPs. */
const COUNT = 42;

interface Top {
  readonly label: string;
  readonly probability: number;
}

/** Odd images in two classes, as training and as test images. @returns the test images, in order */
async function oddImages(root: string): Promise<{ file: string; label: string }[]> {
  const files = fileCases.slice(0, COUNT).map(({ file }, i) => {
    const label = CLASSES[i % 2]!;
    return { bytes: file, label, name: `${label}/${String(i).padStart(2, '0')}.${ENDINGS[formatOf(file)!]}` };
  });
  for (const split of ['train', 'val'])
    for (const { name, label, bytes } of files) {
      await mkdir(join(root, split, label), { recursive: true });
      await writeFile(join(root, split, name), bytes);
    }
  return files
    .map(({ name, label }) => ({ file: join(root, 'val', name), label }))
    .sort((a, b) => (a.file < b.file ? -1 : 1));
}

const sorted = (guesses: readonly Top[]) => [...guesses].sort((a, b) => (a.label < b.label ? -1 : 1));

test('training, evaluation, prediction, Classifier and the dashboard see the same images', async (t) => {
  const folder = await scratch(t);
  const images = await oddImages(join(folder, 'data'));
  const cli = async (...args: string[]) => {
    const result = await runCli(args, { cwd: folder, timeoutMs: 300_000 });
    assert.equal(result.code, 0, result.stderr);
    return result;
  };
  const device = ['--device', 'reference'];
  const flags = [
    '--preset',
    'four-layer',
    '--dataset',
    'imagefolder',
    '--data',
    'data',
    '--image-size',
    '32',
  ];
  await cli(
    'train',
    ...flags,
    ...device,
    '--batch-size',
    '4',
    '--max-steps',
    '1',
    '--insight-every',
    '0',
    '--eval-limit',
    '4',
    '--run',
    'run',
  );
  const run = join(folder, 'run');
  const config = JSON.parse(await readFile(join(run, 'config.json'), 'utf8'));
  assert.deepEqual(config.model.images, {
    side: 256,
    orientation: 'exif',
    alpha: 'dropped',
    colourProfile: 'ignored',
    resize: 'bilinear, antialiased',
    crop: 'centre',
  });

  const classifier = await Classifier.open(run, { device: referenceDevice() });
  const set = await ImageFolder.openSplit({ root: join(folder, 'data'), train: false });
  t.after(() => set.close());
  const size = 3 * 256 * 256;
  const squares = new Uint8Array(set.length * size);
  await set.readMany(
    images.map((_, i) => i),
    squares,
    new Int32Array(set.length),
  );
  assert.equal(set.length, images.length);
  assert.equal(set.summary(), undefined);
  const read = await Promise.all(images.map(({ file }) => classifier.read(file)));
  for (const [i, { data }] of read.entries())
    assert.ok(Buffer.compare(data, squares.subarray(i * size, (i + 1) * size)) === 0, images[i]!.file);
  // Decoded or classified one by one or together, from a file or from bytes.
  const together = await classifier.classify(read, { top: 2 });
  const bytes = await readFile(images[0]!.file);
  assert.deepEqual(await classifier.classify([await classifier.decode(bytes)], { top: 2 }), [together[0]]);

  const predicted = jsonLines(
    (await cli('predict', 'run', ...images.map(({ file }) => file), ...device, '--json')).stdout,
  ) as { top: Top[] }[];
  assert.deepEqual(
    predicted.map(({ top }) => top),
    together,
  );

  const measured = jsonLines((await cli('eval', 'run', ...device, '--json')).stdout)[0] as {
    accuracy: number;
    loss: number;
    images: number;
  };
  const own = images.map(({ label }, i) => together[i]!.find((guess) => guess.label === label)!.probability);
  const right = together.filter(([best], i) => best!.label === images[i]!.label).length;
  assert.equal(measured.images, images.length);
  assert.equal(measured.accuracy, (100 * right) / images.length);
  const loss = own.reduce((sum, probability) => sum - Math.log(probability), 0) / own.length;
  assert.ok(Math.abs(measured.loss - loss) < 1e-6, `${measured.loss} and ${loss}`);

  // The dashboard has its own device; uploaded images and images in the folder give the same bits.
  const current = new CurrentModel();
  const { best, latest } = await RunFolder.open(run).state();
  const weights = { run, file: (best?.file ?? latest)!, version: '1' };
  for (const i of [0, 5, 20, 40]) {
    const sent = await current.predict(weights, { bytes: await readFile(images[i]!.file) });
    const found = await current.predict(weights, { index: i });
    assert.deepEqual(sent.probabilities, found.probabilities);
    for (const [k, guess] of sorted(together[i]!).entries())
      assert.ok(Math.abs(sent.probabilities[k]! - guess.probability) < 1e-3);
  }
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
  await assert.rejects(
    current.predict(weights, { bytes: svg }),
    (error) => error instanceof DataError && /SVG/.test(error.message),
  );

  // A run from before the rules were stored continues without EXIF rotation.
  delete config.model.images;
  delete config.paperweight_checksum;
  await writeFile(join(run, 'config.json'), JSON.stringify(config));
  const old = await Classifier.open(run, { device: referenceDevice() });
  assert.equal(old.rules.orientation, 'stored');
  const turned = images.findIndex(({ file }) => file.endsWith('cat/04.jpg'));
  assert.notDeepEqual((await old.read(images[turned]!.file)).data, read[turned]!.data);
  const fresh = new CurrentModel();
  const before = await fresh.predict(weights, { index: turned });
  assert.deepEqual(
    before.probabilities,
    (await fresh.predict(weights, { bytes: await readFile(images[turned]!.file) })).probabilities,
  );
});
