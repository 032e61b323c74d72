import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { CheckpointError, UsageError } from '../../src/errors/errors.js';
import { partOf } from '../../src/interop/prefixes.js';
import type { Weights } from '../../src/interop/weights.js';
import { withoutInit } from '../../src/nn/init.js';
import type { Module } from '../../src/nn/module.js';
import alexnet, { AlexNet, FourLayerNet } from '../../src/papers/alexnet/index.js';
import { openModel } from '../../src/papers/loading/load.js';
import { describeModel, inOwnNames, partFor, recogniseModel } from '../../src/papers/recognise.js';
import resnet, { ResNet } from '../../src/papers/resnet/index.js';
import { tensor } from '../../src/tensor/tensor.js';
import { assertNear, readFixture, values } from '../support/generated.js';
import { WEIGHT_FILES } from '../support/weight-files.js';

const HIDDEN = 8;
const make = (options: ConstructorParameters<typeof AlexNet>[0]): AlexNet =>
  withoutInit(() => new AlexNet({ numClasses: 3, hidden: HIDDEN, ...options }));

/** A model's tensors as listed in a file, optionally under other names. */
function weightsOf(model: Module, naming?: keyof NonNullable<typeof alexnet.weights>['namings']): Weights {
  const names = naming === undefined ? undefined : alexnet.weights!.namings[naming]!(model);
  const tensors = [...model.stateDict()].map(
    ([name, { shape, size }]) => [names?.get(name) ?? name, { shape, data: new Float32Array(size) }] as const,
  );
  return { format: 'a file', notes: [], metadata: {}, tensors: new Map(tensors) };
}

const find = (weights: Weights, hints = {}) => recogniseModel('w.pth', weights, hints);

const VARIANTS: [
  preset: string,
  build: ConstructorParameters<typeof AlexNet>[0],
  options: Record<string, string | number>,
][] = [
  ['notes', {}, {}],
  ['notes', { norm: 'none' }, { norm: 'none' }],
  ['notes', { towers: 2, preset: 'paper' }, {}],
  ['notes', { width: 'half' }, { width: 'half' }],
  ['notes', { without: 'conv3', preset: 'paper' }, { without: 'conv3' }],
  ['paper', { preset: 'paper' }, {}],
  ['paper', { preset: 'paper', towers: 1 }, { towers: 1 }],
  ['batchnorm', { preset: 'batchnorm' }, {}],
  ['torchvision', { preset: 'torchvision' }, {}],
];

for (const [preset, build, options] of VARIANTS)
  test(`AlexNet with ${JSON.stringify(build)} is recognised`, async () => {
    const weights = weightsOf(make(build));
    const { paper, config, assumed } = await find(weights);
    const expected = build?.preset === 'paper' ? 'paper' : preset;
    assert.deepEqual(
      [paper.id, config.preset, config.classes.length, config.options],
      ['alexnet', expected, 3, { ...options, hidden: HIDDEN }],
    );
    assert.ok(assumed.includes('ReLU'));
    const rebuilt = withoutInit(() => paper.build(config));
    assert.deepEqual(
      [...rebuilt.stateDict()].map(([name, { shape }]) => [name, shape]),
      [...weights.tensors].map(([name, { shape }]) => [name, shape]),
    );
  });

test('other networks are recognised', async () => {
  const small = await find(weightsOf(new FourLayerNet({ numClasses: 10, norm: 'lrn', width: 'half' })));
  assert.deepEqual(
    [small.config.preset, small.config.options],
    ['four-layer', { width: 'half', norm: 'lrn' }],
  );
  const residual = await find(weightsOf(new ResNet({ depth: 20, numClasses: 4 })));
  assert.deepEqual(
    [residual.paper.id, residual.config.preset, residual.config.classes.length],
    ['resnet', 'resnet-20', 4],
  );
  assert.match(residual.assumed.join(), /plain-20/);
});

