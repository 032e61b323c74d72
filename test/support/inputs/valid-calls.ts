import * as core from '../../../src/core.js';

const { nn, optim, tensor, Tensor } = core;
const F = nn.functional;

/** A call that works: a function, its arguments, and what its results are. */
export interface ValidCall {
  readonly call: (...args: never[]) => unknown;
  readonly args: readonly unknown[];
}

const counted = (shape: readonly number[], scale = 0.1): Float32Array =>
  Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => scale * (((i * 7) % 11) + 1));

/** A float32 tensor of small positive values. */
const f = (...shape: readonly number[]): core.Tensor => tensor(counted(shape), { shape });
/** An int32 tensor of zeros and ones. */
const int = (...shape: readonly number[]): core.Tensor =>
  tensor(
    Int32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i % 2),
    { shape },
  );
/** Rows that sum to 1. */
const shares = (): core.Tensor => tensor([0.5, 0.25, 0.25, 0.5, 0.25, 0.25], { shape: [2, 3] });

const calls: Record<string, ValidCall> = {};
function add(name: string, call: (...args: never[]) => unknown, ...args: readonly unknown[]): void {
  calls[name] = { call, args };
}

/* Methods of tensors; the first argument is the tensor itself. */
type Method = Exclude<keyof core.Tensor & string, 'constructor'>;
function method(name: Method, ...args: readonly unknown[]): void {
  add(
    `x.${name}`,
    (self: core.Tensor, ...rest: unknown[]) => {
      if (!(self instanceof Tensor)) throw new core.UsageError({ what: 'no tensor' });
      return (self[name] as (...all: unknown[]) => unknown)(...rest);
    },
    ...args,
  );
}

for (const name of ['neg', 'exp', 'log', 'sqrt', 'square', 'abs', 'relu', 'sigmoid', 'tanh'] as const)
  method(name, f(2, 3));
for (const name of ['floor', 'sign', 'erf', 'detach', 'toFloat', 'flatten'] as const) method(name, f(2, 3));
for (const name of ['add', 'sub', 'mul', 'div', 'maximum', 'minimum'] as const)
  method(name, f(2, 3), f(2, 3));
