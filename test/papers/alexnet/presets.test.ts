import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { UsageError } from '../../../src/errors/errors.js';
import { Conv2d, inspect, Linear, LocalResponseNorm, type Module } from '../../../src/nn/index.js';
import { withoutInit } from '../../../src/nn/init.js';
import alexnet from '../../../src/papers/alexnet/index.js';
import { AlexNet, type AlexNetOptions } from '../../../src/papers/alexnet/model.js';
import { buildModel } from '../../../src/papers/paper.js';
import type { ModelConfig } from '../../../src/run/config.js';
import { manualSeed } from '../../../src/tensor/random.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import { tensor } from '../../../src/tensor/tensor.js';
import { assertNear, values } from '../../support/generated.js';

const make = (options: AlexNetOptions) => withoutInit(() => new AlexNet(options));
const build = (config: Partial<ModelConfig>): Module =>
  buildModel(alexnet, {
    paper: 'alexnet',
    preset: 'paper',
    classes: Array.from({ length: 10 }, (_, i) => `class ${i}`),
    imageSize: 224,
    dropout: 0.5,
    init: 'pytorch',
    ...config,
  });
const types = (model: AlexNet) => [...model.features].map((m) => m.constructor.name.replace('2d', ''));
const convs = (model: AlexNet) => [...model.convolutions.values()];

setDefaultDevice(referenceDevice());

describe('AlexNet’s presets', () => {
  it('have the known numbers of parameters for 1000 classes', () => {
    const counts = {
      notes: 62_378_344,
      paper: 60_965_224,
      batchnorm: 62_378_344 + 2 * (96 + 256),
      torchvision: 61_100_840,
      caffe: 60_965_224,
    } as const;
    for (const [preset, count] of Object.entries(counts))
      assert.equal(inspect(make({ preset: preset as 'notes' }), [3, 224, 224]).parameters, count, preset);
  });

  it('have their layers in their own order', () => {
    const first = (model: AlexNet) => types(model).slice(0, 4).join(' ');
    assert.equal(first(make({})), 'Conv LocalResponseNorm ReLU MaxPool');
    assert.equal(first(make({ preset: 'paper' })), 'Conv ReLU LocalResponseNorm MaxPool');
    assert.equal(first(make({ preset: 'caffe' })), 'Conv ReLU LocalResponseNorm MaxPool');
    assert.equal(first(make({ preset: 'batchnorm' })), 'Conv BatchNorm ReLU MaxPool');
    assert.equal(first(make({ preset: 'torchvision' })), 'Conv ReLU MaxPool Conv');
    const head = (model: AlexNet) => [...model.classifier].map((m) => m.constructor.name).join(' ');
    assert.equal(head(make({ preset: 'torchvision' })), 'Dropout Linear ReLU Dropout Linear ReLU Linear');
    assert.equal(head(make({ preset: 'paper' })), 'Linear ReLU Dropout Linear ReLU Dropout Linear');
    assert.deepEqual(
      convs(make({ preset: 'paper' })).map(({ groups }) => groups),
      [1, 2, 1, 2, 2],
    );
  });

  it('have torchvision’s parameter names', () => {
    assert.deepEqual(
      make({ preset: 'torchvision' })
        .namedParameters()
        .map(([name]) => name)
        .filter((name) => name.endsWith('weight')),
      ['features.0', 'features.3', 'features.6', 'features.8', 'features.10']
        .concat(['classifier.1', 'classifier.4', 'classifier.6'])
        .map((name) => `${name}.weight`),
    );
  });

  it('have 6 × 6 feature maps before the classifier at their own image sizes', () => {
    for (const preset of ['notes', 'paper', 'batchnorm', 'torchvision', 'caffe'] as const) {
      const side = alexnet.imageSize(preset);
      const { layers } = inspect(make({ preset }), [3, side, side]);
      const last = layers.filter(({ name }) => name.startsWith('features')).at(-1)!;
      assert.deepEqual(last.outputShape, [1, 256, 6, 6], preset);
      assert.deepEqual(layers[0]!.outputShape.slice(2), [55, 55], preset);
    }
  });
});

describe('LRN of the paper preset', () => {
  // By the formula of section 3.3 at two different positions, to detect a window over space or another convention of
  // alpha.
  it('follows the paper’s formula: across channels, with alpha not divided by the size', async () => {
    const [channels, places] = [12, 4];
    const layer = make({ preset: 'paper' }).features.at(2)!;
    assert.ok(layer instanceof LocalResponseNorm);
    const x = values([1, channels, 2, 2], 3, 300);
    const y = await layer.forward(tensor(x, { shape: [1, channels, 2, 2] })).data();
    const expected = Array.from(x, (value, at) => {
      const [i, place] = [Math.floor(at / places), at % places];
      let sum = 0;
      for (let j = Math.max(0, i - 2); j <= Math.min(channels - 1, i + 2); j++)
        sum += x[j * places + place]! ** 2;
      return value / (2 + 1e-4 * sum) ** 0.75;
    });
    assertNear(y, expected, 1e-5, 'normalised values');
  });
});