test('other names for the same layers are recognised and read', async () => {
  for (const [preset, naming, expected] of [
    ['caffe', 'caffe', 'caffe'],
    ['notes', 'caffe', 'notes'],
    ['paper', 'torchvision', 'paper'],
    ['torchvision', 'torchvision', 'torchvision'],
    ['torchvision', 'notes', 'torchvision'],
  ] as const) {
    const model = make({ preset });
    const weights = weightsOf(model, naming);
    const { paper, config } = await find(weights);
    assert.equal(config.preset, expected, `${preset} as ${naming}`);
    const own = inOwnNames(paper, model, weights.tensors);
    assert.deepEqual(new Set(own.keys()), new Set(model.stateDict().keys()), `${preset} as ${naming}`);
    model.loadStateDict(own);
  }
});

test('tensors can be named as in torchvision and Caffe', () => {
  const model = make({ preset: 'caffe' });
  const { torchvision, caffe, notes } = alexnet.weights!.namings;
  const weights = (names: ReadonlyMap<string, string>) =>
    [...names.values()].filter((name) => name.endsWith('.weight')).map((name) => name.slice(0, -7));
  assert.deepEqual(weights(caffe!(model)), [
    'conv1',
    'conv2',
    'conv3',
    'conv4',
    'conv5',
    'fc6',
    'fc7',
    'fc8',
  ]);
  const classifier = ['classifier.1', 'classifier.4', 'classifier.6'];
  assert.deepEqual(weights(torchvision!(model)), [
    ...[0, 3, 6, 8, 10].map((i) => `features.${i}`),
    ...classifier,
  ]);
  assert.deepEqual(weights(notes!(model)), [...[0, 4, 8, 10, 12].map((i) => `features.${i}`), ...classifier]);
  assert.throws(() => caffe!(make({ preset: 'batchnorm' })), UsageError);
  assert.throws(() => caffe!(new FourLayerNet()), /another network/);
});

test('Caffe’s older shapes, with ones in front, are read', async () => {
  const model = make({ preset: 'caffe' });
  const weights = weightsOf(model, 'caffe');
  for (const [name, { shape, data }] of weights.tensors)
    weights.tensors.set(name, { data, shape: [...[1, 1, 1].slice(0, 4 - shape.length), ...shape] });
  const { paper, config } = await find(weights);
  assert.equal(config.preset, 'caffe');
  model.loadStateDict(inOwnNames(paper, model, weights.tensors));
});

test('hints take precedence over what is recognised', async () => {
  const weights = weightsOf(make({ preset: 'paper' }));
  const { config, assumed } = await find(weights, {
    preset: 'caffe',
    options: { activation: 'tanh' },
    classes: ['a', 'b', 'c'],
  });
  assert.deepEqual(
    [config.preset, config.options, config.classes, config.imageSize, assumed],
    ['caffe', { hidden: HIDDEN, activation: 'tanh' }, ['a', 'b', 'c'], 227, []],
  );
  // The paper validates the preset when the model is built.
  assert.equal((await find(weights, { preset: 'nonsense' })).config.preset, 'nonsense');
  await assert.rejects(find(weights, { classes: ['a'] }), /has 3 classes.*got 1 name/);
});

test('the metadata of exported files describes the network', async () => {
  const config = {
    paper: 'alexnet',
    preset: 'notes',
    classes: ['x', 'y', 'z'],
    imageSize: 64,
    dropout: 0,
    init: 'kaiming',
    options: { hidden: HIDDEN, activation: 'tanh' },
  };
  const weights = { ...weightsOf(make({})), metadata: { paperweight: JSON.stringify(config) } };
  const found = await find(weights);
  assert.deepEqual([found.config, found.assumed], [config, []]);
  // Invalid metadata is ignored.
  for (const paperweight of ['{', '{"paper":3}', JSON.stringify({ ...config, paper: '../evil' })])
    assert.deepEqual((await find({ ...weights, metadata: { paperweight } })).config.options, {
      hidden: HIDDEN,
    });
});

test('an unknown network is refused with advice', async () => {
  const one = { shape: [2], data: new Float32Array(2) };
  const weights = { ...weightsOf(make({})), tensors: new Map([['head.weight', one]]) };
  await assert.rejects(
    find(weights),
    (error) =>
      error instanceof CheckpointError &&
      /head\.weight \[2\].*--paper and --preset.*inspect/.test(error.message),
  );
});