for (const name of ['equal', 'eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const) method(name, f(2, 3), f(2, 3));
for (const name of ['softmax', 'logSoftmax', 'argmax', 'argmin', 'cumsum'] as const) method(name, f(2, 3), 1);
for (const name of ['sum', 'mean', 'max', 'min', 'prod', 'logsumexp'] as const)
  method(name, f(2, 3), [1], true);
for (const name of ['sort', 'argsort'] as const) method(name, f(2, 3), 1, true);
for (const name of ['maxWithIndices', 'minWithIndices'] as const) method(name, f(2, 3), 1, true);
for (const name of ['tril', 'triu'] as const) method(name, f(2, 3), 0);
for (const name of ['var', 'std'] as const) method(name, f(2, 3), [1], { correction: 1, keepDims: true });
for (const name of ['sin', 'cos'] as const) method(name, f(2, 3));
method('flip', f(2, 3), [0, 1]);
method('roll', f(2, 3), [1, 2], [0, 1]);
method('pow', f(2, 3), 2);
method('leakyRelu', f(2, 3), 0.1);
method('clamp', f(2, 3), 0, 1);
method('norm', f(2, 3), 2, [1], true);
method('topk', f(2, 3), 2, 1, true);
method('matmul', f(2, 3), f(3, 4));
method('reshape', f(2, 3), 3, 2);
method('unflatten', f(2, 4), 1, [2, 2]);
method('permute', f(2, 3), 1, 0);
method('transpose', f(2, 3), 0, 1);
method('squeeze', f(2, 1), 1);
method('unsqueeze', f(2, 3), 1);
method('expand', f(1, 3), 4, 3);
method('repeat', f(2, 3), 2, 1);
method('split', f(4, 3), 2, 0);
method('chunk', f(4, 3), 2, 0);
method('unbind', f(2, 3), 0);
method('select', f(2, 3), 1, 1);
method('index', f(2, 3), 1, [0, 2]);
method('narrow', f(2, 3), 1, 1, 2);
method('slice', f(2, 3), 1, 0, 2, 1);
method('indexSelect', f(2, 3), 1, int(2));
method('gather', f(2, 3), 1, int(2, 2));
method('scatterAdd', f(2, 3), 1, int(2, 2), f(2, 2));
method('maskedFill', f(2, 3), int(2, 3), -1);

/* Functions. */
add('cat', core.cat, [f(2, 3), f(2, 3)], 1);
add('stack', core.stack, [f(2, 3), f(2, 3)], 1);
add('where', core.where, int(2, 3), f(2, 3), f(2, 3));
add('maximum', core.maximum, f(2, 3), f(2, 3));
add('minimum', core.minimum, f(2, 3), f(2, 3));
add('einsum', core.einsum, 'ij,jk->ik', f(2, 3), f(3, 4));
add('arange', core.arange, 0, 4, 1);
add('linspace', core.linspace, 0, 1, 3);
add('eye', core.eye, 2, 3);
add('full', core.full, [2, 3], 1, 'float32');
add('zeros', core.zeros, [2, 3], 'float32');
add('ones', core.ones, [2, 3], 'float32');
add('rand', core.rand, [2, 3]);
add('randn', core.randn, [2, 3]);
add('randint', core.randint, 0, 5, [2, 3]);
add('randperm', core.randperm, 4);
add('zerosLike', core.zerosLike, f(2, 3));
add('onesLike', core.onesLike, f(2, 3));
add('randLike', core.randLike, f(2, 3));
add('randnLike', core.randnLike, f(2, 3));
add('fullLike', core.fullLike, f(2, 3), 1);
add('tensor', core.tensor, [1, 2, 3, 4], { shape: [2, 2], dtype: 'float32' });
const wanted = f(2, 3);
add('grad', (y: core.Tensor) => core.grad(wanted.mul(y).sum(), [wanted]), f(2, 3));

/* Layers as functions. */
for (const name of ['gelu', 'silu', 'softplus', 'relu6', 'hardswish', 'hardsigmoid', 'mish'] as const)
  add(`F.${name}`, F[name], f(2, 3));
for (const name of ['selu', 'logsigmoid', 'softsign'] as const) add(`F.${name}`, F[name], f(2, 3));
add('F.elu', F.elu, f(2, 3), 1);
add('F.celu', F.celu, f(2, 3), 1);
add('F.glu', F.glu, f(2, 4), 1);
add('F.pixelUnshuffle', F.pixelUnshuffle, f(1, 1, 4, 4), 2);
add('F.pad', F.pad, f(2, 3), [1, 1], { mode: 'constant', value: 0 });
add('F.oneHot', F.oneHot, int(3), 2);
add('F.embedding', F.embedding, int(3), f(2, 4), { paddingIdx: 1 });
add('F.pixelShuffle', F.pixelShuffle, f(1, 4, 2, 2), 2);
add('F.interpolate', F.interpolate, f(1, 2, 2, 2), { scaleFactor: 2, mode: 'bilinear', alignCorners: false });
add('F.scaledDotProductAttention', F.scaledDotProductAttention, f(1, 3, 4), f(1, 3, 4), f(1, 3, 4));

/* Losses. */
add('F.linear', F.linear, f(2, 3), f(4, 3), f(4));
add('F.conv2d', F.conv2d, f(1, 2, 4, 4), f(3, 2, 3, 3), f(3), {
  stride: 1,
  padding: 1,
  dilation: 1,
  groups: 1,
});
add('F.convTranspose2d', F.convTranspose2d, f(1, 2, 3, 3), f(2, 3, 2, 2), f(3), {
  stride: 2,
  padding: 0,
  outputPadding: 1,
});
add('F.maxPool2d', F.maxPool2d, f(1, 2, 4, 4), 2, { stride: 2, padding: 0, ceilMode: true });
add('F.avgPool2d', F.avgPool2d, f(1, 2, 4, 4), 2, { stride: 2, padding: 0, countIncludePad: true });
const patches = { dilation: 1, padding: 0, stride: 2 };
add('F.unfold', F.unfold, f(1, 2, 4, 4), 2, patches);
add('F.fold', F.fold, f(1, 8, 4), 4, 2, patches);
add('F.pairwiseDistance', F.pairwiseDistance, f(2, 3), f(2, 3), { p: 2, eps: 1e-6, keepDims: true });
add('F.adaptiveMaxPool2d', F.adaptiveMaxPool2d, f(1, 2, 4, 4), 2);
add('F.adaptiveAvgPool2d', F.adaptiveAvgPool2d, f(1, 2, 4, 4), 2);
add('F.layerNorm', F.layerNorm, f(2, 3), 3, { weight: f(3), bias: f(3), eps: 1e-5 });
add('F.normalize', F.normalize, f(2, 3), { p: 2, dim: 1, eps: 1e-12 });
add('F.cosineSimilarity', F.cosineSimilarity, f(2, 3), f(2, 3), { dim: 1, eps: 1e-8 });
add('F.dropout', F.dropout, f(2, 3), 0.5, true);
add('F.crossEntropy', F.crossEntropy, f(2, 3), int(2), {
  labelSmoothing: 0.1,
  weight: f(3),
  reduction: 'sum',
});
add('F.nllLoss', F.nllLoss, f(2, 3), int(2), { ignoreIndex: 5, reduction: 'mean' });
add('F.binaryCrossEntropy', F.binaryCrossEntropy, shares(), shares(), { reduction: 'sum' });
add('F.binaryCrossEntropyWithLogits', F.binaryCrossEntropyWithLogits, f(2, 3), shares(), {
  weight: f(3),
  posWeight: f(3),
});
add('F.klDiv', F.klDiv, f(2, 3), shares(), { reduction: 'batchmean', logTarget: false });
add('F.cosineEmbeddingLoss', F.cosineEmbeddingLoss, f(2, 3), f(2, 3), tensor([1, -1]), { margin: 0.1 });
for (const name of ['mseLoss', 'l1Loss'] as const)
  add(`F.${name}`, F[name], f(2, 3), f(2, 3), { reduction: 'sum' });
add('F.smoothL1Loss', F.smoothL1Loss, f(2, 3), f(2, 3), { beta: 1, reduction: 'mean' });
add('F.huberLoss', F.huberLoss, f(2, 3), f(2, 3), { delta: 1, reduction: 'mean' });
add('F.poissonNllLoss', F.poissonNllLoss, f(2, 3), f(2, 3), { logInput: true, full: false, eps: 1e-8 });
add('F.gaussianNllLoss', F.gaussianNllLoss, f(2, 3), f(2, 3), f(2, 3), { full: false, eps: 1e-6 });

const pairs = (): core.Tensor => tensor([1, -1]);
add('F.marginRankingLoss', F.marginRankingLoss, f(2), f(2), pairs(), { margin: 0.1, reduction: 'mean' });
add('F.hingeEmbeddingLoss', F.hingeEmbeddingLoss, f(2), pairs(), { margin: 0.1, reduction: 'mean' });
add('F.tripletMarginLoss', F.tripletMarginLoss, f(2, 3), f(2, 3), f(2, 3), { margin: 1, p: 2, eps: 1e-6 });

/* Layers: the arguments of the constructor, then the input. */
type Loose = new (...args: never[]) => core.nn.Module<unknown>;
const layers: Record<string, { make(): core.nn.Module<unknown>; readonly inputs: readonly unknown[] }> = {};
function layer(name: keyof typeof nn, made: readonly unknown[], ...inputs: readonly unknown[]): void {
  const make = (args: readonly unknown[]) => new (nn[name] as unknown as Loose)(...(args as never[]));
  layers[name] = { make: () => make(made), inputs };
  add(
    `nn.${name}`,
    (...args: unknown[]) => {
      const module = make(args.slice(0, made.length));
      return module.forward(...(args.slice(made.length) as never[]));
    },
    ...made,
    ...inputs,
  );
}
for (const name of ['ReLU', 'Sigmoid', 'Tanh', 'SiLU', 'ReLU6', 'Hardsigmoid', 'Hardswish', 'Mish'] as const)
  layer(name, [], f(2, 3));
for (const name of ['SELU', 'LogSigmoid', 'Softsign'] as const) layer(name, [], f(2, 3));
layer('Identity', [], f(2, 3));
layer('CELU', [1], f(2, 3));
layer('GLU', [1], f(2, 4));
layer('LeakyReLU', [0.01], f(2, 3));
layer('Softplus', [1, 20], f(2, 3));
layer('GELU', [{ approximate: 'none' }], f(2, 3));
layer('ELU', [1], f(2, 3));
layer('Hardtanh', [-1, 1], f(2, 3));
layer('PReLU', [3, { init: 0.25 }], f(2, 3));
layer('Softmax', [1], f(2, 3));
layer('LogSoftmax', [1], f(2, 3));
layer('Linear', [3, 4, { bias: true }], f(2, 3));
layer('Embedding', [4, 2, { paddingIdx: 0, maxNorm: 1, normType: 2 }], int(3));
layer('EmbeddingBag', [4, 2, { paddingIdx: 0, mode: 'sum' }], int(3), {
  offsets: [0, 2],
  perSampleWeights: f(3),
});
layer('Flatten', [1, -1], f(2, 3, 2));
layer('Unflatten', [1, [3, 2]], f(2, 6));
layer('Dropout', [0.5], f(2, 3));
layer('Dropout1d', [0.5], f(2, 3, 4));
layer('Dropout2d', [0.5], f(2, 3, 2, 2));
for (const name of ['ZeroPad2d', 'ReflectionPad2d', 'ReplicationPad2d', 'CircularPad2d'] as const)
  layer(name, [[1, 1, 0, 1]], f(1, 2, 3, 3));
layer('ConstantPad2d', [1, 0.5], f(1, 2, 3, 3));
layer('ConvTranspose1d', [2, 4, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }], f(1, 2, 3));
layer('Conv1d', [2, 4, 3, { stride: 1, padding: 1, dilation: 1, groups: 2, bias: true }], f(1, 2, 5));
layer('Conv2d', [2, 4, 3, { stride: 1, padding: 1, dilation: 1, groups: 2, bias: true }], f(1, 2, 5, 5));
layer('ConvTranspose2d', [2, 4, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }], f(1, 2, 3, 3));
layer('MaxPool1d', [2, { stride: 2, padding: 0, ceilMode: false }], f(1, 2, 4));
layer('MaxPool2d', [2, { stride: 2, padding: 0, ceilMode: false }], f(1, 2, 4, 4));
layer('AvgPool1d', [2, { stride: 2, padding: 0, countIncludePad: true }], f(1, 2, 4));
layer('AvgPool2d', [2, { stride: 2, padding: 0, countIncludePad: true }], f(1, 2, 4, 4));
layer('AdaptiveAvgPool1d', [2], f(1, 2, 4));
layer('Unfold', [2, patches], f(1, 2, 4, 4));
layer('Fold', [4, 2, patches], f(1, 8, 4));
layer('CosineSimilarity', [{ dim: 1, eps: 1e-8 }], f(2, 3), f(2, 3));
layer('PairwiseDistance', [{ p: 2, eps: 1e-6, keepDims: true }], f(2, 3), f(2, 3));
layer('AdaptiveMaxPool1d', [2], f(1, 2, 4));
layer('AdaptiveMaxPool2d', [[2, 2]], f(1, 2, 4, 4));
layer('AdaptiveAvgPool2d', [[2, 2]], f(1, 2, 4, 4));
layer('BatchNorm1d', [3, { eps: 1e-5, momentum: 0.1 }], f(2, 3));
layer('BatchNorm2d', [3, { eps: 1e-5, momentum: 0.1 }], f(2, 3, 2, 2));
layer('LayerNorm', [[3], { eps: 1e-5 }], f(2, 3));
layer('GroupNorm', [2, 4, { eps: 1e-5, affine: true }], f(2, 4, 3));
layer('InstanceNorm1d', [3, { eps: 1e-5, affine: true }], f(2, 3, 4));
layer('InstanceNorm2d', [3, { eps: 1e-5, affine: true }], f(2, 3, 2, 2));
layer('LocalResponseNorm', [2, { alpha: 1e-4, beta: 0.75, k: 1 }], f(1, 4, 2, 2));
layer('RMSNorm', [[3], { eps: 1e-5, elementwiseAffine: true }], f(2, 3));
layer('PixelShuffle', [2], f(1, 4, 2, 2));
layer('PixelUnshuffle', [2], f(1, 1, 4, 4));
layer('Upsample', [{ scaleFactor: 2, mode: 'nearest' }], f(1, 2, 2, 2));
for (const name of ['RNN', 'GRU', 'LSTM'] as const)
  layer(name, [3, 4, { numLayers: 1, batchFirst: true, bidirectional: false }], f(2, 3, 3));
