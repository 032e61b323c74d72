import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { after, before } from 'node:test';
import sharp from 'sharp';
import { writeSafetensors } from '../../src/interop/safetensors/checked.js';
import { FourLayerNet } from '../../src/papers/alexnet/four-layer.js';
import { AlexNet } from '../../src/papers/alexnet/model.js';
import { Classifier } from '../../src/papers/classifier.js';
import { saveWeights } from '../../src/run/checkpoint.js';
import { manualSeed } from '../../src/tensor/random.js';
import { jsonLines, runCli } from '../support/cli.js';

/** Zero weights except for the last bias: for any image, class i gets the logit ln(i + 1). */
const PROBABILITIES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((n) => n / 55);
let folder: string;
let weights: string;
let image: string;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'paperweight-test-'));
  weights = path.join(folder, 'weights.safetensors');
  image = path.join(folder, 'grey.png');
  const tensors = new Map(
    [...new AlexNet({ numClasses: 10 }).stateDict()].map(([name, { shape, size }]) => [
      name,
      { dtype: 'F32' as const, shape: [...shape], data: new Float32Array(size) },
    ]),
  );
  tensors.get('classifier.6.bias')!.data.set(PROBABILITIES.map(Math.log));
  await writeSafetensors(weights, tensors);
  await sharp({ create: { width: 40, height: 32, channels: 3, background: '#808080' } })
    .png()
    .toFile(image);
});

after(() => rm(folder, { recursive: true, force: true }));

interface Prediction {
  readonly image: string;
  readonly top: { label: string; probability: number }[];
}

test('predict prints the most probable classes', async () => {
  const { code, stdout, stderr } = await runCli(['predict', weights, image, '--json', '--top', '3']);
  assert.equal(code, 0, stderr);
  const [{ image: named, top }, ...rest] = jsonLines(stdout) as unknown as [Prediction];
  assert.deepEqual(rest, []);
  assert.equal(named, image);
  assert.equal(top.length, 3);
  for (const [i, { label, probability }] of top.entries()) {
    assert.equal(typeof label, 'string');
    assert.ok(Math.abs(probability - PROBABILITIES[9 - i]!) < 1e-6, `${probability}`);
  }
  assert.match(stderr, /^Device: /);
});

test('predict gives the numbers of Classifier bit for bit', async () => {
  manualSeed(7);
  const file = path.join(folder, 'four.safetensors');
  await saveWeights(file, new FourLayerNet({ numClasses: 10 }));
  const noise = path.join(folder, 'noise.png');
  const pixels = Uint8Array.from({ length: 3 * 41 * 37 }, (_, i) => (i * 7919 + (i >> 3) * 104729) % 256);
  await sharp(pixels, { raw: { width: 41, height: 37, channels: 3 } })
    .png()
    .toFile(noise);
  const { code, stdout, stderr } = await runCli(['predict', file, noise, '--json']);
  assert.equal(code, 0, stderr);
  const [said] = jsonLines(stdout) as unknown as [Prediction];
  const classifier = await Classifier.open(file);
  const [guesses] = await classifier.classify([await classifier.read(noise)]);
  await classifier.close();
  assert.deepEqual(said.top, guesses);
});

test('commands on trained models use float32 by default, and training uses what is faster', async () => {
  for (const [command, precision] of [
    ['eval', 'float32'],
    ['predict', 'float32'],
    ['report', 'float32'],
    ['train', 'auto'],
  ] as const) {
    const { stdout } = await runCli([command, '--help']);
    const words = stdout.slice(stdout.indexOf('--precision')).replaceAll(/\s+/g, ' ');
    assert.match(
      words,
      new RegExp(`^--precision <name> [^(]*\\([^)]*\\) \\(default: "${precision}"\\)`),
      command,
    );
  }
});

test('files that are not images are reported after the others have been classified', async () => {
  const text = path.join(folder, 'text.png');
  await writeFile(text, 'not an image');
  const absent = path.join(folder, 'absent.png');
  const { code, stdout, stderr } = await runCli(['predict', weights, text, absent, image]);
  assert.equal(code, 1, stderr);
  const [name, first, ...others] = stdout.trimEnd().split('\n');
  assert.equal(name, image);
  assert.match(first!, /^ {2}\S.* +18\.2 % {2}█{4}$/);
  assert.equal(others.length, 4);
  const errors = stderr.split('\n').filter((line) => line.startsWith('error: '));
  assert.equal(errors.length, 2);
  assert.match(errors[0]!, /text\.png cannot be decoded\. .* Next: /);
  assert.match(errors[1]!, /absent\.png.*no such file or folder/);
});

test('eval evaluates on the test images', async () => {
  const flags = ['--dataset', 'shapes10', '--eval-limit', '20', '--batch-size', '10', '--json'];
  const { code, stdout, stderr } = await runCli(['eval', weights, ...flags]);
  assert.equal(code, 0, stderr);
  const [result, ...rest] = jsonLines(stdout);
  assert.deepEqual(rest, []);
  // Class 9 is always predicted, and classes 5 to 9 are the top 5; each class has a tenth of the images.
  assert.deepEqual([result!.accuracy, result!.top5, result!.images], [10, 50, 20]);
  const loss = -PROBABILITIES.reduce((sum, p) => sum + Math.log(p), 0) / 10;
  assert.ok(Math.abs((result!.loss as number) - loss) < 1e-5, `${result!.loss}`);
});

test('missing or unknown weights are refused by name', async () => {
  const foreign = path.join(folder, 'foreign.safetensors');
  await writeSafetensors(
    foreign,
    new Map([['other.weight', { dtype: 'F32', shape: [2], data: new Float32Array(2) }]]),
  );
  const corrupt = path.join(folder, 'corrupt.safetensors');
  await writeFile(corrupt, 'this is not a weights file');
  for (const [file, words] of [
    [path.join(folder, 'absent.safetensors'), /does not exist/],
    [foreign, /The network of .*foreign\.safetensors is unknown/],
    [corrupt, /corrupt\.safetensors/],
    [folder, /is not a run folder/],
  ] as const) {
    const { code, stdout, stderr } = await runCli(['predict', file, image]);
    assert.ok(code === 1 || code === 2, `${code}: ${stderr}`);
    assert.equal(stdout, '');
    assert.match(stderr, /^error: [^\n]+ Next: [^\n]+\n$/m);
    assert.match(stderr, words);
  }
});