test('the description lists what was recognised and what was assumed', async () => {
  const weights = weightsOf(make({}));
  assert.deepEqual(describeModel(weights, await find(weights)), [
    'Weights: a file',
    'Network: AlexNet, preset notes, hidden 8, 3 classes',
    'Assumed, because a file of weights does not say: ReLU, overlapping pooling, LRN with the constants of the preset',
  ]);
});

test('a bare state dict from PyTorch has PyTorch’s logits', async () => {
  const { logits } = readFixture<{ logits: Record<string, number[]> }>('weights/net/logits.json');
  for (const [name, preset] of [
    ['notes', 'notes'],
    ['torchvision-names', 'notes'],
  ] as const) {
    const { model, config } = await openModel(join(WEIGHT_FILES, 'net', `${name}.pth`), referenceDevice());
    assert.equal(config.preset, preset);
    const images = tensor(values([2, 3, 63, 63], 1000, 1), { shape: [2, 3, 63, 63] });
    assertNear(await model.forward(images).data(), logits[name]!, 1e-5, name);
  }
});

/** Weights under other names, with additional tensors. */
function renamed(
  weights: Weights,
  name: (own: string) => string,
  beside: Record<string, number[]> = {},
): Weights {
  const tensors = new Map([...weights.tensors].map(([own, tensor]) => [name(own), tensor]));
  for (const [other, shape] of Object.entries(beside))
    tensors.set(other, { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) });
  return { ...weights, tensors };
}

const BESIDE: readonly (readonly [prefix: string, beside: Record<string, number[]>])[] = [
  ['', { 'criterion.weight': [3], n_averaged: [] }],
  ['model.', { 'criterion.weight': [3] }],
  ['net.', { 'train_acc.correct': [], 'val_acc.total': [], 'val_confmat.confmat': [3, 3] }],
  ['module.', { n_averaged: [] }],
  ['ema_model.', { 'loss_fn.pos_weight': [3], epoch: [] }],
  ['a.name.of.ones.own.', { 'other.weight': [4, 4], 'other.bias': [4] }],
  ['student.backbone.', { 'student.projector.0.weight': [8, 8], 'center.center': [1, 8] }],
];

for (const [kind, paper, make] of [
  ['AlexNet', alexnet, () => withoutInit(() => new AlexNet({ numClasses: 3, hidden: HIDDEN }))],
  ['the four-layer network', alexnet, () => new FourLayerNet({ numClasses: 3 })],
  ['ResNet', resnet, () => new ResNet({ depth: 8, numClasses: 3 })],
] as const)
  for (const [prefix, beside] of BESIDE)
    test(`${kind} is found under "${prefix}" beside ${Object.keys(beside).join(', ')}`, async () => {
      const model = make();
      const weights = renamed(weightsOf(model), (own) => prefix + own, beside);
      const found = await find(weights);
      assert.deepEqual([found.paper.id, found.config.classes.length], [paper.id, 3]);
      const own = inOwnNames(found.paper, model, partOf(weights.tensors, found.part));
      assert.deepEqual(new Set(own.keys()), new Set(model.stateDict().keys()));
      model.loadStateDict(own);
      // A run that starts from the file uses the same part, and a message lists the rest.
      assert.deepEqual(partFor('w.pth', found.paper, model, weights.tensors), found.part);
      const [first] = describeModel(weights, found);
      for (const name of Object.keys(beside)) assert.ok(first!.includes(`"${name}"`), first);
    });

test('two networks in one file are refused', async () => {
  for (const model of [make({}), new ResNet({ depth: 8, numClasses: 3 })])
    for (const [one, other] of [
      ['model.', 'ema_model.'],
      ['', 'teacher.'],
      ['model.', 'model.ema.'],
      ['nets.a.', 'nets.b.'],
    ] as const) {
      const tensors = new Map(
        [one, other].flatMap((prefix) => [...renamed(weightsOf(model), (own) => prefix + own).tensors]),
      );
      const both = { ...weightsOf(model), tensors };
      await assert.rejects(find(both), (error) => {
        assert.ok(error instanceof CheckpointError);
        assert.match(error.message, /more than one network.*removeprefix|more than one network.*startswith/);
        assert.ok(error.message.includes(JSON.stringify(other)), error.message);
        return true;
      });
    }
});

