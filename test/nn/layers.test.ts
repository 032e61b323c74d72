import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { UsageError } from '../../src/errors/errors.js';
import * as nn from '../../src/nn/index.js';
import { manualSeed, nextKey, randomState, setRandomState } from '../../src/tensor/random.js';
import { ones, type Tensor, tensor, zeros } from '../../src/tensor/tensor.js';
import { assertNear } from '../support/generated.js';

const onDevice = (t: Tensor): Promise<Tensor> => t.to(referenceDevice());

describe('layers', () => {
  const cases: [layer: nn.Module, input: number[], output: number[], repr: string][] = [
    [
      new nn.Conv2d(4, 6, 3, { padding: 1, dilation: [1, 2], groups: 2 }),
      [2, 4, 7, 9],
      [2, 6, 7, 7],
      'Conv2d(4, 6, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), dilation=(1, 2), groups=2)',
    ],
    [
      new nn.Linear(5, 2, { bias: false }),
      [3, 5],
      [3, 2],
      'Linear(in_features=5, out_features=2, bias=False)',
    ],
    [new nn.ReLU(), [2, 3], [2, 3], 'ReLU()'],
    [new nn.LeakyReLU(), [2, 3], [2, 3], 'LeakyReLU(negative_slope=0.01)'],
    [new nn.Sigmoid(), [2, 3], [2, 3], 'Sigmoid()'],
    [new nn.Tanh(), [2, 3], [2, 3], 'Tanh()'],
    [new nn.Softplus(), [2, 3], [2, 3], 'Softplus(beta=1.0, threshold=20.0)'],
    [new nn.SiLU(), [2, 3], [2, 3], 'SiLU()'],
    [new nn.Dropout(0.25), [2, 3], [2, 3], 'Dropout(p=0.25, inplace=False)'],
    [new nn.Identity(), [2, 3], [2, 3], 'Identity()'],
    [new nn.Flatten(2), [2, 3, 4, 5], [2, 3, 20], 'Flatten(start_dim=2, end_dim=-1)'],
    [
      new nn.MaxPool2d(3, { stride: 2, ceilMode: true }),
      [1, 2, 6, 8],
      [1, 2, 3, 4],
      'MaxPool2d(kernel_size=3, stride=2, padding=0, dilation=1, ceil_mode=True)',
    ],
    [
      new nn.MaxPool2d([2, 3]),
      [1, 2, 6, 9],
      [1, 2, 3, 3],
      'MaxPool2d(kernel_size=(2, 3), stride=(2, 3), padding=0, dilation=1, ceil_mode=False)',
    ],
    [
      new nn.AvgPool2d(2, { padding: 1 }),
      [1, 2, 6, 8],
      [1, 2, 4, 5],
      'AvgPool2d(kernel_size=2, stride=2, padding=1)',
    ],
    [new nn.AdaptiveAvgPool2d([6, 4]), [1, 2, 13, 13], [1, 2, 6, 4], 'AdaptiveAvgPool2d(output_size=(6, 4))'],
    [
      new nn.LocalResponseNorm(5, { alpha: 5e-4, k: 2 }),
      [1, 7, 2, 2],
      [1, 7, 2, 2],
      'LocalResponseNorm(5, alpha=0.0005, beta=0.75, k=2.0)',
    ],
    [
      new nn.BatchNorm2d(3),
      [2, 3, 4, 4],
      [2, 3, 4, 4],
      'BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)',
    ],
  ];
  for (const [layer, input, output, repr] of cases)
    it(`${repr} maps [${input}] to [${output}]`, () => {
      assert.equal(layer.toString(), repr);
      assert.deepEqual(layer.forward(zeros(input)).shape, output);
      assert.deepEqual(layer.eval().forward(zeros(input)).shape, output);
    });

  it('pass their options on to the operation', async () => {
    const x = await onDevice(tensor([[[[1, 2, 3, 4]]]]));
    const pool = new nn.AvgPool2d([1, 2], { padding: [0, 1], countIncludePad: false });
    assert.deepEqual([...(await pool.forward(x).data())], [1, 2.5, 4]);
    const leaky = new nn.LeakyReLU(0.5);
    assert.deepEqual([...(await leaky.forward(x.sub(3)).data())], [-1, -0.5, 0, 1]);
    const lrn = new nn.LocalResponseNorm(3, { alpha: 3, beta: 1, k: 2 });
    assertNear(await lrn.forward(x).data(), [1 / 3, 2 / 6, 3 / 11, 4 / 18], 1e-6, 'LRN');
  });

  it('reject arguments that are not valid, and name them', () => {
    const wrong: [make: () => unknown, says: RegExp][] = [
      [() => new nn.Conv2d(3, 8, 0), /Conv2d got a bad kernelSize.*at least 1; got 0/],
      [() => new nn.Conv2d(3, 8, 3, { padding: -1 }), /bad padding/],
      [() => new nn.Conv2d(3, 8, 3, { stride: 1.5 }), /bad stride/],
      [() => new nn.Conv2d(3, 8, 3, { groups: 2 }), /groups that do not divide.*3 and 8; got 2/],
      [() => new nn.Linear(0, 3), /Linear got a bad inFeatures/],
      [() => new nn.Dropout(1), /Dropout got a bad probability.*\[0, 1\); got 1/],
      [() => new nn.Dropout(Number.NaN), /bad probability/],
      [() => new nn.MaxPool2d([2, -1]), /MaxPool2d got a bad kernelSize/],
      [() => new nn.AdaptiveAvgPool2d(0), /outputSize/],
      [() => new nn.LocalResponseNorm(0), /size/],
      [() => new nn.CrossEntropyLoss({ labelSmoothing: 2 }), /labelSmoothing/],
      [() => new nn.CrossEntropyLoss({ reduction: 'max' as 'sum' }), /reduction.*got max/],
    ];
    for (const [make, says] of wrong)
      assert.throws(make, (error) => error instanceof UsageError && says.test(error.message));
  });

  it('in a Sequential are accessible by index', () => {
    const [first, last] = [new nn.ReLU(), new nn.Tanh()];
    const net = new nn.Sequential(first, last);
    assert.equal(net.length, 2);
    assert.equal(net.at(-1), last);
    assert.deepEqual([...net], [first, last]);
  });
});

