import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { nn, tensor } from '../../../src/index.js';
import { readOnnx } from '../../../src/interop/onnx/index.js';
import { readWeights } from '../../../src/interop/weights.js';
import { jsonLines, runCli } from '../../support/cli.js';
import { scratch } from '../../support/toy.js';

const GAN = fileURLToPath(new URL('../../support/papers/gan', import.meta.url));
const env = { PAPERWEIGHT_PAPERS: join(GAN, '..') };

test('export of a run whose paper has a step of its own', async (t) => {
  const folder = await scratch(t);
  const run = join(folder, 'run');
  const exported = (...flags: string[]) => runCli(['export', run, ...flags], { env });
  const short = ['--max-steps', '2', '--device', 'reference'];
  const trained = await runCli(['train', '--paper', GAN, '--run', run, ...short]);
  assert.equal(trained.code, 0, trained.stderr);

  await t.test('a network by its name, as ONNX and as weights', async () => {
    const [graph, weights] = [join(folder, 'generator.onnx'), join(folder, 'generator.safetensors')];
    const onnx = await exported('--network', 'generator', '--input', '5', '--out', graph);
    assert.equal(onnx.code, 0, onnx.stderr);
    assert.match(onnx.stdout, /generator alone\nInput "input" \[batch, 5\], output "output" \[batch, 36\]\./);
    const saved = await exported('--network', 'generator', '--out', weights);
    assert.equal(saved.code, 0, saved.stderr);

    const { tensors, metadata } = await readWeights(weights);
    assert.deepEqual([metadata.paper, metadata.network], ['tiny-gan', 'generator']);
    const generator = new nn.Sequential(
      new nn.Linear(5, 24),
      new nn.ReLU(),
      new nn.Linear(24, 36),
      new nn.Sigmoid(),
    );
    generator.loadStateDict(tensors);
    const noise = tensor(
      Float32Array.from({ length: 15 }, (_, i) => Math.sin(i)),
      { shape: [3, 5] },
    );
    const [ours, theirs] = [generator.forward(noise), (await readOnnx(graph)).forward(noise)];
    const expected = await ours.data();
    const got = await theirs.data();
    assert.equal(got.length, 3 * 36);
    for (const [i, value] of got.entries()) assert.ok(Math.abs(value - expected[i]!) < 1e-6, `${i}`);
  });

  await t.test('the whole model', async () => {
    const weights = join(folder, 'gan.pth');
    const saved = await exported('--out', weights, '--json');
    assert.equal(saved.code, 0, saved.stderr);
    const names = [...(await readWeights(weights)).tensors.keys()];
    assert.deepEqual(names, [
      'generator.0.weight',
      'generator.0.bias',
      'generator.2.weight',
      'generator.2.bias',
      'discriminator.0.weight',
      'discriminator.0.bias',
      'discriminator.3.weight',
      'discriminator.3.bias',
    ]);
    const onnx = await exported('--input', 'noise=5', '--out', join(folder, 'gan.onnx'), '--json');
    assert.equal(onnx.code, 0, onnx.stderr);
    const [line] = jsonLines(onnx.stdout);
    assert.deepEqual(line!.inputs, [{ name: 'noise', shape: ['batch', 5], dtype: 'float32' }]);
    assert.deepEqual(line!.outputs, [{ name: 'output', shape: ['batch', 36], dtype: 'float32' }]);
  });

  await t.test('says which networks there are, and how inputs are named', async () => {
    const out = ['--out', join(folder, 'x.onnx')];
    const images = await exported(...out);
    assert.equal(images.code, 2);
    assert.match(images.stderr, /The whole model \(Gan\) cannot be computed from "images" \[3, 6, 6\]/);
    assert.match(images.stderr, /--input 100.*--network: generator, discriminator/s);
    const unknown = await exported('--network', 'genrator', ...out);
    assert.equal(unknown.code, 2);
    assert.match(
      unknown.stderr,
      /no such network.*generator, discriminator, or the path.*did you mean generator/s,
    );
    const bad = await exported('--input', 'a=5,6', ...out);
    assert.equal(bad.code, 2);
    assert.match(bad.stderr, /--input a=5,6 cannot be used.*several with different names/s);
    const empty = await exported('--network', 'generator.1', '--out', join(folder, 'x.pth'));
    assert.match(empty.stderr, /generator\.1 has no weights/);
  });
});

test('a network with two inputs is exported if they are named', async (t) => {
  const folder = await scratch(t);
  const run = join(folder, 'run');
  const flags = ['--paper', 'pair', '--max-steps', '1', '--device', 'reference', '--run', run];
  const trained = await runCli(['train', ...flags], { env });
  assert.equal(trained.code, 0, trained.stderr);
  const exported = (...more: string[]) =>
    runCli(['export', run, '--out', join(folder, 'pair.onnx'), ...more], { env });
  const unnamed = await exported();
  assert.equal(unnamed.code, 2);
  assert.match(unnamed.stderr, /\(Pair\) cannot be computed from "images" \[1, 6, 6\].*--input x=784,y=10/s);
  const { code, stdout, stderr } = await exported('--input', 'images=1x6x6,code=4');
  assert.equal(code, 0, stderr);
  assert.match(
    stdout,
    /Input "images" \[batch, 1, 6, 6\], "code" \[batch, 4\], output "output" \[batch, 36\]/,
  );
});

test('a part of a classifier is exported alone', async (t) => {
  const folder = await scratch(t);
  const run = join(folder, 'run');
  const flags = ['--preset', 'four-layer', '--dataset', 'shapes10', '--max-steps', '1', '--eval-limit', '1'];
  const trained = await runCli(['train', ...flags, '--device', 'reference', '--run', run]);
  assert.equal(trained.code, 0, trained.stderr);
  const { code, stdout, stderr } = await runCli([
    'export',
    run,
    '--network',
    'features',
    '--out',
    join(folder, 'f.onnx'),
  ]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /features alone\nInput "images" \[batch, 3, \d+, \d+\], output "output" \[batch, \d+/);
});
