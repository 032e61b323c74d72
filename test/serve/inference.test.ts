import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { SHAPE_NAMES } from '../../src/data/shapes10/draw.js';
import { writeSafetensors } from '../../src/interop/safetensors/checked.js';
import { AlexNet } from '../../src/papers/alexnet/model.js';
import { InferenceProcess } from '../../src/serve/inference/client.js';
import type { Answer, Waiting } from '../../src/serve/route-table.js';
import { fileCases } from '../support/images.js';
import { scratch, toyConfig } from '../support/toy.js';
import { ask, call, makeRun, openDashboard } from './support.js';

const PAPERS = fileURLToPath(new URL('../support/papers', import.meta.url));

const RUN = { params: { id: 'run' } };
const COMPUTE = { 'X-Paperweight': '1' };
const post = (dashboard: { port: number }, path: string, body?: Uint8Array, type = 'image/png') =>
  ask(dashboard, path, {
    method: 'POST',
    headers: body ? { ...COMPUTE, 'Content-Type': type } : COMPUTE,
    ...(body ? { body } : {}),
  });

/**
 * A process with computed answers instead of a model: image i of the test set has class i % 3, is predicted as the next
 * class if i is divisible by 10, and has the hidden values [i, 0].
 */
const FAKE = `
import { existsSync } from 'node:fs';
const classes = ['a', 'b', 'c'];
process.on('disconnect', () => process.exit(0));
process.on('message', ({ id, operation, args }) => {
  const reply = (rest) => process.send({ id, ...rest });
  if (operation === 'survey') {
    const { from, to } = args;
    reply({ progress: { done: 5, total: to - from } });
    const all = Array.from({ length: to - from }, (_, i) => from + i);
    const labels = Int32Array.from(all, (i) => i % 3);
    const predicted = Int32Array.from(all, (i) => (i + (i % 10 === 0)) % 3);
    const hidden = Float32Array.from(all.flatMap((i) => [i, 0]));
    const value = { classes, indices: Int32Array.from(all), labels, predicted, hidden };
    const answer = () => (existsSync(process.argv[1] + '.' + from) ? reply({ value }) : setTimeout(answer, 10));
    answer();
  } else if (operation === 'predict') {
    const { index } = args.image;
    if (index === 13) process.exit(1);
    if (index === 99) return;
    const value = { classes, probabilities: Float32Array.of(0.25, 0.5, 0.125), hidden: Float32Array.of(index + 0.25, 0), label: 2 };
    reply({ value });
  } else reply({ error: { name: 'UsageError', what: 'No ' + operation } });
});
`;

async function fakeDashboard(t: TestContext, idleMs?: number) {
  const script = join(await scratch(t), 'fake.mjs');
  await writeFile(script, FAKE);
  const inference = new InferenceProcess(script, idleMs);
  const { dashboard, root } = await openDashboard(t, { inference });
  await makeRun(root, 'run', { files: { 'state.json': '{"version":1,"latest":"step-1.safetensors"}' } });
  await writeFile(join(root, 'run', 'checkpoints', 'step-1.safetensors'), '');
  /** Lets the survey of the images from this one on end. */
  const release = (from: number): Promise<void> => writeFile(`${script}.${from}`, '');
  return { dashboard, inference, release };
}

test('neighbours and confusions come from one pass over the test images', async (t) => {
  const { dashboard, release } = await fakeDashboard(t);
  const predict = async () =>
    (await call(dashboard, 'POST /api/runs/:id/predict', { ...RUN, query: { index: 500 } })).body;
  const first = await predict();
  assert.deepEqual(first.top, [
    { label: 'b', probability: 0.5 },
    { label: 'a', probability: 0.25 },
    { label: 'c', probability: 0.125 },
  ]);
  assert.deepEqual([first.label, first.weights, first.neighbours], ['c', 'step-1.safetensors', []]);
  assert.ok(first.working);
  await release(0);
  let found = first;
  while (found.working) {
    await sleep(50);
    found = await predict();
  }
  assert.deepEqual(
    found.neighbours.slice(0, 3).map(({ index, label, distance }) => [index, label, distance]),
    [
      [500, 'c', 0.25],
      [501, 'a', 0.75],
      [499, 'b', 1.25],
    ],
  );
  let answer = await ask(dashboard, '/api/runs/run/confusion');
  assert.equal(answer.status, 202);
  const { done, total } = answer.body as Waiting<'GET /api/runs/:id/confusion'>;
  assert.ok(done >= 1000 && total === 2000, `${done} of ${total}`);
  await release(1000);
  while (answer.status === 202) {
    await sleep(50);
    answer = await ask(dashboard, '/api/runs/run/confusion');
  }
  const { classes, counts, cells, images, weights } = answer.body as Answer<'GET /api/runs/:id/confusion'>;
  assert.deepEqual([classes, images, weights], [['a', 'b', 'c'], 2000, 'step-1.safetensors']);
  // The 200 misclassified images are spread evenly over the three classes.
  assert.deepEqual(counts, [
    [600, 67, 0],
    [0, 600, 67],
    [66, 0, 600],
  ]);
  assert.deepEqual(cells[0]![1]!.slice(0, 3), [0, 30, 60]);
  assert.equal(cells[0]![0]!.length, 24);
});