for (const name of ['RNNCell', 'GRUCell'] as const) layer(name, [3, 4, { bias: true }], f(2, 3), f(2, 4));
layer('LSTMCell', [3, 4, { bias: true }], f(2, 3), [f(2, 4), f(2, 4)]);
layer('MultiheadAttention', [4, 2, { batchFirst: true }], f(1, 3, 4), f(1, 3, 4), f(1, 3, 4));
layer('TransformerEncoderLayer', [4, 2, { dimFeedforward: 8, dropout: 0, batchFirst: true }], f(1, 3, 4));
layer('TransformerDecoderLayer', [4, 2, { dimFeedforward: 8, batchFirst: true }], f(1, 3, 4), f(1, 2, 4));
layer(
  'Transformer',
  [{ dModel: 4, nhead: 2, numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 8, batchFirst: true }],
  f(1, 3, 4),
  f(1, 2, 4),
);
layer('CrossEntropyLoss', [{ labelSmoothing: 0.1, ignoreIndex: -100 }], f(2, 3), int(2));
layer('NLLLoss', [{ reduction: 'sum' }], f(2, 3), int(2));
for (const name of ['MSELoss', 'L1Loss'] as const) layer(name, [{ reduction: 'mean' }], f(2, 3), f(2, 3));
layer('SmoothL1Loss', [{ beta: 1 }], f(2, 3), f(2, 3));
layer('HuberLoss', [{ delta: 1 }], f(2, 3), f(2, 3));
layer('BCELoss', [{ reduction: 'mean' }], shares(), shares());
layer('BCEWithLogitsLoss', [{ posWeight: f(3) }], f(2, 3), shares());
layer('KLDivLoss', [{ reduction: 'batchmean' }], f(2, 3), shares());
layer('CosineEmbeddingLoss', [{ margin: 0 }], f(2, 3), f(2, 3), tensor([1, -1]));
layer('MarginRankingLoss', [{ margin: 0.1 }], f(2), f(2), pairs());
layer('HingeEmbeddingLoss', [{ margin: 0.1 }], f(2), pairs());
layer('TripletMarginLoss', [{ margin: 1, p: 2, swap: true }], f(2, 3), f(2, 3), f(2, 3));
layer('PoissonNLLLoss', [{ logInput: true }], f(2, 3), f(2, 3));
layer('GaussianNLLLoss', [{ eps: 1e-6 }], f(2, 3), f(2, 3), f(2, 3));

