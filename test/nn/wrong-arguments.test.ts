import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as core from '../../src/core.js';
import {
  CIFAR10,
  Classifier,
  device,
  evaluateModel,
  exportOnnx,
  ImageFolder,
  imageStatistics,
  importOnnx,
  loadWeights,
  saveWeights,
  writeSafetensors,
} from '../../src/index.js';
import { AlexNet, FourLayerNet } from '../../src/papers/alexnet/index.js';
import { ResNet } from '../../src/papers/resnet/index.js';

const { nn, optim, transforms, tensor, zeros, ones, full, Parameter, DataLoader, Subset, Shapes10 } = core;
/** The API without types, as JavaScript code uses it. */
// biome-ignore lint/suspicious/noExplicitAny: what a program without types passes
type Loose = any;
const [N, O, T, C]: Loose[] = [nn, optim, transforms, core];

const layer = new nn.Linear(2, 2);
const sgd = new optim.SGD(layer.parameters(), { lr: 0.1 });
const set = await Shapes10.open({ train: true, length: 10 });
const x = ones([1, 3, 8, 8]);

/** Calls with wrong arguments, and the expected messages. */
const WRONG: readonly (readonly [call: () => unknown, words: RegExp])[] = [
  // PyTorch's option names, positional options, and unknown ones.
  [() => new N.Conv2d(1, 1, 3, { kernel_size: 3 }), /Conv2d has no option kernel_size/],
  [() => new N.Conv2d(1, 1, 3, { pading: 1 }), /did you mean padding\?/],
  [() => new N.Conv2d(1, 1, 3, 2), /Conv2d takes its options by name.*got 2/],
  [() => new N.Conv2d(1, 1, 3, { bias: 'false' }), /Conv2d got a bad bias.*true or false; got "false"/],
  [() => new N.Conv2d(1, 1, 3, { padding: 'sme' }), /'same' or 'valid'; got "sme"/],
  [() => new N.Conv2d(1, 1, 3, { padding: 'same', stride: 2 }), /stride 1 with padding 'same'/],
  [() => new N.Conv2d('3', 1, 3), /Conv2d got a bad inChannels.*got "3"/],
  [() => new N.Conv2d([3, 3], 1, 3), /bad inChannels/],
  [() => new N.Conv2d(3), /bad kernelSize.*got undefined|bad outChannels/],
  [() => new N.Conv2d(), /Conv2d got a bad/],
  [() => new N.Conv2d(1, 1, [3, 3, 3]), /bad kernelSize/],
  [() => new N.Conv2d(1, 1, 3, { groups: [1, 1] }), /bad groups/],
  [() => new N.Linear(2, 2, false), /Linear takes its options by name/],
  [() => new N.Linear(2, Number.NaN), /bad outFeatures.*got NaN/],
  [() => new N.BatchNorm2d(2, { track_running_stats: false }), /no option track_running_stats/],
  [() => new N.BatchNorm2d(2, { momentum: '0.1' }), /bad momentum/],
  [() => new N.BatchNorm2d(2, { eps: Number.NaN }), /bad eps/],
  [() => new N.LocalResponseNorm(5, { alpha: 'a' }), /bad alpha/],
  [() => new N.LocalResponseNorm(5, 1e-4), /options by name/],
  [() => new N.MaxPool2d(2, { ceil_mode: true }), /did you mean ceilMode\?/],
  [() => N.functional.normalize(C.ones([2, 3]), { axis: 1 }), /did you mean dim\?/],
  [() => N.functional.cosineSimilarity(x, x, { axis: 1 }), /did you mean dim\?/],
  [() => N.functional.pairwiseDistance(x, x, { keepdim: true }), /did you mean keepDims\?/],
  [() => new N.MaxPool2d(2, 2), /options by name/],
  [() => new N.MaxPool2d('2'), /bad kernelSize/],
  [() => new N.AvgPool2d(2, { count_include_pad: false }), /did you mean countIncludePad\?/],
  [() => new N.AdaptiveAvgPool2d([2]), /bad outputSize/],
  [() => new N.AdaptiveAvgPool2d(), /bad outputSize/],
  [() => new N.Dropout('0.5'), /Dropout got a bad probability.*got "0\.5"/],
  [() => new N.Dropout({ p: 0.5 }), /bad probability/],
  [() => new N.LeakyReLU({ negativeSlope: 1 }), /bad negativeSlope/],
  [() => new N.Flatten('1'), /bad startDim/],
  [() => new N.CrossEntropyLoss({ label_smoothing: 0.1 }), /did you mean labelSmoothing\?/],
  [() => new N.CrossEntropyLoss({ labelSmoothing: '0.1' }), /labelSmoothing/],
  [() => new N.CrossEntropyLoss('sum'), /options by name/],
  [() => new N.Sequential([layer]), /Sequential takes modules only.*new Sequential\(\.\.\.layers\)/],
  [() => new N.Sequential(layer, nn.ReLU), /class with new/],
  [() => new N.Sequential(layer, undefined), /got undefined/],
  [() => N.inspect(layer), /inspect takes a model/],
  [() => N.inspect([3, 2, 2], layer), /inspect takes a model/],
  // Inputs of layers.
  ...([[[1, 2]], undefined, Promise.resolve(x), 'x', Float32Array.of(1), 3] as unknown[]).flatMap((input) =>
    [
      new nn.Linear(2, 2),
      new nn.Conv2d(1, 1, 1),
      new nn.ReLU(),
      new nn.BatchNorm2d(1),
      new nn.Flatten(),
      new nn.MaxPool2d(1),
      new nn.AvgPool2d(1),
      new nn.AdaptiveAvgPool2d(1),
      new nn.LocalResponseNorm(1),
      new nn.LeakyReLU(),
      new nn.Sigmoid(),
      new nn.Tanh(),
      new nn.Dropout(),
      new nn.CrossEntropyLoss(),
    ].map((module: Loose) => [() => module.forward(input), /computes on tensors.*a Tensor; got/] as const),
  ),
  [() => (new nn.CrossEntropyLoss() as Loose).forward(x), /computes on tensors.*got undefined/],
  // Initialisers.
  [() => N.init.normal(layer), /init\.normal fills a parameter.*got a Linear/],
  [() => N.init.uniform(layer.weight, -1, 1), /options by name/],
  [() => N.init.normal(layer.weight, { std: '1' }), /bad std/],
  [() => N.init.constant(layer.weight), /bad value/],
  [() => N.init.kaimingNormal(layer.weight, { mode: 'fan_in' }), /bad mode.*'fanIn'/],
  [() => N.init.kaimingUniform(layer.weight, { nonlinearity: 'leaky_relu' }), /no gain/],
  [() => N.init.kaimingUniform(ones([2, 2])), /fills a parameter/],
  [() => N.init.xavierNormal(layer.weight, 2), /options by name/],
  [() => N.init.xavierUniform(), /fills a parameter/],
  [() => N.init.pytorchDefault(), /fills a parameter/],
  // Optimizers.
  [() => new O.SGD(layer.weight.add(0), { lr: 0.1 }), /SGD takes a list of parameters.*got a Tensor/],
  [() => new O.SGD(layer.weight, { lr: 0.1 }), /pass it in an array/],
  [() => new O.SGD(layer, { lr: 0.1 }), /pass its parameters\(\)/],
  [() => new O.SGD(new nn.Sequential(layer), { lr: 0.1 }), /pass its parameters\(\)/],
  [() => new O.SGD(undefined, { lr: 0.1 }), /list of parameters/],
  [() => new O.SGD([undefined], { lr: 0.1 }), /cannot be optimised.*got undefined/],
  [() => new O.SGD([x], { lr: 0.1 }), /cannot be optimised.*got a Tensor/],
  [() => new O.SGD(layer.parameters(), 0.1), /options by name/],
  [() => new O.SGD(layer.parameters(), { lr: '0.1' }), /bad learning rate/],
  [() => new O.SGD(layer.parameters(), { lr: 0.1, momentum: '0.9' }), /bad momentum.*"0\.9"/],
  [() => new O.SGD(layer.parameters(), { lr: 0.1, weight_decay: 1 }), /did you mean weightDecay\?/],
  [() => new O.SGD(layer.parameters(), { lr: 0.1, nesterov: 'true' }), /bad nesterov/],
  [
    () => new O.SGD([{ params: layer.parameters(), weight_decay: 0 }], { lr: 0.1 }),
    /parameter group of SGD.*weightDecay/,
  ],
  [() => new O.SGD([{ params: layer }], { lr: 0.1 }), /pass its parameters\(\)/],
  [() => (sgd as Loose).step({ closure: () => {} }), /step has no option closure/],
  [() => new O.StepLR(sgd, 30), /StepLR takes its options by name/],
  [() => new O.StepLR(sgd, { step_size: 30 }), /did you mean stepSize\?/],
  [() => new O.StepLR(sgd), /options by name/],
  [() => new O.StepLR(undefined, { stepSize: 1 }), /changes the rates of an optimizer/],
  [() => new O.StepLR(layer, { stepSize: 1 }), /changes the rates of an optimizer.*got a Linear/],
  [() => new O.StepLR(sgd, { stepSize: 1, gamma: Number.NaN }), /bad gamma/],
  [() => new O.MultiStepLR(sgd, { milestones: 30 }), /bad milestones/],
  [() => new O.CosineAnnealingLR(sgd, { T_max: 3 }), /no option T_max.*did you mean tMax\?/],
  [() => new O.LinearLR(sgd, { startFactor: '1' }), /bad startFactor/],
  [() => new O.WarmupDecay(sgd, { totalSteps: 3, shape: 'cos' }), /bad shape/],
  [() => new O.ReduceLROnPlateau(sgd, { mode: 'minimum' }), /bad mode/],
  [() => new O.ReduceLROnPlateau(sgd, { min_lr: 1 }), /did you mean minLr\?/],
  [() => new O.ReduceLROnPlateau(sgd).step(x), /needs a metric.*await loss\.item/],
  [() => new O.WeightAverage(layer.parameters(), 0.9), /parameters with their names/],
  [() => new O.WeightAverage(layer.namedParameters(), '0.9'), /bad decay/],
  [() => O.clipGradNorm(layer, 1), /pass its parameters\(\)/],
  [() => O.clipGradNorm([x], 1), /gradients of parameters/],
  [() => O.clipGradNorm(layer.parameters(), '1'), /bad maxNorm/],
  [() => O.clipGradValue(layer.parameters()), /bad maxValue/],
  // Tensors.
  [() => C.tensor('1, 2'), /takes numbers.*got "1, 2"/],
  [() => C.tensor([1, 'a']), /takes numbers.*got "a"/],
  [() => C.tensor([true]), /takes numbers.*write 1 and 0/],
  [() => C.tensor(), /takes numbers.*got undefined/],
  [() => C.tensor([null]), /takes numbers.*got null/],
  [() => C.tensor([1n]), /takes numbers.*got 1n/],
  [() => tensor([[1, 2], [3], [4, 5, 6]]), /rectangular/],
  [() => C.tensor([1, [2]]), /rectangular/],
  [() => C.tensor([[1], 2]), /rectangular/],
  [() => C.tensor([1, 2], { shape: [-1, -2] }), /bad shape/],
  [() => C.tensor([1, 2], { shape: 2 }), /bad shape/],
  [() => C.tensor([1], { dtype: 'float16' }), /bad dtype.*got "float16"/],
  [() => C.tensor([1], { requires_grad: true }), /did you mean requiresGrad\?/],
  [() => C.tensor([0.5], { dtype: 'uint8' }), /uint8 cannot hold 0\.5/],
  [() => C.tensor([256], { dtype: 'uint8' }), /uint8 cannot hold 256/],
  [() => C.tensor([Number.NaN], { dtype: 'int32' }), /int32 cannot hold NaN/],
  [() => C.tensor(Float32Array.of(0.5), { dtype: 'int32' }), /int32 cannot hold 0\.5/],
  [() => C.tensor(Int8Array.of(-1)), /cannot hold these values.*an Int8Array/],
  [() => C.tensor(BigInt64Array.of(1n)), /cannot hold these values/],
  [() => C.tensor([1, 2], { dtype: 'int32' }).maskedFill(x, 0.5), /int32 cannot hold 0\.5/],
  [() => C.where(x, C.tensor([1], { dtype: 'int32' }), 0.5), /int32 cannot hold 0\.5/],
  [
    () => nn.functional.pad(C.tensor([1], { dtype: 'uint8' }) as never, [1, 0], { value: 300 }),
    /uint8 cannot hold 300/,
  ],
  [() => C.zeros(2, 3), /zeros got a bad shape.*got 2/],
  [() => C.full([2], '1'), /bad value/],
  [() => C.ones([2], 'float'), /bad dtype/],
  [() => C.zeros([1.5]), /bad shape/],
  [() => new C.Parameter([1, 2], [2]), /cannot hold these values/],
  [() => new C.Parameter(new Float32Array(3), [2]), /do not fill/],
  [() => new C.Parameter(new Float32Array(2), [2], { requires_grad: false }), /no option requires_grad/],
  [() => (layer.weight as Loose).load([1, 2, 3, 4]), /no typed array/],
  ...['add', 'sub', 'mul', 'div', 'equal', 'matmul'].flatMap((name) =>
    [[1], '1', undefined, null, Promise.resolve(x), true].map(
      (other) => [() => (x as Loose)[name](other), new RegExp(`${name}\\(\\) computes on tensors`)] as const,
    ),
  ),
  [() => (x as Loose).pow('2'), /bad exponent/],
  [() => (x as Loose).sum({ dim: 1 }), /sum\(\) got bad axes/],
  [() => (x as Loose).mean('1'), /bad axes/],
  [() => (x as Loose).max([0], 'yes'), /bad keepDims/],
  [() => (x as Loose).reshape('8'), /reshape\(\)/],
  [() => (x as Loose).reshape(), /reshape/],
  [() => (x as Loose).permute(1.5), /permute/],
  [() => (x as Loose).toFloat('half'), /bad dtype/],
  [() => (x as Loose).argmax('a'), /argmax/],
  [() => C.evaluate([1]), /computes on tensors/],
  [() => C.manualSeed('1'), /seed/],
  [() => C.setDefaultDevice('cpu'), /no such device/],
  [() => (x as Loose).to('cuda'), /no such device.*got "cuda"/],
  [() => (layer as Loose).to(device.best()), /await it/],
  [() => (layer as Loose).to(), /no such device/],
  [() => (layer as Loose).loadStateDict(new Map(), { strct: false }), /did you mean strict\?/],
  [() => device.open('cuda' as Loose), /no such device.*got "cuda"/],
  [() => device.open('reference', { treads: 1 } as Loose), /did you mean threads\?/],
  [() => device.best({ threads: 0 }), /bad threads/],
  [() => device.best({ precision: 'fp16' as Loose }), /bad precision/],
  // Data.
  [
    () => new C.DataLoader([[x, 1]]),
    /DataLoader reads a data set.*get\(index\).*an array of 1.*get: \(i\) =>/,
  ],
  [() => new C.DataLoader(Shapes10.open({ train: true })), /await it/],
  [() => new C.DataLoader(), /reads a data set/],
  [() => new C.DataLoader({ name: 'a', length: 3, classes: [], imageShape: [3, 8, 8] }), /read undefined/],
  [() => new C.DataLoader({ length: 3, read() {} }), /imageShape undefined/],
  [() => new C.DataLoader({ length: 'a', read() {} }), /length "a"/],
  [() => new C.DataLoader({ name: 'a', length: 3, getItem() {} }), /get\(index\).*got an object with name/],
  [() => new C.DataLoader(set, { batch_size: 4 }), /did you mean batchSize\?/],
  [() => new C.DataLoader(set, { num_workers: 4 }), /did you mean workers\?/],
  [() => new C.DataLoader(set, { drop_last: true }), /did you mean dropLast\?/],
  [() => new C.DataLoader(set, { colour: 4 }), /no option colour.*leave it out/],
  [() => new C.DataLoader(set, 4), /options by name/],
  [() => new C.DataLoader(set, { shuffle: 'yes' }), /bad shuffle/],
  [
    () => new C.DataLoader(set, { batchSize: '4' }),
    /bad batchSize\. Expected an integer from 1 to 1048576; got "4"/,
  ],
  [
    () => new C.DataLoader(set, { transform: (y: unknown) => y }),
    /not a transform.*the function transform.*apply\(batch\)/,
  ],
  [
    () => new C.DataLoader(set, { transform: transforms.toTensor }),
    /not a transform.*the function toTensor.*call it/,
  ],
  [() => new C.DataLoader(set, { transform: [transforms.toTensor()] }), /transforms\.compose\(\[…\]\)/],
  [() => new C.DataLoader(set, { transform: null }), /not a transform/],
  [() => new C.Subset(set, 3), /no list of indices/],
  [() => new C.Subset([1, 2], [0]), /Subset reads a data set/],
  [() => C.Subset.random(set, '3'), /cannot have this size/],
  [() => C.Shapes10.open(), /options by name/],
  [() => C.Shapes10.open({ train: 'yes' }), /bad train/],
  [() => C.Shapes10.open({ train: true, size: 3 }), /no option size/],
  [() => C.enumerate(3).next(), /enumerate got/],
  [() => T.compose(transforms.toTensor()), /takes a list/],
  [() => T.compose([transforms.toTensor]), /the function toTensor/],
  [() => T.compose(), /takes a list/],
  [() => T.resize('224'), /bad size.*got "224"/],
  [() => T.resize(), /bad size/],
  [() => T.centerCrop('ab'), /bad size/],
  [() => T.tenCrop({ size: 3 }), /bad size/],
  [() => T.pad('1'), /bad padding/],
  [() => T.pad(), /bad padding/],
  [() => T.randomCrop(8, 4), /options by name/],
  [() => T.randomCrop(8, { padding: '4' }), /bad padding/],
  [() => T.randomCrop(8, { pad: 4 }), /did you mean padding\?|no option pad/],
  [() => T.randomHorizontalFlip({ p: 0.5 }), /bad probability/],
  [() => T.normalize(0.5, 0.5), /bad statistics/],
  [() => T.normalize([0.5], ['1']), /bad statistics/],
  [() => T.normalize(), /bad statistics/],
  [() => T.colourShift(), /options by name/],
  [() => T.colourShift({ eigenvalues: 1, eigenvectors: 2 }), /bad components/],
  [() => T.subtractMean([1, 2, 3], [3, 1, 1]), /bad image/],
  [() => T.toTensor().apply([1, 2]), /batches of images/],
  [() => T.normalize([1], [1]).apply(), /batches of images/],
  [() => T.resize(4).apply([1]), /batches of images/],
  [() => T.randomCrop(4).apply(x), /draws random numbers/],
  [() => T.randomHorizontalFlip().apply(x, {}), /draws random numbers/],
  // Files.
  [() => saveWeights(layer as Loose, 'a.pth' as Loose), /a file path and a model/],
  [() => saveWeights('a.pth', layer, {}, { dtype: 'half' as Loose }), /bad dtype/],
  [() => loadWeights('a.pth', undefined as Loose), /a file path and a model/],
  [() => evaluateModel({ model: 3, dataset: set, transform: transforms.toTensor() } as Loose), /bad model/],
  [
    () => evaluateModel({ model: layer, dataset: [], transform: transforms.toTensor() } as Loose),
    /reads a data set/,
  ],
  [() => evaluateModel({ model: layer, dataset: set, transform: () => {} } as Loose), /not a transform/],
  [() => evaluateModel(null as Loose), /evaluateModel takes its options by name.*got null/],
  [() => evaluateModel({ model: layer, dataset: set, batch_size: 4 } as Loose), /did you mean batchSize\?/],
  ...[undefined, {}, 'weights', [1]].flatMap((wrong: Loose) => [
    [() => importOnnx(wrong), /importOnnx reads the bytes of a file.*readOnnx takes a path/] as const,
    [() => exportOnnx(wrong, [3, 8, 8]), /exportOnnx writes a model.*a Module/] as const,
    [() => writeSafetensors('a.safetensors', wrong), /by name.*a Map/] as const,
    [() => imageStatistics(wrong), /reads a data set/] as const,
  ]),
  ...[undefined, '3, 8, 8', [3, 8.5, 8], [3, -1, 8], 8].map(
    (wrong: Loose) => [() => exportOnnx(layer, wrong), /exportOnnx got a bad inputShape/] as const,
  ),
  [() => exportOnnx(layer, [2], { opset: 17 } as Loose), /exportOnnx has no option opset/],
  [() => writeSafetensors(undefined as Loose, new Map()), /writeSafetensors got a bad file/],
  [() => imageStatistics(set as Loose), /such as an ImageFolder; got a Shapes10/],
  ...[CIFAR10.open, ImageFolder.open, ImageFolder.openSplit].flatMap((open: Loose) => [
    [() => open(), /takes its options by name.*got undefined/] as const,
    [() => open('data'), /takes its options by name.*got "data"/] as const,
    [() => open({ root: 3, train: true }), /got a bad root.*got 3|has no option train/] as const,
    [() => open({ root: '' }), /got a bad root.*an empty string/] as const,
    [() => open({ root: 'data', rot: 'data' }), /did you mean root\?/] as const,
  ]),
  [() => CIFAR10.open({ root: 'data' } as Loose), /CIFAR10\.open got a bad train.*got undefined/],
  [() => CIFAR10.open({ root: 'data', train: 'false' } as Loose), /bad train.*got "false"/],
  [() => ImageFolder.openSplit({ root: 'data', train: 'val' } as Loose), /bad train.*got "val"/],
  [() => Classifier.open(3 as Loose), /Classifier\.open got a bad path/],
  [() => Classifier.open('a.pth', { clases: ['cat'] } as Loose), /did you mean classes\?/],
  // Networks.
  [() => new AlexNet({ num_classes: 10 } as Loose), /did you mean numClasses\?/],
  [() => new AlexNet(10 as Loose), /AlexNet takes its options by name/],
  [() => new FourLayerNet({ classes: 10 } as Loose), /FourLayerNet has no option classes/],
  [() => new ResNet({ layers: 20 } as Loose), /ResNet has no option layers/],
  [() => device.open('onednn', { threads: 1e9 }), /bad threads.*at most 1024; got 1000000000/],
];