test('the inference process is restarted after it ends, and the server continues', async (t) => {
  const { dashboard, inference } = await fakeDashboard(t);
  const waiting = post(dashboard, '/api/runs/run/predict?index=99');
  while (inference.pid === undefined) await sleep(10);
  const crashed = await post(dashboard, '/api/runs/run/predict?index=13');
  assert.deepEqual([crashed.status, (await waiting).status], [503, 503]);
  assert.equal((await post(dashboard, '/api/runs/run/predict?index=1')).status, 200);
  const refused = await post(dashboard, '/api/runs/run/features?layer=x&index=1');
  assert.deepEqual([refused.status, refused.body], [422, { error: { what: 'No features' } }]);
});

// The limit is below that of a silent process, which ends too.
test('too many requests are refused, and an idle process ends', { timeout: 60_000 }, async (t) => {
  const { dashboard, inference, release } = await fakeDashboard(t, 100);
  const waiting = Array.from({ length: 64 }, () => post(dashboard, '/api/runs/run/predict?index=99'));
  let refused = await post(dashboard, '/api/runs/run/predict?index=1');
  while (refused.status !== 503) refused = await post(dashboard, '/api/runs/run/predict?index=1');
  assert.match(refused.text, /at most 64/);
  // Releases the waiting requests.
  process.kill(inference.pid!, 'SIGKILL');
  for (const answer of await Promise.all(waiting)) assert.equal(answer.status, 503);
  // A prediction starts a survey of the test images, and a process that computes one is not idle.
  await release(0);
  assert.equal((await post(dashboard, '/api/runs/run/predict?index=1')).status, 200);
  while (inference.pid !== undefined) await sleep(20);
  assert.equal((await post(dashboard, '/api/runs/run/predict?index=1')).status, 200);
});