/* Optimizers and schedules: options, then one step. */
const weight = (): core.Parameter => new core.Parameter(Float32Array.of(1, 2), [2]);
function optimizer(name: keyof typeof optim, options: Readonly<Record<string, unknown>>): void {
  const Class = optim[name] as unknown as new (
    params: readonly core.Parameter[],
    options: unknown,
  ) => core.optim.Optimizer;
  add(
    `optim.${name}`,
    async (given: unknown) => {
      const p = weight();
      await p.place(core.referenceDevice());
      const made = new Class([p], given);
      p.mul(p).sum().backward();
      made.step();
      return tensor(await p.data());
    },
    options,
  );
}
const shared = { lr: 0.1, weightDecay: 0.01 };
optimizer('SGD', { ...shared, momentum: 0.9, dampening: 0, nesterov: true });
optimizer('Adam', { ...shared, betas: [0.9, 0.99], eps: 1e-8, decoupledWeightDecay: true });
optimizer('AdamW', { ...shared, betas: [0.9, 0.99], eps: 1e-8 });
optimizer('Adamax', { ...shared, betas: [0.9, 0.99], eps: 1e-8 });
optimizer('NAdam', { ...shared, betas: [0.9, 0.99], eps: 1e-8, momentumDecay: 0.004 });
optimizer('RAdam', { ...shared, betas: [0.9, 0.99], eps: 1e-8, decoupledWeightDecay: true });
optimizer('RMSprop', { ...shared, alpha: 0.9, eps: 1e-8, momentum: 0.1, centered: true });
optimizer('Adagrad', { ...shared, lrDecay: 0.1, eps: 1e-8 });
optimizer('Adadelta', { ...shared, rho: 0.9, eps: 1e-6 });
optimizer('LARS', { ...shared, momentum: 0.9 });
optimizer('LAMB', { ...shared, betas: [0.9, 0.99], eps: 1e-6 });

