import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { UsageError } from '../../../src/errors/errors.js';
import { Message } from '../../../src/files/protobuf.js';
import { hostLeaf } from '../../../src/graph/node.js';
import { exportOnnx, importOnnx } from '../../../src/interop/onnx/index.js';
import { NOT_EXPORTED, rules } from '../../../src/interop/onnx/operators.js';
import { AdaptiveAvgPool2d, LocalResponseNorm, Module, Sequential } from '../../../src/nn/index.js';
import * as ops from '../../../src/ops/index.js';
import { AlexNet } from '../../../src/papers/alexnet/model.js';
import { saveWeights } from '../../../src/run/checkpoint.js';
import { randn } from '../../../src/tensor/create.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import { full, Tensor, tensor } from '../../../src/tensor/tensor.js';
import { jsonLines, runCli } from '../../support/cli.js';
import { assertNear } from '../../support/generated.js';
import { everyLayer } from '../../support/nets/every-layer.js';
import { makeTinyNet } from '../../support/nets/tinynet.js';
import { patterned } from '../../support/onnx/cases.js';
import { decode, readOnnx } from '../../support/onnx/reader.js';

setDefaultDevice(referenceDevice());

const bytesOf = (message: Message): Uint8Array => message.encode();

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
  assert.deepEqual(file.input, [{ name: 'images', shape: ['batch', 3, 16, 16] }]);
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
  assert.deepEqual(file.nodes[0]!.inputs, ['images', '0.weight', '0.bias']);
  assert.equal(file.nodes.at(-1)!.outputs[0], 'logits');
  for (const [i, node] of file.nodes.entries())
    assert.ok(i === 0 || node.inputs[0] === file.nodes[i - 1]!.outputs[0], 'each node reads the one before');
  for (const [name, parameter] of model.namedParameters()) {
    const saved = file.initializers.get(name)!;
    assert.deepEqual(saved.shape, [...parameter.shape]);
    assert.deepEqual(new Float32Array(saved.raw.buffer), await parameter.data(), name);
  }
});

test('LRN keeps its attributes, dropout is removed, and the model stays in training mode', async () => {
  const model = everyLayer();
  const { nodes } = readOnnx(bytesOf(await exportOnnx(model, [3, 16, 16])));
  assert.deepEqual(
    nodes.map((n) => n.type),
    'Conv BatchNormalization LeakyRelu LRN Conv Tanh MaxPool Sigmoid AveragePool GlobalAveragePool Flatten Gemm Relu Softplus Gemm'.split(
      ' ',
    ),
  );
  const { size, alpha, beta, bias } = nodes[3]!.attributes as Record<string, number>;
  assert.deepEqual([size, alpha, beta, bias], [5, Math.fround(0.3), Math.fround(0.6), 2]);
  assert.ok(model.namedModules().every(([, m]) => m.training));
});

test('adaptive pooling of any size is exported, bin by bin if necessary', async () => {
  for (const [from, to] of [
    [[1, 1], 6],
    [[8, 8], 3],
    [[5, 7], 4],
    [[2, 3], 6],
    [[6, 6], 3],
  ] as const) {
    const model = new Sequential(new AdaptiveAvgPool2d(to));
    const x = patterned([2, 3, ...from]);
    const again = importOnnx(bytesOf(await exportOnnx(model, [3, ...from])));
    assertNear(await again.forward(x).data(), await model.forward(x).data(), 1e-6, `${from} to ${to}`);
  }
});

test('concatenation, selection and comparison are exported', async () => {
  class Made extends Module {
    forward(x: Tensor): Tensor {
      const both = ops.concat([x.node, ops.clamp(x.node, { min: -0.5, max: 0.25 })], 1);
      const order = hostLeaf(Int32Array.of(3, 0, 3, 1), [4], 'int32');
      const chosen = ops.indexSelect(both, order, 1);
      const bound = hostLeaf(Float32Array.of(0.1), [], 'float32');
      const some = ops.where(ops.less(chosen, bound), ops.erf(chosen), ops.maximum(chosen, bound));
      return new Tensor(ops.add(some, ops.minimum(ops.floor(chosen), ops.power(ops.abs(chosen), bound))));
    }
  }
  const x = patterned([2, 3, 4, 4]);
  const again = importOnnx(bytesOf(await exportOnnx(new Made(), [3, 4, 4])));
  assertNear(await again.forward(x).data(), await new Made().forward(x).data(), 1e-6, 'made');
});

test('an operation that ONNX cannot express is refused with the name of the layer', async () => {
  class Mixing extends Module {
    forward(x: Tensor): Tensor {
      return x.sum([0]);
    }
  }
  const refused = (model: Module, words: RegExp) =>
    assert.rejects(exportOnnx(model, [4, 8, 8]), (e) => e instanceof UsageError && words.test(e.message));
  await refused(new Sequential(new LocalResponseNorm(4)), /localResponseNorm in 0 .*window of 4/);
  await refused(new Mixing(), /mixes the images/);
});

test('a constant of the batch is written once and repeated, or refused', async () => {
  class Shifted extends Module {
    constructor(readonly made: (n: number) => Tensor) {
      super();
    }
    forward(x: Tensor): Tensor {
      return x.add(this.made(x.shape[0]!));
    }
  }
  const x = patterned([2, 3]);
  const row = [1, 2, 3];
  const same = (n: number): Tensor => tensor(Array.from({ length: n }, () => row));
  const file = bytesOf(await exportOnnx(new Shifted(same), [3]));
  const { nodes, initializers } = readOnnx(file);
  assert.ok(nodes.some(({ type }) => type === 'Expand'));
  assert.ok([...initializers.values()].every(({ shape }) => !shape.includes(263)));
  assertNear(await importOnnx(file).forward(x).data(), await x.add(same(2)).data(), 1e-6, 'shifted');
  await assert.rejects(
    exportOnnx(new Shifted((n) => randn([n, 3])), [3]),
    (e) => e instanceof UsageError && /constant \[263, 3\].*differs from image to image/.test(e.message),
  );
});

