import assert from 'node:assert/strict';
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { describe, type TestContext } from 'node:test';
import sharp from 'sharp';
import { Message } from '../../src/files/protobuf.js';
import { Conv2d } from '../../src/nn/index.js';
import { image, record, scalar, summaryEvent, versionEvent } from '../../src/report/tensorboard/event.js';
import { saveKernels } from '../../src/run/kernel-files.js';
import { Logger } from '../../src/run/logger.js';
import { RunFolder } from '../../src/run/run-folder.js';
import { jsonLines, runCli } from '../support/cli.js';
import { scratch, toyConfig } from '../support/toy.js';

const CLASSES = ['<img src=x onerror=alert(1)>', '猫', ...Array.from({ length: 8 }, (_, i) => `c${i}`)];

/** An image of a summary whose bytes are no image. */
const brokenImage = (tag: string) => (summary: Message) => {
  summary.message(
    1,
    new Message().string(1, tag).message(4, new Message().bytes(4, Uint8Array.of(0x89, 0x50, 1, 2))),
  );
};

/** A run of two epochs with insights and no weights. */
async function makeRun(t: TestContext, name = 'run'): Promise<string> {
  const path = join(await scratch(t), name);
  const config = toyConfig();
  const folder = await RunFolder.create(path, {
    ...config,
    model: { ...config.model, classes: CLASSES },
    machine: { cpu: '<b>chip</b>', device: { engine: 'reference' } },
  });
  for (let step = 1; step <= 40; step++)
    await folder.log({
      event: 'step',
      epoch: Math.ceil(step / 20),
      step,
      loss: 3 - step / 20,
      lr: 0.01,
      imagesPerSecond: 10,
      stepSeconds: 0.5,
      dataSeconds: 0,
      rssMiB: 123,
    });
  for (const epoch of [1, 2])
    await folder.log({
      event: 'epoch',
      epoch,
      step: 20 * epoch,
      trainLoss: 2,
      trainAccuracy: 20 * epoch,
      testLoss: 2,
      testAccuracy: 25.5 * epoch,
      testTop5: 80,
      testImages: 1234,
      seconds: 1,
    });
  for (const step of [1, 40]) {
    await folder.logInsight({
      event: 'insight',
      step,
      parameters: [{ name: 'features.0.weight', gradNorm: 1, norm: 2 }],
      activations: [
        {
          name: 'features.1',
          kind: 'ReLU',
          units: 4,
          dead: 0.25,
          active: 0.5,
          mean: 1,
          std: 1,
          histogram: { min: 0, max: 1, counts: [3, 1] },
        },
      ],
    });
    await saveKernels(path, step, new Conv2d(3, 4, 3));
  }
  return path;
}