function schedule(
  name: keyof typeof optim,
  options: Readonly<Record<string, unknown>>,
  step: unknown = undefined,
): void {
  const Class = optim[name] as unknown as new (
    optimizer: core.optim.Optimizer,
    options: unknown,
  ) => { step(value?: unknown): void };
  add(
    `optim.${name}`,
    (given: unknown) => {
      const made = new optim.SGD([weight()], { lr: 0.1, momentum: 0.9 });
      const plan = new Class(made, given);
      plan.step(step);
      plan.step(step);
      return made.paramGroups.map(({ lr }) => lr);
    },
    options,
  );
}
schedule('StepLR', { stepSize: 2, gamma: 0.1 });
schedule('MultiStepLR', { milestones: [1, 2], gamma: 0.1 });
schedule('ExponentialLR', { gamma: 0.9 });
schedule('LambdaLR', { lrLambda: (epoch: number) => 0.9 ** epoch });
schedule('ConstantLR', { factor: 0.5, totalIters: 2 });
schedule('LinearLR', { startFactor: 0.5, endFactor: 1, totalIters: 2 });
schedule('PolynomialLR', { totalIters: 4, power: 1 });
schedule('CosineAnnealingLR', { tMax: 4, etaMin: 0 });
schedule('CosineAnnealingWarmRestarts', { t0: 2, tMult: 2, etaMin: 0 });
schedule('OneCycleLR', { maxLr: 0.1, totalSteps: 5, pctStart: 0.3 });
schedule('ReduceLROnPlateau', { factor: 0.1, patience: 1, mode: 'min' }, 1);
schedule('WarmupDecay', { warmupSteps: 1, decaySteps: 1, totalSteps: 4, shape: 'linear' });
add(
  'optim.clipGradNorm',
  (p: core.Parameter, most: number) => {
    if (p instanceof core.Parameter) p.mul(p).sum().backward();
    return optim.clipGradNorm([p], most);
  },
  weight(),
  1,
);
add(
  'optim.clipGradValue',
  (p: core.Parameter, most: number) => {
    if (p instanceof core.Parameter) p.mul(p).sum().backward();
    optim.clipGradValue([p], most);
    return p.grad;
  },
  weight(),
  1,
);