test('what depends on the number of images in another way than by sizes is refused', async () => {
  class Made extends Module {
    constructor(readonly made: (x: Tensor) => Tensor) {
      super();
    }
    forward(x: Tensor): Tensor {
      return this.made(x);
    }
  }
  for (const [made, words] of [
    [(x: Tensor) => x.div(x.shape[0]!), /depends on the number of images/],
    [(x: Tensor) => x.mul(x.shape[0]!), /depends on the number of images/],
    [(x: Tensor) => x.pow(x.shape[0]!), /pow depends.*exponent 263 for 263 images, 269 for 269/],
    [(x: Tensor) => x.add(randn([3])), /constant \[3\] depends/],
    [(x: Tensor) => (x.shape[0]! > 265 ? x.relu() : x.exp()), /exp depends.*relu instead/],
    [(x: Tensor) => (x.shape[0]! > 265 ? x.relu().exp() : x.exp()), /other operations/],
    [(x: Tensor) => x.add(full([x.shape[0]!, 3], x.shape[0]!)), /constant \[263, 3\] depends/],
    [(x: Tensor) => (x.shape[0] === 1 ? x.exp() : x.relu()), /relu for 263 images, exp for 1\./],
    [(x: Tensor) => x.mul(x.shape[0]! > 100 ? 2 : 3), /scale 2.* for 263 images, affine scale 3.* for 1\./],
    [(x: Tensor) => (x.shape[0]! > 1000 ? x.exp() : x), /nothing more for 263 images, exp for 1021/],
    [(x: Tensor) => (x.shape[0] === 2 ? x.slice(1, 0, 2) : x), /results \[263, 3\].*\[2, 2\] for 2/],
    [(x: Tensor) => x.transpose(0, 1).mean(1), /mixes the images/],
  ] as const)
    await assert.rejects(
      exportOnnx(new Made(made), [3]),
      (e) => e instanceof UsageError && words.test(e.message),
      String(made),
    );
  // Of a batch of one, squeezing leaves out a dimension more, and repeating repeats nothing.
  const plain = new Made((x) =>
    x
      .add(full([1, 3], 2).expand(x.shape[0]!, 3))
      .unsqueeze(1)
      .squeeze(),
  );
  const { description } = importOnnx(bytesOf(await exportOnnx(plain, [3])));
  assert.deepEqual(description.outputShape, ['batch', 3]);
  // A transposed batch, tiled and reshaped, is only a matter of sizes.
  const turned = new Made((x) => x.transpose(0, 1).repeat(1, 2).mul(2).transpose(0, 1));
  const again = importOnnx(bytesOf(await exportOnnx(turned, [3])));
  const x = patterned([2, 3]);
  assertNear(await again.forward(x).data(), await turned.forward(x).data(), 1e-6, 'turned');
});

test('every operation is exported, or refused for a reason that the documentation gives', () => {
  const missing = ops
    .operationNames()
    .filter((name) => !/Grad(\d|[A-Z]\w*)?$/.test(name) && !(name in rules));
  assert.deepEqual(missing.sort(), Object.keys(NOT_EXPORTED).sort());
  const read = (name: string) => readFileSync(new URL(`../../../../docs/${name}`, import.meta.url), 'utf8');
  for (const page of ['onnx.md', 'onnx.zh.md'].map(read)) {
    const named = new Set([...page.matchAll(/`(\w+)`/g)].map(([, name]) => name!));
    const all = [...Object.keys(rules), ...Object.keys(NOT_EXPORTED)];
    assert.deepEqual(
      all.filter((name) => !named.has(name)),
      [],
    );
  }
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

  // A file of weights does not contain the image size of its network.
  const small = join(folder, 'small.onnx');
  const again = await runCli(['export', weights, '--out', small, '--image-size', '64']);
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, /\[batch, 3, 64, 64\]/);
});

test('what is computed from constants is exported, also when it is reshaped several times', async () => {
  /** Attention in windows of four positions, in which a mask that is computed hides some. */
  class Windows extends Module {
    forward(x: Tensor): Tensor {
      const [n] = x.shape as [number];
      const zones = tensor([0, 0, 1, 2, 2, 2, 3, 3]).reshape(2, 2, 2).transpose(1, 2).reshape(2, 4);
      const mask = zones.unsqueeze(1).ne(zones.unsqueeze(2)).mul(-100);
      const q = x.reshape(n * 2, 4, 3);
      const scores = q.matmul(q.transpose(1, 2)).reshape(n, 2, 4, 4).add(mask);
      return scores
        .reshape(n * 2, 4, 4)
        .softmax(-1)
        .matmul(q)
        .reshape(n, 24);
    }
  }
  const model = new Windows();
  const again = importOnnx((await exportOnnx(model, [24])).encode());
  const x = randn([3, 24]);
  assertNear(await again.forward(x).data(), await model.forward(x).data(), 1e-6, 'windows');
});

test('a single output has the name that is wanted, and none of an input', async () => {
  const model = new Sequential(new AdaptiveAvgPool2d(1));
  const named = async (outputName: string) =>
    importOnnx(bytesOf(await exportOnnx(model, [3, 4, 4], { outputName })));
  assert.deepEqual(
    (await named('means')).description.outputs.map(({ name }) => name),
    ['means'],
  );
  for (const name of ['', 'images'])
    await assert.rejects(
      named(name),
      (e) => e instanceof UsageError && /cannot name an output.*none of the inputs'/.test(e.message),
    );
});