for (const [call, words] of WRONG)
  test(`${String(call).replace(/^\(\) => /, '')} is rejected with an explanation`, async () => {
    await assert.rejects(
      // Synchronous or asynchronous.
      async () => await call(),
      (error: unknown) => {
        assert.ok(error instanceof Error);
        assert.match(error.message, words);
        return true;
      },
    );
  });

test('usage that is common in PyTorch works', async () => {
  const y = tensor([
    [1, 2],
    [3, 4],
  ]);
  assert.deepEqual([...(await y.sum(1).data())], [3, 7]);
  assert.deepEqual(y.mean(-1, true).shape, [2, 1]);
  assert.deepEqual(y.reshape(4).shape, [4]);
  assert.deepEqual(y.reshape(1, -1).shape, [1, 4]);
  assert.deepEqual(y.reshape([4, 1]).shape, [4, 1]);
  assert.deepEqual([...(await y.permute(1, 0).data())], [1, 3, 2, 4]);
  assert.equal(tensor(Float32Array.of(1), { dtype: 'float64' }).dtype, 'float64');
  assert.equal(tensor(Uint8ClampedArray.of(1, 2) as Loose).dtype, 'uint8');
  assert.deepEqual(tensor([]).shape, [0]);
  assert.deepEqual(tensor(3).shape, []);
  assert.deepEqual([zeros([0, 2]).size, full([1], Number.NaN).size], [0, 1]);
  assert.equal(new Parameter(new Float32Array(2), [2], { trainable: false }).requiresGrad, false);
  assert.equal(new DataLoader(new Subset(set, Int32Array.of(1, 2)), {}).length, 2);
});

test('a device that was closed says so', async () => {
  const { device: here } = await device.open('reference');
  const there = await ones([2]).to(here);
  // Also twice at once, as two owners of a device may.
  await Promise.all([here.close(), here.close()]);
  await here.close();
  await assert.rejects(there.add(1).data(), (error: unknown) => {
    assert.ok(error instanceof core.DeviceError);
    assert.match(error.message, /The reference device was closed/);
    return true;
  });
});