test('many deeply nested unknown names are handled fast', async () => {
  const one = { shape: [1], data: new Float32Array(1) };
  const names = Array.from({ length: 20_000 }, (_, i) => `${`p${i % 500}.`.repeat(40)}${i}\u001b[2J`);
  const weights = { ...weightsOf(make({})), tensors: new Map(names.map((name) => [name, one])) };
  await assert.rejects(find(weights), (error: Error) => {
    assert.match(error.message, /The network of .* is unknown/);
    assert.doesNotMatch(error.message, /\p{Cc}/u);
    return true;
  });
  for (const name of [
    '__proto__.weight',
    'constructor.prototype.weight',
    '.',
    '..',
    '',
    'model.',
    'model..weight',
  ])
    await assert.rejects(find({ ...weights, tensors: new Map([[name, one]]) }), CheckpointError);
});

/** Names in common implementations for CIFAR. */
const usual = (own: string): string =>
  own
    .replace('stem.0', 'conv1')
    .replace('stem.1', 'bn1')
    .replace(/^blocks\.(\d+)\.(body|last)\.(\d)/, (_, block, part, kind) => {
      const number = part === 'body' ? 1 : 2;
      return `layer${Math.floor(block / 3) + 1}.${block % 3}.${kind === '0' ? 'conv' : 'bn'}${number}`;
    });

test('common names of ResNets for CIFAR are read, with any name of the last layer', async () => {
  for (const last of ['fc', 'linear', 'classifier']) {
    const model = new ResNet({ depth: 20, numClasses: 7 });
    const weights = renamed(weightsOf(model), (own) => `module.${usual(own).replace(/^fc\b/, last)}`, {
      'module.layer1.0.bn1.num_batches_tracked': [],
    });
    const { paper, config, part, assumed } = await find(weights);
    assert.deepEqual([paper.id, config.preset, config.classes.length], ['resnet', 'resnet-20', 7]);
    assert.match(assumed.join(), /both sides.*plain-20/);
    model.loadStateDict(inOwnNames(paper, model, partOf(weights.tensors, part)));
  }
});

test('a residual network with weights in its shortcuts is reported as another network', async () => {
  const weights = renamed(weightsOf(new ResNet({ depth: 20 })), (own) => `model.${usual(own)}`, {
    'model.layer2.0.downsample.0.weight': [32, 16, 1, 1],
    'model.layer2.0.downsample.1.weight': [32],
  });
  for (const hints of [{}, { paper: 'resnet' }, { paper: 'resnet', preset: 'resnet-20' }])
    await assert.rejects(
      find(weights, hints),
      /similar to ResNet, but not the same.*option A.*downsample\.0\.weight.*ONNX/,
    );
});

test('other shapes and incomplete networks are not recognised as ResNet', async () => {
  const whole = renamed(weightsOf(new ResNet({ depth: 20 })), usual);
  for (const [name, shape] of [
    ['layer3.2.conv2.weight', [64, 64, 1, 1]],
    ['layer1.0.bn1.running_var', [17]],
    ['fc.weight', [10, 128]],
  ] as const) {
    const tensors = new Map(whole.tensors);
    tensors.set(name, { shape, data: new Float32Array(1) });
    await assert.rejects(find({ ...whole, tensors }), /The network of .* is unknown/, name);
    tensors.delete(name);
    await assert.rejects(find({ ...whole, tensors }), /The network of .* is unknown/, name);
  }
});

test('a CIFAR checkpoint of PyTorch has PyTorch’s logits', async () => {
  const { logits } = readFixture<{ logits: number[] }>('weights/net/resnet20-cifar.json');
  const file = join(WEIGHT_FILES, 'net', 'resnet20-cifar.pth');
  const { model, config, notes } = await openModel(file, referenceDevice());
  assert.deepEqual([config.paper, config.preset], ['resnet', 'resnet-20']);
  assert.match(notes[0]!, /its entry "state_dict".*without their prefix "module\."/);
  const images = tensor(values([2, 3, 16, 16], 1000, 1), { shape: [2, 3, 16, 16] });
  assertNear(await model.forward(images).data(), logits, 1e-4, 'logits');
});
