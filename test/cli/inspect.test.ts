import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { jsonLines, runCli } from '../support/cli.js';
import { scratch } from '../support/toy.js';

interface Summary {
  readonly layers: { name: string; type: string; outputShape: number[]; parameters: number; macs: number }[];
  readonly parameters: number;
  readonly macs: number;
}

async function inspect(...flags: string[]): Promise<Summary> {
  const { code, stdout, stderr } = await runCli(['inspect', 'alexnet', '--json', ...flags]);
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  const lines = jsonLines(stdout);
  assert.equal(lines.length, 1);
  return lines[0] as unknown as Summary;
}

test('AlexNet with 10 classes', async () => {
  const { layers, parameters, macs } = await inspect();
  assert.equal(parameters, 58_322_314);
  assert.equal(macs, 1_131_201_056);
  assert.equal(
    layers.reduce((sum, layer) => sum + layer.parameters, 0),
    parameters,
  );
  assert.equal(
    layers.reduce((sum, layer) => sum + layer.macs, 0),
    macs,
  );
  const maps = layers.filter((layer) => /^(Conv2d|MaxPool2d)$/.test(layer.type));
  assert.deepEqual(
    maps.map((layer) => layer.outputShape),
    [
      [1, 96, 55, 55],
      [1, 96, 27, 27],
      [1, 256, 27, 27],
      [1, 256, 13, 13],
      [1, 384, 13, 13],
      [1, 384, 13, 13],
      [1, 256, 13, 13],
      [1, 256, 6, 6],
    ],
  );
  assert.deepEqual(layers.at(-1), {
    name: 'classifier.6',
    type: 'Linear',
    outputShape: [1, 10],
    parameters: 40_970,
    macs: 40_960,
  });
});

test('AlexNet with 1000 classes', async () => {
  assert.equal((await inspect('--classes', '1000')).parameters, 62_378_344);
});

test('an image of the network, in either language', async (t) => {
  const file = join(await scratch(t), 'network.svg');
  for (const [lang, input] of [
    ['en', '>image<'],
    ['zh', '>图像<'],
  ] as const) {
    await inspect('--preset', 'paper', '--figure', file, '--force', '--lang', lang);
    const svg = await readFile(file, 'utf8');
    assert.match(svg, new RegExp(`^<svg .*AlexNet, paper.*${input}.*27.*, 2 groups.*4096`, 's'));
  }
  const refused = await runCli(['inspect', '--figure', join(file, 'nowhere.svg')]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /cannot write .*nowhere\.svg/);
});

test('the table as text', async () => {
  const { code, stdout } = await runCli(['inspect']);
  assert.equal(code, 0);
  assert.match(stdout, /^AlexNet, preset notes, 10 classes, for one image of 3 × 224 × 224\n/);
  assert.match(stdout, /^features\.0 +Conv2d +96 × 55 × 55 +34,944 +105,415,200$/m);
  assert.match(stdout, /^Total +58,322,314 +1,131,201,056\n$/m);
  assert.ok(Math.max(...stdout.split('\n').map((line) => line.length)) <= 80);
});

test('a recipe and a run are shown as their network', async (t) => {
  const folder = await scratch(t);
  const table = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await runCli(['inspect', ...args], { cwd: folder });
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const quick = await table('--preset', 'quick');
  assert.match(quick, /^AlexNet, recipe quick: preset notes, 10 classes, for one image/);
  assert.equal(quick.replace('recipe quick: ', ''), await table('--preset', 'notes'));
  assert.match(await table('--classes', '1'), /^AlexNet, preset notes, 1 class, for one image/);
  const few = ['--dataset', 'shapes10', '--max-steps', '1', '--batch-size', '1', '--eval-limit', '1'];
  const own = ['--preset', 'four-layer', '--activation', 'tanh', '--norm', 'batch', '--image-size', '32'];
  const trained = await runCli(['train', ...few, ...own, '--run', 'runs/x'], { cwd: folder });
  assert.equal(trained.code, 0, trained.stderr);
  const shown = await table('runs/x');
  assert.match(shown, /^runs\/x: AlexNet, preset four-layer, 10 classes, for one image of 3 × 32 × 32\n/);
  assert.match(shown, /Tanh/);
  assert.match(shown, /BatchNorm2d/);
  for (const flag of ['--preset=notes', '--classes=5', '--norm=lrn', '--paper=resnet']) {
    const { code, stderr } = await runCli(['inspect', 'runs/x', flag], { cwd: folder });
    assert.equal(code, 2);
    assert.match(stderr, /The network of the run in runs\/x is already known/);
  }
  const { code, stderr } = await runCli(['inspect', 'runs'], { cwd: folder });
  assert.equal(code, 2);
  assert.match(stderr, /runs is not a run folder/);
});

test('a network that takes no image is listed without shapes', async () => {
  const env = { PAPERWEIGHT_PAPERS: fileURLToPath(new URL('../support/papers', import.meta.url)) };
  const { code, stdout, stderr } = await runCli(['inspect', 'tiny-gan'], { env });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^generator\.0 +Linear +144$/m);
  assert.match(stdout, /^Total +1,957$/m);
  assert.match(stderr, /does not take an image of 3 × 6 × 6 \(linear.*\), so output shapes .* unknown/s);
  const drawn = await runCli(['inspect', 'tiny-gan', '--figure', 'x.svg'], { env });
  assert.equal(drawn.code, 2);
  assert.match(drawn.stderr, /--figure cannot draw this network.*channels/s);
});

test('a network of grey images is inspected with one channel', async () => {
  const { code, stdout, stderr } = await runCli(['inspect', 'vae', '--json']);
  assert.equal(code, 0, stderr);
  const [{ parameters, layers }] = jsonLines(stdout) as unknown as [Summary];
  assert.equal(parameters, 815_824);
  assert.deepEqual(layers.at(-1)!.outputShape, [1, 784]);
});
