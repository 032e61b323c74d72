import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { CheckpointError, UsageError } from '../../src/errors/errors.js';
import type { Weights } from '../../src/interop/weights.js';
import { withoutInit } from '../../src/nn/init.js';
import type { Module } from '../../src/nn/module.js';
import alexnet, { AlexNet, FourLayerNet } from '../../src/papers/alexnet/index.js';
import { openModel } from '../../src/papers/load.js';
import { describeModel, inOwnNames, recogniseModel } from '../../src/papers/recognise.js';
import { ResNet } from '../../src/papers/resnet/index.js';
import { tensor } from '../../src/tensor/tensor.js';
import { assertNear, readFixture, values } from '../support/generated.js';
import { WEIGHT_FILES } from '../support/weight-files.js';

const HIDDEN = 8;
const make = (options: ConstructorParameters<typeof AlexNet>[0]): AlexNet =>
  withoutInit(() => new AlexNet({ numClasses: 3, hidden: HIDDEN, ...options }));

/** A model's tensors as a file would have them, under other names if asked. */
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
  test(`AlexNet of ${JSON.stringify(build)} is recognised`, async () => {
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

test('names are those of torchvision and of Caffe', () => {
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

test('hints go before what is recognised', async () => {
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
  // Whether there is such a preset is for the paper to say, when the model is built.
  assert.equal((await find(weights, { preset: 'nonsense' })).config.preset, 'nonsense');
  await assert.rejects(find(weights, { classes: ['a'] }), /tells 3 classes apart.*got 1 names/);
});

test('metadata of our own exports tells everything', async () => {
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
  // Nonsense there is as if nothing were.
  for (const paperweight of ['{', '{"paper":3}', JSON.stringify({ ...config, paper: '../evil' })])
    assert.deepEqual((await find({ ...weights, metadata: { paperweight } })).config.options, {
      hidden: HIDDEN,
    });
});

test('an unknown network is refused with what can be done', async () => {
  const one = { shape: [2], data: new Float32Array(2) };
  const weights = { ...weightsOf(make({})), tensors: new Map([['head.weight', one]]) };
  await assert.rejects(
    find(weights),
    (error) =>
      error instanceof CheckpointError &&
      /head\.weight \[2\].*--paper and --preset.*inspect/.test(error.message),
  );
});

test('the description says what was recognised and what assumed', async () => {
  const weights = weightsOf(make({}));
  assert.deepEqual(describeModel(weights, await find(weights)), [
    'Weights: a file',
    'Network: AlexNet, preset notes, hidden 8, 3 classes',
    'Assumed, because a file of weights does not tell: ReLU, overlapping pooling, LRN with the constants of the preset',
  ]);
});

test('a bare state dict from PyTorch computes what PyTorch computes', async () => {
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
