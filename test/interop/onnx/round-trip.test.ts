import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openDevice } from '../../../src/backend/open.js';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { manualSeed, nn, optim } from '../../../src/index.js';
import { exportOnnx, importOnnx, type OnnxModel } from '../../../src/interop/onnx/index.js';
import { inspect } from '../../../src/nn/inspect.js';
import type { Module } from '../../../src/nn/module.js';
import { FourLayerNet } from '../../../src/papers/alexnet/four-layer.js';
import { AlexNet, alexNetPresets } from '../../../src/papers/alexnet/model.js';
import { ResNet } from '../../../src/papers/resnet/model.js';
import { batchOf } from '../../support/generated.js';
import { everyLayer } from '../../support/nets/every-layer.js';
import { onnxCases, patterned } from '../../support/onnx/cases.js';

const fast = openDevice('auto').then(({ device }) => device);
after(async () => (await fast).close());

const exported = async (model: Module, size: number, channels = 3): Promise<Uint8Array> =>
  (await exportOnnx(model, [channels, size, size])).encode();
const read = async (model: Module, size: number): Promise<OnnxModel> =>
  importOnnx(await exported(model, size));

const NETWORKS: Readonly<Record<string, { size: number; make: () => Module }>> = {
  ...Object.fromEntries(
    // The same graph with few units, to save time.
    alexNetPresets.map((preset) => [
      `AlexNet, ${preset}`,
      {
        size: preset === 'caffe' ? 227 : 224,
        make: () => new AlexNet({ numClasses: 5, preset, hidden: 32 }),
      },
    ]),
  ),
  'the four-layer network': { size: 32, make: () => new FourLayerNet({ numClasses: 10 }) },
  'ResNet-8': { size: 32, make: () => new ResNet({ depth: 8 }) },
  'the plain net of 8 layers': { size: 32, make: () => new ResNet({ depth: 8, shortcuts: false }) },
  'every layer': { size: 16, make: everyLayer },
};

for (const [name, { size, make }] of Object.entries(NETWORKS))
  test(`${name}: exported and imported twice, the logits are identical`, async () => {
    manualSeed(3);
    const device = await fast;
    const model = (await make().to(device)).eval();
    const [images] = batchOf(2, [3, size, size], 0);
    const logits = await model.forward(images).data();
    const once = await (await read(model, size)).to(device);
    assert.deepEqual(await once.forward(images).data(), logits);
    const twice = await (await read(once, size)).to(device);
    assert.deepEqual(await twice.forward(images).data(), logits);

    const [was, is] = [model.stateDict(), once.stateDict()];
    assert.deepEqual([...is.keys()].sort(), [...was.keys()].sort());
    for (const [key, parameter] of was)
      assert.deepEqual(await is.get(key)!.data(), await parameter.data(), key);
    const names = (m: Module) =>
      m
        .namedParameters()
        .map(([key]) => key)
        .sort();
    assert.deepEqual(names(once), names(model));
    const [before, after] = [inspect(model, [3, size, size]), inspect(once, [3, size, size])];
    assert.equal(after.parameters, before.parameters);
    assert.equal(after.macs, before.macs);
    assert.equal(
      after.layers.reduce((sum, layer) => sum + layer.parameters, 0),
      before.parameters,
    );
  });

test('an imported network is in evaluation mode, moves to a device, and trains', async () => {
  manualSeed(4);
  const net = new nn.Sequential(
    new nn.Conv2d(3, 4, 3),
    new nn.BatchNorm2d(4),
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Linear(144, 3),
  );
  const model = await importOnnx(await exported(net, 8)).to(referenceDevice());
  assert.ok(model.namedModules().every(([, m]) => !m.training));
  const [images, labels] = batchOf(4, [3, 8, 8], 0, 3);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.05 });
  const losses: number[] = [];
  model.train();
  for (let step = 0; step < 5; step++) {
    optimizer.zeroGrad();
    const loss = new nn.CrossEntropyLoss().forward(model.forward(images), labels);
    loss.backward();
    assert.ok(
      model.parameters().every((p) => p.grad),
      'every parameter has a gradient',
    );
    optimizer.step();
    losses.push(await loss.item());
  }
  assert.ok(losses.at(-1)! < 0.8 * losses[0]!, losses.join(' '));
  // The statistics of the file are used.
  assert.deepEqual(await model.stateDict().get('1.running_mean')!.data(), new Float32Array(4));
});

test('a dropout in the file is active in training only', async () => {
  const model = importOnnx(
    onnxCases('onnx-cases.json').find(({ name }) => name.startsWith('Dropout with'))!.bytes,
  );
  const images = patterned([50, 4, 6, 5], true);
  const x = await images.data();
  assert.deepEqual(await model.forward(images).data(), x);
  const dropped = await model.train().forward(images).data();
  const zeros = dropped.filter((v) => v === 0).length / x.length;
  assert.ok(zeros > 0.27 && zeros < 0.33, `${zeros}`);
  for (const [i, v] of dropped.entries()) assert.ok(v === 0 || Math.abs(v - x[i]! / 0.7) < 1e-6 * v);
});

test('its summary lists the ONNX operators under the names of the nodes', async () => {
  const model = await read(everyLayer(), 16);
  assert.match(
    String(model),
    /^OnnxModel\(\n {2}input=\[batch, 3, 16, 16\], opset=17, producer=paperweight\n/,
  );
  const { layers } = inspect(model, [3, 16, 16]);
  assert.deepEqual(
    layers.map(({ type }) => type),
    'Conv BatchNormalization LeakyRelu LRN Conv Tanh MaxPool Sigmoid AveragePool GlobalAveragePool Flatten Gemm Relu Softplus Gemm'.split(
      ' ',
    ),
  );
  assert.deepEqual(layers[0], {
    name: '0/conv2d:Conv',
    type: 'Conv',
    outputShape: [1, 8, 8, 8],
    parameters: 224,
    macs: 8 * 27 * 64,
  });
});
