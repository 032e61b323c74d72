import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ShapeError, UsageError } from '../../../src/errors/errors.js';
import { inspect, Linear, Module, ReLU, Sequential } from '../../../src/nn/index.js';
import { AlexNet } from '../../../src/papers/alexnet/model.js';
import { randomState } from '../../../src/tensor/random.js';
import { type Tensor, zeros } from '../../../src/tensor/tensor.js';
import { readFixture } from '../../support/generated.js';

const model = new AlexNet({ numClasses: 10 });
const summary = inspect(model, [3, 224, 224]);
const layer = (name: string) => summary.layers.find((l) => l.name === name)!;

describe('AlexNet', () => {
  it('has PyTorch’s parameter names and shapes', () => {
    const { variants } = readFixture<{ variants: { parameters: { name: string; shape: number[] }[] }[] }>(
      'alexnet20.json',
    );
    assert.deepEqual(
      model.namedParameters().map(([name, p]) => ({ name, shape: [...p.shape] })),
      variants[0]!.parameters.map(({ name, shape }) => ({ name, shape })),
    );
    assert.deepEqual(
      [...model.stateDict().keys()],
      model.namedParameters().map(([name]) => name),
    );
  });

  it('has the notes’ layers in the notes’ order', () => {
    assert.equal(
      model.toString(),
      `AlexNet(
  (features): Sequential(
    (0): Conv2d(3, 96, kernel_size=(11, 11), stride=(4, 4), padding=(2, 2))
    (1): LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=1.0)
    (2): ReLU()
    (3): MaxPool2d(kernel_size=3, stride=2, padding=0, dilation=1, ceil_mode=False)
    (4): Conv2d(96, 256, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))
    (5): LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=1.0)
    (6): ReLU()
    (7): MaxPool2d(kernel_size=3, stride=2, padding=0, dilation=1, ceil_mode=False)
    (8): Conv2d(256, 384, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
    (9): ReLU()
    (10): Conv2d(384, 384, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
    (11): ReLU()
    (12): Conv2d(384, 256, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
    (13): ReLU()
    (14): MaxPool2d(kernel_size=3, stride=2, padding=0, dilation=1, ceil_mode=False)
  )
  (avgpool): AdaptiveAvgPool2d(output_size=(6, 6))
  (classifier): Sequential(
    (0): Dropout(p=0.5, inplace=False)
    (1): Linear(in_features=9216, out_features=4096, bias=True)
    (2): ReLU()
    (3): Dropout(p=0.5, inplace=False)
    (4): Linear(in_features=4096, out_features=4096, bias=True)
    (5): ReLU()
    (6): Linear(in_features=4096, out_features=10, bias=True)
  )
)`,
    );
  });

  it('has 58,322,314 parameters for 10 classes, layer by layer', () => {
    const counts = {
      'features.0': 34_944,
      'features.4': 614_656,
      'features.8': 885_120,
      'features.10': 1_327_488,
      'features.12': 884_992,
      'classifier.1': 37_752_832,
      'classifier.4': 16_781_312,
      'classifier.6': 40_970,
    };
    assert.deepEqual(
      Object.fromEntries(summary.layers.filter((l) => l.parameters > 0).map((l) => [l.name, l.parameters])),
      counts,
    );
    assert.equal(summary.parameters, 58_322_314);
  });

  it('has 62,378,344 parameters for 1000 classes, which is the default', () => {
    assert.equal(inspect(new AlexNet(), [3, 224, 224]).parameters, 62_378_344);
  });

  it('has the paper’s feature maps at 224 × 224', () => {
    const maps = {
      'features.0': [96, 55, 55],
      'features.3': [96, 27, 27],
      'features.4': [256, 27, 27],
      'features.7': [256, 13, 13],
      'features.8': [384, 13, 13],
      'features.10': [384, 13, 13],
      'features.12': [256, 13, 13],
      'features.14': [256, 6, 6],
      avgpool: [256, 6, 6],
    };
    for (const [name, shape] of Object.entries(maps))
      assert.deepEqual(layer(name).outputShape, [1, ...shape]);
    assert.deepEqual(layer('classifier.6').outputShape, [1, 10]);
  });

  it('takes 1,131,201,056 multiply-adds, layer by layer', () => {
    const macs = {
      'features.0': 105_415_200,
      'features.4': 447_897_600,
      'features.8': 149_520_384,
      'features.10': 224_280_576,
      'features.12': 149_520_384,
    };
    for (const [name, count] of Object.entries(macs)) assert.equal(layer(name).macs, count);
    const full = ['classifier.1', 'classifier.4', 'classifier.6'].map((name) => layer(name).macs);
    assert.equal(
      full.reduce((a, b) => a + b),
      54_566_912,
    );
    assert.equal(summary.macs, 1_131_201_056);
    assert.equal(
      summary.layers.reduce((a, l) => a + l.macs, 0),
      summary.macs,
    );
    assert.equal(inspect(model, [4, 3, 224, 224]).macs, 4 * 1_131_201_056);
  });

  it('accepts other image sizes, down to 63 × 63', () => {
    assert.deepEqual(model.forward(zeros([2, 3, 256, 200])).shape, [2, 10]);
    assert.deepEqual(model.forward(zeros([2, 3, 63, 63])).shape, [2, 10]);
    assert.throws(
      () => model.forward(zeros([2, 3, 62, 62])),
      (e) => e instanceof ShapeError && /in features\.14 \(MaxPool2d\)/.test(e.message),
    );
    assert.throws(
      () => model.forward(zeros([2, 1, 224, 224])),
      (e) =>
        e instanceof ShapeError &&
        /in features\.0 \(Conv2d\) does not fit\. Expected 3 input channels; got 1/.test(e.message),
    );
  });

  it('keeps its indices without dropout, and refuses unknown presets', () => {
    assert.equal(
      new AlexNet({ numClasses: 2, dropout: 0 }).classifier.at(6)!.toString(),
      'Linear(in_features=4096, out_features=2, bias=True)',
    );
    assert.throws(
      () => new AlexNet({ preset: 'tiny' as 'notes' }),
      (e) => e instanceof UsageError && /notes.*tiny/.test(e.message),
    );
    assert.throws(() => new AlexNet({ preset: 'toString' as 'notes' }), UsageError);
  });
});