test('a real model has layers, features and predictions', async (t) => {
  const { dashboard, root } = await openDashboard(t);
  const set = toyConfig();
  const classes = [...SHAPE_NAMES];
  const model = { ...set.model, paper: 'alexnet', preset: 'notes', classes, imageSize: 63 };
  await makeRun(root, 'run', {
    config: { ...set, model },
    files: { 'state.json': '{"version":1,"best":{"file":"best-1.safetensors","accuracy":10}}' },
  });
  // All zeros except two biases: the first layer's maps are 0 to 95, and class i has the logit ln(i + 1).
  const tensors = new Map(
    [...new AlexNet({ numClasses: 10 }).stateDict()].map(([name, { shape, size }]) => [
      name,
      { dtype: 'F32' as const, shape: [...shape], data: new Float32Array(size) },
    ]),
  );
  tensors.get('features.0.bias')!.data.set(Array.from({ length: 96 }, (_, i) => i));
  tensors.get('classifier.6.bias')!.data.set(classes.map((_, i) => Math.log(i + 1)));
  await writeSafetensors(join(root, 'run', 'checkpoints', 'best-1.safetensors'), tensors);

  const detail = (await call(dashboard, 'GET /api/runs/:id/model', RUN)).body;
  assert.deepEqual([detail.classifies, detail.sized, detail.inputShape], [true, true, [3, 63, 63]]);
  assert.deepEqual(detail.layers[0], {
    name: 'features.0',
    kind: 'Conv2d',
    settings: '96 × 11 × 11, stride 4, padding 2',
    outputShape: [96, 15, 15],
    parameters: 34_944,
    multiplyAdds: 96 * 15 * 15 * 3 * 11 * 11,
  });
  assert.equal(detail.layers.at(-1)!.settings, '4096 → 10');

  const features = await call(dashboard, 'POST /api/runs/:id/features', {
    ...RUN,
    query: { layer: 'features.0', index: 3 },
  });
  const { grey, ...maps } = features.body;
  assert.deepEqual(maps, {
    layer: 'features.0',
    maps: 96,
    mapsTotal: 96,
    height: 15,
    width: 15,
    min: 0,
    max: 95,
  });
  const bytes = Buffer.from(grey, 'base64');
  assert.equal(bytes.length, 96 * 225);
  assert.deepEqual([bytes[0], bytes[224], bytes[225], bytes.at(-1)], [0, 0, 3, 255]);
  const hidden = (
    await call(dashboard, 'POST /api/runs/:id/features', {
      ...RUN,
      query: { layer: 'classifier.5', index: 3 },
    })
  ).body;
  assert.deepEqual([hidden.maps, hidden.height, hidden.width], [1, 1, 4096]);
  assert.equal((await post(dashboard, '/api/runs/run/features?layer=__proto__&index=3')).status, 422);

  const png = await ask(dashboard, '/api/images/run/3');
  assert.equal(png.headers['content-type'], 'image/png');
  const tall = { create: { width: 40, height: 300, channels: 3 as const, background: '#808080' } };
  const seen = await post(
    dashboard,
    '/api/runs/run/predict',
    await sharp(tall).webp().toBuffer(),
    'image/webp',
  );
  const { top, label, weights } = seen.body as Answer<'POST /api/runs/:id/predict'>;
  assert.deepEqual([top[0]!.label, label, weights], [classes.at(-1), undefined, 'best-1.safetensors']);
  assert.ok(Math.abs(top[0]!.probability - 10 / 55) < 1e-6);

  // All formats of image folders are accepted, recognised by their first bytes, whatever the Content-Type.
  const avif = await sharp(tall).avif().toBuffer();
  for (const file of [...fileCases.map(({ file }) => file), avif]) {
    const answer = await post(dashboard, '/api/runs/run/predict', file, 'application/octet-stream');
    assert.equal(answer.status, 200, `${file.subarray(0, 4)}: ${answer.text}`);
  }
  const drawing = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
  const svg = await post(dashboard, '/api/runs/run/predict', drawing, 'image/png');
  assert.deepEqual([svg.status, /SVG drawing.*BMP|BMP.*SVG drawing/.test(svg.text)], [415, true]);

  const huge = { create: { width: 7000, height: 7000, channels: 3 as const, background: '#808080' } };
  const refused = await post(dashboard, '/api/runs/run/predict', await sharp(huge).png().toBuffer());
  assert.deepEqual([refused.status, /40,000,000 pixels/.test(refused.text)], [422, true]);
  const cut = (await sharp(tall).png().toBuffer()).subarray(0, 60);
  assert.equal((await post(dashboard, '/api/runs/run/predict', cut)).status, 422);
  assert.equal((await ask(dashboard, '/api/runs/run/confusion')).status, 202);
});

test('networks that do not take one image are described without sizes, and are no classifiers', async (t) => {
  process.env.PAPERWEIGHT_PAPERS = PAPERS;
  t.after(() => delete process.env.PAPERWEIGHT_PAPERS);
  const { dashboard, root } = await openDashboard(t);
  const set = toyConfig();
  const describe = async (paper: string, preset: string, imageSize: number) => {
    const model = { ...set.model, paper, preset, classes: [], imageSize, init: 'pytorch' };
    await makeRun(root, paper, { config: { ...set, model } });
    return (await call(dashboard, 'GET /api/runs/:id/model', { params: { id: paper } })).body;
  };
  const pair = await describe('pair', 'small', 6);
  assert.deepEqual([pair.classifies, pair.sized, pair.multiplyAdds], [false, false, 0]);
  assert.deepEqual(
    pair.layers.map(({ name, kind, outputShape, parameters }) => [name, kind, outputShape, parameters]),
    [
      ['encoder.0', 'Conv2d', [], 30],
      ['encoder.1', 'ReLU', [], 0],
      ['encoder.2', 'Flatten', [], 0],
      ['head', 'Linear', [], 53 * 36],
    ],
  );
  assert.equal(pair.parameters, 30 + 53 * 36);
  const gan = await describe('gan', 'small', 6);
  assert.deepEqual([gan.classifies, gan.sized], [false, false]);
});
