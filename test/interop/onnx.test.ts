import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CIFAR10 } from '../../src/data/cifar10.js';
import { DataLoader } from '../../src/data/loader.js';
import { compose, resize, toTensor } from '../../src/data/transforms/index.js';
import { UsageError } from '../../src/errors.js';
import { tensor } from '../../src/index.js';
import { exportOnnx } from '../../src/interop/onnx/index.js';
import { joined, Message } from '../../src/interop/onnx/protobuf.js';
import {
  AdaptiveAvgPool2d,
  AvgPool2d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Flatten,
  LeakyReLU,
  Linear,
  LocalResponseNorm,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
  Sigmoid,
  Tanh,
} from '../../src/nn/index.js';
import { AlexNet } from '../../src/papers/alexnet/model.js';
import { manualSeed } from '../../src/tensor/random.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { saveWeights } from '../../src/train/checkpoint.js';
import { jsonLines, runCli } from '../support/cli.js';
import { batchOf } from '../support/generated.js';
import { decode, readOnnx } from '../support/onnx-reader.js';
import { makeTinyNet } from '../support/tinynet.js';

const bytesOf = (message: Message): Uint8Array => joined(message.pieces);

/** Every layer that has an ONNX operator, and dropout, which has none in evaluation. */
const everyLayer = (): Sequential =>
  new Sequential(
    new Conv2d(3, 8, 3, { stride: 2, padding: 1 }),
    new BatchNorm2d(8),
    new LeakyReLU(0.2),
    new LocalResponseNorm(5, { alpha: 0.3, beta: 0.6, k: 2 }),
    new Conv2d(8, 8, 3, { padding: 1, groups: 2 }),
    new Tanh(),
    new MaxPool2d(3, { stride: 2, padding: 1 }),
    new Sigmoid(),
    new AvgPool2d(2, { stride: 1, padding: 1 }),
    new AdaptiveAvgPool2d(1),
    new Flatten(),
    new Dropout(0.5),
    new Linear(8, 6),
    new ReLU(),
    new Linear(6, 4),
  );

test('protobuf integers: small, large, negative, and packed lists', () => {
  const message = new Message().int(1, 0).int(1, 300).int(2, -1).ints(3, [1, 128, -2]).string(4, 'né');
  const fields = decode(bytesOf(message));
  assert.deepEqual(fields.get(1), [0n, 300n]);
  assert.deepEqual(fields.get(2), [-1n]);
  assert.deepEqual(fields.get(3), [Uint8Array.of(1, 128, 1, 254, 255, 255, 255, 255, 255, 255, 255, 255, 1)]);
  assert.deepEqual(fields.get(4), [new TextEncoder().encode('né')]);
  assert.equal(bytesOf(message).length, message.length);
});

test('an exported graph has the layers in order, the parameters by name, and a free batch', async () => {
  const model = makeTinyNet(3);
  const file = readOnnx(bytesOf(await exportOnnx(model, [3, 16, 16], { metadata: { classes: '["a"]' } })));
  assert.equal(file.irVersion, 8);
  assert.deepEqual(file.opset, [17]);
  assert.deepEqual(file.metadata, { classes: '["a"]' });
  assert.deepEqual(file.input, [{ name: 'pictures', shape: ['batch', 3, 16, 16] }]);
  assert.deepEqual(file.output, [{ name: 'logits', shape: ['batch', 10] }]);
  assert.deepEqual(
    file.nodes.map((n) => n.type),
    'Conv Relu MaxPool Conv Relu Conv Relu MaxPool Flatten Gemm Relu Gemm'.split(' '),
  );
  assert.deepEqual(file.nodes[0]!.attributes, {
    kernel_shape: [5, 5],
    strides: [1, 1],
    pads: [2, 2, 2, 2],
    dilations: [1, 1],
    group: 1,
  });
  assert.deepEqual(file.nodes[0]!.inputs, ['pictures', '0.weight', '0.bias']);
  assert.equal(file.nodes.at(-1)!.outputs[0], 'logits');
  for (const [i, node] of file.nodes.entries())
    assert.ok(i === 0 || node.inputs[0] === file.nodes[i - 1]!.outputs[0], 'each node reads the one before');
  for (const [name, parameter] of model.namedParameters()) {
    const saved = file.initializers.get(name)!;
    assert.deepEqual(saved.shape, [...parameter.shape]);
    assert.deepEqual(new Float32Array(saved.raw.buffer), await parameter.data(), name);
  }
});