describe('inspect', () => {
  it('lists layers in the order of their calls and leaves the model as it was', () => {
    const shared = new Linear(4, 4);
    class Net extends Module {
      readonly last = new Linear(4, 2);
      readonly body = new Sequential(shared, new ReLU(), shared);
      forward(x: Tensor): Tensor {
        return this.last.forward(this.body.forward(x.flatten(1)).matmul(zeros([4, 4])));
      }
    }
    const net = new Net();
    net.body.training = false;
    const state = randomState();
    const { layers, parameters, macs } = inspect(net, [1, 2, 2]);
    assert.deepEqual(
      layers.map(({ name, type, parameters: p, macs: m }) => [name, type, p, m]),
      [
        ['body.0', 'Linear', 20, 16],
        ['body.1', 'ReLU', 0, 0],
        ['body.0', 'Linear', 0, 16],
        ['last', 'Linear', 10, 8],
      ],
    );
    assert.equal(parameters, 30);
    // The model's own multiplication is counted too.
    assert.equal(macs, 16 + 16 + 8 + 16);
    assert.ok(net.training && shared.training && !net.body.training);
    assert.ok(!Object.hasOwn(shared, 'forward'));
    assert.deepEqual(randomState(), state);
    assert.throws(() => inspect(net, [1, 3, 3]), ShapeError);
    assert.ok(!Object.hasOwn(shared, 'forward') && shared.training);
  });

  it('draws nothing', () => {
    const state = randomState();
    inspect(model, [3, 224, 224]);
    assert.deepEqual(randomState(), state);
  });
});