test('a run without weights has a page with the available parts and the reason for the missing ones', async (t) => {
  const run = await makeRun(t, 'a <b>bold</b> run');
  const figures = join(run, 'figures');
  const { code, stdout, stderr } = await runCli([
    'report',
    run,
    '--figures',
    figures,
    '--device',
    'reference',
  ]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, `Report: ${join(run, 'report.html')}\nFigures: 16 files in ${figures}\n`);
  const html = await readFile(join(run, 'report.html'), 'utf8');
  assert.match(html, /^<!doctype html>/);
  assert.ok(!/<script|<img|<b>|onerror=alert\(1\)>/i.test(html));
  assert.match(html, /51 % accuracy on 1,234 test images of shapes10/);
  assert.match(html, /has no weights yet/);
  assert.match(html, /&#60;b&#62;chip/);
  // No external resources: every address is a data URL, a place in the page, or the SVG namespace.
  for (const [, address] of html.matchAll(/(?:href|src)="([^"]*)"/g))
    assert.match(address!, /^(data:image\/png;|#[a-z])/);
  assert.ok(!/url\(|@import/.test(html));
  for (const name of [
    'curve',
    'training-error',
    'gradients',
    'weights',
    'dead-units',
    'histograms',
    'kernels-first',
    'kernels',
  ]) {
    assert.match(html, new RegExp(`<figure id="${name}" tabindex="0">`));
    const { isOpaque } = await sharp(join(figures, `${name}.png`)).stats();
    assert.ok(isOpaque, `${name}.png shows what lies behind it`);
    assert.match(await readFile(join(figures, `${name}.svg`), 'utf8'), /^<svg /);
  }
});

test('the page can be in Chinese and compare several runs', async (t) => {
  const run = await makeRun(t);
  const other = await makeRun(t, 'other');
  const out = join(run, 'page.html');
  const args = ['report', run, other, '--lang', 'zh', '--out', out, '--images', '0', '--json'];
  const { code, stdout, stderr } = await runCli([...args, '--device', 'reference']);
  assert.equal(code, 0, stderr);
  assert.deepEqual(jsonLines(stdout), [{ report: out, figures: [] }]);
  const html = await readFile(out, 'utf8');
  assert.match(html, /<html lang="zh-Hans">/);
  assert.match(html, /混淆矩阵|训练损失/);
  assert.match(html, /<figure id="losses"[^>]*>.*other/s);
});

test('invalid input is refused, and nothing is written', async (t) => {
  const absent = await runCli(['report', join(await scratch(t), 'absent')]);
  assert.equal(absent.code, 2);
  assert.match(absent.stderr, /is not a run folder/);
  const logged = join(await scratch(t), 'logged');
  await (await Logger.open(logged)).close();
  for (const [args, message] of [
    [[await makeRun(t), logged], /logged is not the run of a training.*logged with Logger/],
    [[logged, await makeRun(t)], /run cannot be drawn beside .*logged/],
    [[logged, join(logged, 'absent')], /is not a run folder/],
  ] as const) {
    const { code, stderr } = await runCli(['report', ...args]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /✖|Invalid input/);
    assert.ok(!(await readdir(logged)).includes('report.html'));
  }
  const run = await makeRun(t);
  const out = join(run, 'nowhere', 'x.html');
  const lost = await runCli(['report', run, '--out', out, '--device', 'reference']);
  assert.equal(lost.code, 1);
  assert.match(lost.stderr, /cannot write .*x\.html/);
  await writeFile(join(run, 'kernels', 'step-00000040.safetensors'), 'nonsense');
  const broken = await runCli(['report', run, '--device', 'reference']);
  assert.equal(broken.code, 1);
  assert.match(broken.stderr, /step-00000040\.safetensors/);
  assert.ok(!(await readdir(run)).includes('report.html'));
});

describe('runs that a program logged itself', () => {
  const HOSTILE = '<script>alert(1)</script>';

  test('have a page with every value, image and distribution, and the settings', async (t) => {
    const folder = await scratch(t);
    const paths = [];
    for (const factor of [1, 2]) {
      const path = join(folder, `mine-${factor}`);
      paths.push(path);
      const logger = await Logger.open(path, { settings: { lr: 0.1, net: { name: HOSTILE } } });
      for (let step = 1; step <= 1500; step++) {
        logger.scalar('loss/a', factor / step, step);
        logger.scalar('loss-a', step === 700 ? Number.NaN : 7, step);
      }
      logger.scalar(`准确率 ${HOSTILE}`, 0.5, 1500);
      logger.histogram('w', [1, 2, 3], 10);
      logger.histogram('w', [1, 2, 30], 1500);
      await logger.image('first', { shape: [3, 2, 2], data: new Uint8Array(12) }, 5);
      await logger.image('face', { shape: [1, 2, 2], data: [0, 1, 0, 1] }, 1500);
      await logger.close();
    }
    const figures = join(folder, 'figures');
    const { code, stdout, stderr } = await runCli(['report', ...paths, '--figures', figures, '--json']);
    assert.equal(code, 0, stderr);
    assert.equal((jsonLines(stdout)[0]!.figures as string[]).length, 2 * 6);
    const html = await readFile(join(paths[0]!, 'report.html'), 'utf8');
    assert.ok(!/<script|<img/i.test(html));
    assert.match(html, /Logged by .* over 1,500 steps/);
    assert.match(html, /<td>loss\/a<\/td><td>0\.00066667<\/td><td>0\.00066667<\/td><td>1<\/td>/);
    assert.match(html, /<th scope="row">net\.name<\/th><td>&#60;script/);
    assert.match(html, /<th scope="row">started<\/th>/);
    const part = (id: string) => html.slice(html.indexOf(`<figure id="${id}"`)).split('</figure>')[0]!;
    assert.match(part('value-loss-a'), /mine-1<\/text>.*mine-2<\/text>/s);
    assert.equal(part('value-loss-a-2').match(/>×</g)?.length, 2, 'a NaN of each run');
    assert.match(part('image-face'), /face, step 1,500/);
    assert.match(part('image-first'), /first, step 5/);
    assert.match(part('distributions'), /step 1,500<.*>30</s);
    const chinese = join(folder, 'zh.html');
    assert.equal((await runCli(['report', paths[0]!, '--lang', 'zh', '--out', chinese])).code, 0);
    assert.match(await readFile(chinese, 'utf8'), /记录，共 1,500 步.*数值分布/s);
  });

  test('may be event files of TensorBoard; images that cannot be decoded are left out', async (t) => {
    const folder = join(await scratch(t), 'events');
    await mkdir(join(folder, 'train'), { recursive: true });
    const pixels = { width: 2, height: 1, rgb: Uint8Array.of(255, 0, 0, 0, 0, 255) };
    const step = (n: number) =>
      summaryEvent(2000 + n, n, [scalar('loss', 2 / n), image('shown', pixels), brokenImage('broken')]);
    const events = [versionEvent(2000), step(1), step(2)].map(record);
    await writeFile(join(folder, 'train', 'events.out.tfevents.2000.host'), Buffer.concat(events));
    const { code, stderr } = await runCli(['report', folder]);
    assert.equal(code, 0, stderr);
    const html = await readFile(join(folder, 'report.html'), 'utf8');
    assert.match(html, /From TensorBoard’s event files, 2 steps/);
    assert.match(html, /<figure id="value-train-loss"/);
    assert.match(html, /<figure id="image-train-shown".*data:image\/png/s);
    assert.ok(!html.includes('broken'));
    const junk = join(await scratch(t), 'junk');
    await mkdir(junk);
    await writeFile(join(junk, 'events.out.tfevents.1.host'), Buffer.alloc(500, 0x37));
    const refused = await runCli(['report', junk]);
    assert.equal(refused.code, 1, refused.stderr);
    assert.match(refused.stderr, /junk cannot be read.*events\.out\.tfevents\.1\.host/);
  });
});

test('truncated lines do no harm', async (t) => {
  const run = await makeRun(t);
  await appendFile(join(run, 'metrics.jsonl'), '{"event":"step","st');
  await appendFile(join(run, 'insights.jsonl'), '{"event":"insi');
  const { code, stderr } = await runCli(['report', run, '--images', '0', '--device', 'reference']);
  assert.equal(code, 0, stderr);
});

test('a damaged file of samples is left out, and named', async (t) => {
  const run = await makeRun(t);
  await mkdir(join(run, 'samples'));
  await writeFile(join(run, 'samples', 'step-00000040.safetensors'), 'torn');
  const { code, stderr } = await runCli(['report', run, '--images', '0', '--device', 'reference']);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /The samples of step 40 are left out: .*step-00000040/);
  assert.match(await readFile(join(run, 'report.html'), 'utf8'), /^<!doctype html>/i);
});