test('LRN keeps its numbers, dropout goes, and the model stays in training mode', async () => {
  const model = everyLayer();
  const { nodes } = readOnnx(bytesOf(await exportOnnx(model, [3, 16, 16])));
  assert.deepEqual(
    nodes.map((n) => n.type),
    'Conv BatchNormalization LeakyRelu LRN Conv Tanh MaxPool Sigmoid AveragePool GlobalAveragePool Flatten Gemm Relu Gemm'.split(
      ' ',
    ),
  );
  const { size, alpha, beta, bias } = nodes[3]!.attributes as Record<string, number>;
  assert.deepEqual([size, alpha, beta, bias], [5, Math.fround(0.3), Math.fround(0.6), 2]);
  assert.ok(model.namedModules().every(([, m]) => m.training));
});

test('what ONNX cannot express is refused with the layer’s name', async () => {
  class Mixing extends Module {
    forward(x: Tensor): Tensor {
      return x.sum([0]);
    }
  }
  const refused = (model: Module, words: RegExp) =>
    assert.rejects(exportOnnx(model, [4, 8, 8]), (e) => e instanceof UsageError && words.test(e.message));
  await refused(new Sequential(new LocalResponseNorm(4)), /localResponseNorm in 0 .*another window/);
  await refused(new Sequential(new AdaptiveAvgPool2d(3)), /8×8 does not divide into 3×3/);
  await refused(new Mixing(), /mixes the pictures/);
});

test('the command writes a run’s weights as ONNX', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'paperweight-test-'));
  t.after(() => rm(folder, { recursive: true }));
  const weights = join(folder, 'weights.safetensors');
  await saveWeights(weights, new AlexNet({ numClasses: 2 }));
  const out = join(folder, 'alexnet.onnx');
  const { code, stdout, stderr } = await runCli(['export', weights, '--out', out, '--json']);
  assert.equal(code, 0, stderr);
  const [line] = jsonLines(stdout);
  assert.equal(line!.file, out);
  assert.ok(Number(line!.bytes) > 58e6 * 4);
});

// ── Against another implementation ──────────────────────────────────────────────────────────────────────────

interface Runtime {
  InferenceSession: {
    create(bytes: Uint8Array): Promise<{
      run(feeds: Record<string, unknown>): Promise<Record<string, { data: Float32Array }>>;
    }>;
  };
  Tensor: new (type: string, data: Float32Array, shape: readonly number[]) => unknown;
}

const peers = process.env.PAPERWEIGHT_PEERS;
const skip = peers ? false : 'PAPERWEIGHT_PEERS names no folder with onnxruntime-node';
const runtime = () => createRequire(join(peers!, 'node_modules', 'x.js'))('onnxruntime-node') as Runtime;

async function sameAsOnnxRuntime(model: Module, pictures: Tensor): Promise<void> {
  const { InferenceSession, Tensor: OrtTensor } = runtime();
  const shape = pictures.shape;
  const session = await InferenceSession.create(bytesOf(await exportOnnx(model, shape.slice(1))));
  const data = (await pictures.data()) as Float32Array;
  const { logits } = await session.run({ pictures: new OrtTensor('float32', data, shape) });
  const ours = (await (model.eval() as Module).forward(pictures).data()) as Float32Array;
  const scale = ours.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const worst = ours.reduce((most, v, i) => Math.max(most, Math.abs(v - logits!.data[i]!)), 0);
  assert.equal(logits!.data.length, ours.length);
  assert.ok(worst <= 1e-5 * scale, `differs by ${worst} at values of ${scale}`);
}

test('onnxruntime computes the same from every layer', { skip }, async () => {
  manualSeed(1);
  await sameAsOnnxRuntime(everyLayer(), batchOf(3, [3, 16, 16], 0)[0]);
});

const cifar = process.env.PAPERWEIGHT_CIFAR10;
test('onnxruntime computes AlexNet’s logits of real pictures', {
  skip: skip || (cifar ? false : 'PAPERWEIGHT_CIFAR10 names no folder'),
}, async () => {
  manualSeed(2);
  const dataset = await CIFAR10.open({ root: cifar!, train: false });
  const transform = compose([resize(224), toTensor()]);
  for await (const [pictures] of new DataLoader(dataset, { batchSize: 2, transform })) {
    const values = (await pictures.data()) as Float32Array;
    await sameAsOnnxRuntime(new AlexNet({ numClasses: 10 }), tensor(values, { shape: pictures.shape }));
    break;
  }
});
