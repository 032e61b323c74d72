import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { writeFileAtomic } from '../../src/files/atomic.js';
import { Message } from '../../src/files/protobuf.js';
import { manualSeed, tensor } from '../../src/index.js';
import { exportOnnx } from '../../src/interop/onnx/index.js';
import { FourLayerNet } from '../../src/papers/alexnet/four-layer.js';
import { MODEL_KEY } from '../../src/papers/loading/load-onnx.js';
import { asClassifier } from '../../src/papers/paper.js';
import { openPaper } from '../../src/papers/registry.js';
import { Generator } from '../../src/random.js';
import { jsonLines, runCli } from '../support/cli.js';
import { onnxCases } from '../support/onnx/cases.js';
import { int, value, weights, writeOnnx } from '../support/onnx/writer.js';

const CLASSES = ['ape', 'bee', 'cow'];
const CONFIG = {
  paper: 'alexnet',
  preset: 'four-layer',
  classes: CLASSES,
  imageSize: 32,
  dropout: 0.5,
  init: 'pytorch',
};

async function folderWithImage(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'paperweight-test-'));
  t.after(() => rm(folder, { recursive: true }));
  const pixels = Buffer.from(Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i * 7) % 256));
  const image = join(folder, 'p.png');
  await sharp(pixels, { raw: { width: 32, height: 32, channels: 3 } })
    .png()
    .toFile(image);
  return { folder, image, pixels };
}
const reference = ['--device', 'reference', '--json'];

test('predict on an exported file uses its classes and its preparation', async (t) => {
  const { folder, image, pixels } = await folderWithImage(t);
  manualSeed(5);
  const model = new FourLayerNet({ numClasses: 3 }).eval();
  const file = join(folder, 'm.onnx');
  const metadata = { [MODEL_KEY]: JSON.stringify(CONFIG) };
  await writeFileAtomic(file, (await exportOnnx(model, [3, 32, 32], { metadata })).pieces);
  const { code, stdout, stderr } = await runCli(['predict', file, image, ...reference]);
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /Assumed/);
  const planes = Uint8Array.from(
    { length: pixels.length },
    (_, i) => pixels[(i % 1024) * 3 + Math.floor(i / 1024)]!,
  );
  const { test: transform } = asClassifier(await openPaper('alexnet')).transforms(CONFIG, 'none');
  const input = transform.apply(tensor(planes, { shape: [1, 3, 32, 32] }), { generator: new Generator(0) });
  const expected = await model.forward(input).softmax().data();
  const [line] = jsonLines(stdout) as unknown as [{ top: { label: string; probability: number }[] }];
  assert.equal(line.top.length, 3);
  for (const { label, probability } of line.top)
    assert.ok(Math.abs(probability - expected[CLASSES.indexOf(label)]!) < 1e-6, label);

  await writeFileAtomic(
    file,
    (await exportOnnx(model, [3, 32, 32], { metadata: { [MODEL_KEY]: '{"paper":1}' } })).pieces,
  );
  const broken = await runCli(['predict', file, image, ...reference]);
  assert.equal(broken.code, 1);
  assert.match(broken.stderr, /metadata "paperweight\.model" .*does not match/);
  const fewer = { ...CONFIG, classes: ['ape'] };
  await writeFileAtomic(
    file,
    (await exportOnnx(model, [3, 32, 32], { metadata: { [MODEL_KEY]: JSON.stringify(fewer) } })).pieces,
  );
  assert.match((await runCli(['predict', file, image, ...reference])).stderr, /3 classes; got 1/);
});

test('predict and inspect on other files say what they assume', async (t) => {
  const { folder, image } = await folderWithImage(t);
  const { bytes } = onnxCases('onnx-pytorch-2.15.json').find(({ name }) =>
    name.startsWith('Residual, dynamo'),
  )!;
  const file = join(folder, 'm.onnx');
  await writeFile(file, bytes);
  const predicted = await runCli(['predict', file, image, ...reference]);
  assert.equal(predicted.code, 0, predicted.stderr);
  assert.match(predicted.stderr, /m\.onnx does not say how .* Assumed: 17 × 17 pixels, .*ImageNet/);
  const [line] = jsonLines(predicted.stdout) as unknown as [{ top: { label: string }[] }];
  assert.deepEqual(line.top.map(({ label }) => label).sort(), ['class 0', 'class 1', 'class 2', 'class 3']);

  const inspected = await runCli(['inspect', file]);
  assert.equal(inspected.code, 0, inspected.stderr);
  assert.match(inspected.stdout, /opset \d+, written by pytorch, for one image of 3 × 17 × 17/);
  assert.match(inspected.stdout, /Conv +6 × 9 × 9 +\d/);
  assert.match((await runCli(['inspect', file, '--preset', 'notes'])).stderr, /is a complete model/);
});

test('a model that ends in a softmax gets no second one', async (t) => {
  const { folder, image } = await folderWithImage(t);
  const file = join(folder, 'm.onnx');
  const classifier = {
    nodes: [
      { type: 'GlobalAveragePool', outputs: ['p'] },
      { type: 'Flatten', inputs: ['p'], outputs: ['f'] },
      { type: 'Gemm', inputs: ['f', 'w', 'b'], outputs: ['z'], attributes: [int('transB', 1)] },
    ],
    tensors: [
      weights('w', [2, 3], 6),
      new Message().int(1, 2).int(2, 1).string(8, 'b').float(4, 9).float(4, 0),
    ],
    input: ['n', 3, 8, 8],
  };
  await writeFile(
    file,
    writeOnnx({ ...classifier, nodes: [...classifier.nodes, { type: 'Softmax', inputs: ['z'] }] }),
  );
  const { stdout } = await runCli(['predict', file, image, ...reference]);
  const [line] = jsonLines(stdout) as unknown as [{ top: { probability: number }[] }];
  // With a second softmax it would be 0.73.
  assert.ok(Math.abs(line.top[0]!.probability - 1 / (1 + Math.exp(-9))) < 1e-5);
});

test('a model that is not an image classifier is refused', async (t) => {
  const { folder, image } = await folderWithImage(t);
  const file = join(folder, 'm.onnx');
  const cases: [Uint8Array, RegExp][] = [
    [writeOnnx({ input: ['n', 2, 8, 8] }), /\[N, 3, side, side\]; got \[n, 2, 8, 8\]/],
    [writeOnnx({ inputs: [value('x', ['n', 3])] }), /\[N, 3, side, side\]; got \[n, 3\]/],
    [
      writeOnnx({ input: ['n', 3, 8, 8] }),
      /does not return a row of scores for each image.*\[1, 3, 8, 8\] for one image/,
    ],
    [writeOnnx({ input: [4, 3, 8, 8] }), /does not return a row of scores for each image/],
    [new TextEncoder().encode('PK\u0003\u0004'), /cannot be read as an ONNX model/],
  ];
  for (const [bytes, words] of cases) {
    await writeFile(file, bytes);
    const { code, stderr } = await runCli(['predict', file, image, ...reference]);
    assert.ok(code === 1 || code === 2, stderr);
    assert.match(stderr.replaceAll(/\s+/g, ' '), words);
  }
});