describe('AlexNet’s options', () => {
  it('change one thing each', () => {
    assert.ok(types(make({ activation: 'tanh' })).includes('Tanh'));
    assert.ok(!types(make({ activation: 'leaky-relu' })).includes('ReLU'));
    assert.ok(!types(make({ norm: 'none' })).includes('LocalResponseNorm'));
    assert.ok(types(make({ preset: 'torchvision', norm: 'lrn' })).includes('LocalResponseNorm'));
    assert.ok(types(make({ preset: 'paper', norm: 'batch' })).includes('BatchNorm'));
    const plain = make({ pooling: 'plain' });
    assert.match(String(plain.features.at(3)), /kernel_size=2, stride=2/);
    assert.deepEqual(
      convs(make({ towers: 2 })).map(({ groups }) => groups),
      [1, 2, 1, 2, 2],
    );
    assert.deepEqual(
      convs(make({ preset: 'paper', towers: 1 })).map(({ groups }) => groups),
      [1, 1, 1, 1, 1],
    );
    assert.deepEqual(
      convs(make({ width: 'half' })).map(({ outChannels }) => outChannels),
      [48, 128, 192, 192, 256],
    );
    assert.equal((make({ hidden: 512 }).classifier.at(-1) as Linear).inFeatures, 512);
  });

  it('remove a middle convolution and adapt the channels', () => {
    for (const without of ['conv3', 'conv4', 'conv5'] as const) {
      const model = make({ preset: 'paper', without });
      assert.deepEqual(
        [...model.convolutions.keys()],
        ['conv1', 'conv2', 'conv3', 'conv4', 'conv5'].filter((name) => name !== without),
      );
      assert.deepEqual(inspect(model, [3, 224, 224]).layers.at(-1)!.outputShape, [1, 1000]);
    }
  });

  it('are validated in a configuration', () => {
    const refused = (config: Partial<ModelConfig>, says: RegExp) =>
      assert.throws(
        () => withoutInit(() => build(config)),
        (e) => e instanceof UsageError && says.test(e.message),
      );
    refused(
      { options: { activation: 'gelu' } },
      /cannot have activation gelu\. Expected one of relu, leaky-relu, tanh, scaled-tanh, sigmoid;/,
    );
    refused({ options: { towers: 3 } }, /towers 3\. Expected 1 or 2/);
    refused({ options: { depth: 9 } }, /no option depth.*activation/);
    refused({ preset: 'toString' }, /unknown preset/);
    refused({ init: 'zeros' }, /unknown initialisation.*pytorch/);
    refused({ preset: 'four-layer', options: { towers: 2 } }, /four-layer network has no option towers/);
  });
});

describe('the paper’s initialisation', () => {
  const [mean, std] = [0, 0.01];
  const layers = (init: string, options: Record<string, string> = {}) => {
    manualSeed(1);
    const model = build({ init, options: { hidden: 64, ...options } });
    return model.namedModules().flatMap(([, m]) => (m instanceof Conv2d || m instanceof Linear ? [m] : []));
  };
  const biases = async (init: string, options?: Record<string, string>) =>
    Promise.all(
      layers(init, options).map(async ({ bias }) =>
        [...new Set(await bias!.data())].map((b) => Math.round(10 * b) / 10),
      ),
    );

  it('has biases of 1 in conv 2, 4, 5 and the hidden layers, Caffe’s of 0.1', async () => {
    assert.deepEqual(await biases('paper'), [[0], [1], [0], [1], [1], [1], [1], [0]]);
    assert.deepEqual(await biases('caffe'), [[0], [0.1], [0], [0.1], [0.1], [0.1], [0.1], [0]]);
    assert.deepEqual(await biases('paper', { without: 'conv3' }), [[0], [1], [1], [1], [1], [1], [0]]);
  });

  it('can be that of cuda-convnet, with small weights, on the four-layer network', async () => {
    manualSeed(1);
    const weights = build({ preset: 'four-layer', init: 'cuda-convnet' })
      .namedParameters()
      .filter(([name]) => name.endsWith('weight'));
    for (const [i, [, weight]] of weights.entries()) {
      const data = Array.from(await weight.data());
      const spread = Math.sqrt(data.reduce((a, b) => a + b * b, 0) / data.length);
      assert.ok(Math.abs(spread - (i === 0 ? 0.0063 : 0.01)) < 0.0005, `${spread}`);
    }
  });

  it('draws weights from N(0, 0.01²)', async () => {
    for (const { weight } of layers('paper')) {
      const data = Array.from(await weight.data());
      const average = data.reduce((a, b) => a + b, 0) / data.length;
      const spread = Math.sqrt(data.reduce((a, b) => a + (b - average) ** 2, 0) / data.length);
      assert.ok(Math.abs(average - mean) < 0.002 && Math.abs(spread - std) < 0.001, `${average} ${spread}`);
    }
    const hidden = Array.from(await layers('caffe').at(-2)!.weight.data());
    const spread = Math.sqrt(hidden.reduce((a, b) => a + b * b, 0) / hidden.length);
    assert.ok(Math.abs(spread - 0.005) < 0.0005, `${spread}`);
  });
});

describe('the four-layer network', () => {
  it('has 89,578 parameters and halves the feature maps three times', () => {
    const { layers, parameters } = inspect(build({ preset: 'four-layer' }), [3, 32, 32]);
    assert.equal(parameters, 89_578);
    assert.deepEqual(
      layers.filter(({ type }) => type === 'MaxPool2d').map(({ outputShape }) => outputShape.slice(1)),
      [
        [32, 16, 16],
        [32, 8, 8],
        [64, 4, 4],
      ],
    );
    const plain = inspect(build({ preset: 'four-layer', options: { pooling: 'plain' } }), [3, 32, 32]);
    assert.equal(plain.parameters, 89_578);
  });

  it('has a normalisation after the first two poolings, if any', () => {
    const count = (norm: string, type: string) =>
      build({ preset: 'four-layer', options: { norm } })
        .namedModules()
        .filter(([, m]) => m.constructor.name === type).length;
    assert.equal(count('lrn', 'LocalResponseNorm'), 2);
    assert.equal(count('batch', 'BatchNorm2d'), 2);
    assert.equal(count('none', 'LocalResponseNorm') + count('none', 'BatchNorm2d'), 0);
  });
});