describe('cross-entropy', () => {
  // python3 -c "import torch; from torch.nn import functional as F; x = torch.tensor([[1., 2, 3], [3, 1, 0]])
  //   y = torch.tensor([2, 1]); print([F.cross_entropy(x, y, reduction=r, label_smoothing=s) ...])"
  const losses = [0.4076059, 2.1698461];
  it('is the mean over the batch, the sum, or one loss per sample', async () => {
    const logits = await onDevice(
      tensor([
        [1, 2, 3],
        [3, 1, 0],
      ]),
    );
    const labels = tensor(Int32Array.of(2, 1));
    const of = (options: ConstructorParameters<typeof nn.CrossEntropyLoss>[0]) =>
      new nn.CrossEntropyLoss(options).forward(logits, labels);
    assertNear(await of({}).data(), [(losses[0]! + losses[1]!) / 2], 1e-6, 'mean');
    assertNear(await of({ reduction: 'sum' }).data(), [losses[0]! + losses[1]!], 1e-6, 'sum');
    assertNear(await of({ reduction: 'none' }).data(), losses, 1e-6, 'none');
    // (1 − s) · loss + s · mean over classes of −log p
    const smooth = [0.9 * losses[0]! + 0.1 * 1.4076059, 0.9 * losses[1]! + 0.1 * 1.8365128];
    assertNear(await of({ reduction: 'none', labelSmoothing: 0.1 }).data(), smooth, 1e-6, 'smoothed');
  });

  it('is named in shape errors', () => {
    const loss = new nn.CrossEntropyLoss();
    assert.throws(
      () => loss.forward(zeros([2, 3]), zeros([2], 'int32').reshape([2, 1])),
      /CrossEntropyLoss got labels that do not fit/,
    );
  });
});

describe('dropout', () => {
  const dropped = async (layer: nn.Dropout) => [
    ...(await layer.forward(await onDevice(ones([1000]))).data()),
  ];

  it('zeroes a share p of the values and scales the others, in training only', async () => {
    const layer = new nn.Dropout(0.25);
    const values = await dropped(layer);
    assert.deepEqual([...new Set(values)].sort(), [0, Math.fround(4 / 3)]);
    const zeroed = values.filter((v) => v === 0).length;
    assert.ok(zeroed > 200 && zeroed < 300, `${zeroed} of 1000`);
    const x = ones([3]);
    assert.equal(layer.eval().forward(x), x);
    assert.equal(new nn.Dropout(0).forward(x), x);
  });

  it('draws a new mask each time, and the same masks for the same seed', async () => {
    const layer = new nn.Dropout();
    manualSeed(5);
    const [a, b] = [await dropped(layer), await dropped(layer)];
    assert.notDeepEqual(a, b);
    manualSeed(5);
    assert.deepEqual([await dropped(layer), await dropped(layer)], [a, b]);
    manualSeed(6);
    assert.notDeepEqual(await dropped(layer), a);
  });

  it('compiles one plan for all masks', async () => {
    const layer = new nn.Dropout(0.125);
    await dropped(layer);
    const plans = (await referenceDevice().stats()).length;
    await dropped(layer);
    assert.equal((await referenceDevice().stats()).length, plans);
  });
});

describe('the random state', () => {
  it('continues exactly, also after a JSON round trip', () => {
    manualSeed(-12345678901);
    nextKey([4]);
    new nn.Linear(3, 5);
    const state = JSON.parse(JSON.stringify(randomState()));
    const draw = () => [nextKey([4]), nextKey([4]), new nn.Linear(2, 2).weight.node.source];
    const expected = draw();
    manualSeed(1);
    setRandomState(state);
    assert.deepEqual(draw(), expected);
  });

  it('gives unique keys, which never collide with those of generators', () => {
    manualSeed(7);
    const keys = Array.from({ length: 100 }, () => nextKey([4]));
    assert.equal(new Set(keys.map(String)).size, 100);
    for (const key of keys) {
      assert.equal(key[0], 7);
      // In streams of generators this word is below 2^21; forks set its highest bit.
      assert.equal(key[3]! >>> 30, 1);
    }
  });

  it('rejects a state that is not valid', () => {
    const state = randomState();
    assert.throws(() => setRandomState({ ...state, counter: -1 }), UsageError);
    assert.throws(() => setRandomState({ ...state, key: [1, 2 ** 33] }), UsageError);
    assert.deepEqual(randomState(), state);
  });
});