/* Transforms of batches. */
type Applied = { apply(...inputs: never[]): unknown };
function transform(
  name: keyof typeof core.transforms,
  made: readonly unknown[],
  ...inputs: readonly unknown[]
): void {
  const make = core.transforms[name] as unknown as (...args: never[]) => Applied;
  add(
    `transforms.${name}`,
    (...args: unknown[]) => {
      const context = { generator: new core.Generator(1) };
      return make(...(args.slice(0, made.length) as never[])).apply(
        ...([...args.slice(made.length), context] as never[]),
      );
    },
    ...made,
    ...inputs,
  );
}
transform('toTensor', [], f(2, 3, 4, 4));
transform(
  'normalize',
  [
    [0.5, 0.5, 0.5],
    [0.5, 0.5, 0.5],
  ],
  f(2, 3, 4, 4),
);
transform('resize', [[2, 2]], f(2, 3, 4, 4));
transform('centerCrop', [2], f(2, 3, 4, 4));
transform('pad', [[1, 2]], f(2, 3, 4, 4));
transform('randomCrop', [2, { padding: 1 }], f(2, 3, 4, 4));
transform('randomHorizontalFlip', [0.5], f(2, 3, 4, 4));
transform('mixUp', [{ numClasses: 3, alpha: 1 }], f(2, 3, 4, 4), int(2));
transform('cutMix', [{ numClasses: 3, alpha: 1 }], f(2, 3, 4, 4), int(2));

/** A call that works for each public operation, layer, loss, optimizer and schedule, by name. */
export const VALID_CALLS: Readonly<Record<string, ValidCall>> = calls;

/** Layers and inputs that fit them, by class. */
export const VALID_LAYERS: Readonly<typeof layers> = layers;
