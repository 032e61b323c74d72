import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { after, before } from 'node:test';
import sharp from 'sharp';
import { readWeights } from '../../src/interop/weights.js';
import { jsonLines, runCli } from '../support/cli.js';
import { WEIGHT_FILES } from '../support/weight-files.js';

const NOTES = path.join(WEIGHT_FILES, 'net', 'notes.pth');
let folder: string;
let image: string;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'paperweight-test-'));
  image = path.join(folder, 'grey.png');
  await sharp({ create: { width: 40, height: 32, channels: 3, background: '#808080' } })
    .png()
    .toFile(image);
});

after(() => rm(folder, { recursive: true, force: true }));

const refused = async (words: RegExp, ...args: string[]) => {
  const { code, stdout, stderr } = await runCli(args);
  assert.ok(code === 1 || code === 2, `${code}: ${stderr}`);
  assert.equal(stdout, '');
  assert.match(stderr, words);
};

test('predict accepts a bare state dict of PyTorch, and says which network it recognised', async () => {
  const names = path.join(folder, 'names.txt');
  await writeFile(names, 'plane\ncar\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n');
  const { code, stdout, stderr } = await runCli(['predict', NOTES, image, '--json', '--class-names', names]);
  assert.equal(code, 0, stderr);
  const [{ top }] = jsonLines(stdout) as unknown as [{ top: { label: string; probability: number }[] }];
  assert.ok(['plane', 'deer', 'dog'].includes(top[0]!.label), top[0]!.label);
  assert.match(stderr, /^Weights: a PyTorch file$/m);
  assert.match(stderr, /^Network: AlexNet, preset notes, hidden 16, 10 classes$/m);
  assert.match(stderr, /^Assumed, because a file of weights does not say: ReLU, overlapping pooling, LRN/m);
  assert.match(stderr, /^Images are prepared with compose/m);
});

test('flags that describe the network change it, or are refused with all mismatches', async () => {
  await refused(
    /size mismatch: features\.0\.weight is \[96, 3, 11, 11\]/,
    'predict',
    NOTES,
    image,
    '--preset',
    'torchvision',
  );
  await refused(/has 10 classes.*got 2 names/, 'predict', NOTES, image, '--class-names', 'a,b');
  await refused(/no names/, 'predict', NOTES, image, '--class-names', ',');
  await refused(/no name at position 2/, 'predict', NOTES, image, '--class-names', 'a,,b');
  await refused(/a twice/, 'predict', NOTES, image, '--class-names', 'a,b,a');
});

test('an unknown preset, and flags for a run, are refused', async () => {
  await refused(/unknown preset.*got nonsense/, 'predict', NOTES, image, '--preset', 'nonsense');
  await refused(/network of the run in .* is already known/, 'predict', folder, image, '--preset', 'notes');
});

test('export writes a .pth with Caffe’s names, which is recognised again', async () => {
  const out = path.join(folder, 'caffe.pth');
  const { code, stdout, stderr } = await runCli([
    'export',
    NOTES,
    '--out',
    out,
    '--names',
    'caffe',
    '--json',
  ]);
  assert.equal(code, 0, stderr);
  const [{ names }] = jsonLines(stdout) as unknown as [{ names: string[] }];
  assert.equal(names[0], 'conv1.weight');
  const [before, after] = [await readWeights(NOTES), await readWeights(out)];
  assert.deepEqual(after.tensors.get('fc8.bias'), before.tensors.get('classifier.6.bias'));
  assert.deepEqual(after.tensors.get('conv2.weight'), before.tensors.get('features.4.weight'));
  const inspected = await runCli(['inspect', out]);
  assert.equal(inspected.code, 0, inspected.stderr);
  assert.match(inspected.stdout, /^conv1\.weight +F32 +96 × 3 × 11 × 11 +34,848$/m);
  assert.match(inspected.stdout, /^Network: AlexNet, preset notes, hidden 16, 10 classes$/m);
});

test('export writes float16, and the file contains the configuration of its network', async () => {
  const out = path.join(folder, 'half.safetensors');
  const { code, stderr } = await runCli([
    ...['export', NOTES, '--out', out, '--dtype', 'float16', '--activation', 'tanh'],
    ...['--class-names', 'a,b,c,d,e,f,g,h,i,j'],
  ]);
  assert.equal(code, 0, stderr);
  const { stdout } = await runCli(['inspect', out, '--json']);
  const [{ network, tensors }] = jsonLines(stdout) as unknown as [
    { network: { options: object; classes: string[]; assumed: string[] }; tensors: { dtype: string }[] },
  ];
  assert.deepEqual(network.options, { hidden: 16, activation: 'tanh' });
  assert.deepEqual([network.classes[9], network.assumed], ['j', []]);
  assert.ok(tensors.every(({ dtype }) => dtype === 'F16'));
});

test('incompatible flags are refused', async () => {
  await refused(/does not fit --format onnx/, 'export', NOTES, '--format', 'onnx', '--out', 'a.pth');
  await refused(/ends in \.pth/, 'export', NOTES, '--format', 'pth', '--out', 'a.bin');
  await refused(/--dtype does not apply to ONNX/, 'export', NOTES, '--dtype', 'float16');
  await refused(
    /--names keras cannot be used.*notes, torchvision, caffe/,
    'export',
    NOTES,
    '--out',
    'a.pth',
    '--names',
    'keras',
  );
});

test('a file that would execute code is refused by name', async () => {
  const evil = path.join(WEIGHT_FILES, 'bad', 'os-system.pth');
  for (const args of [
    ['predict', evil, image],
    ['eval', evil, '--dataset', 'shapes10'],
    ['export', evil],
    ['inspect', evil],
  ])
    await refused(/os-system\.pth is refused: it asks for posix\.system/, ...args);
});
