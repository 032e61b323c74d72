import * as core from '../../../src/core.js';
import type { ValidCall } from './valid-calls.js';

/* Data sets, samplers, loaders, text, transforms of single images, initialisers, hooks and what else takes arguments. */

const { nn, tensor, transforms } = core;
const calls: Record<string, ValidCall> = {};
function add(name: string, call: (...args: never[]) => unknown, ...args: readonly unknown[]): void {
  calls[name] = { call, args };
}

/* Data sets and text. */
const numbers = { name: 'numbers', length: 4, get: (i: number): number => i };
const images = await core.Shapes10.open({ train: true, length: 10 });
add(
  'GeneratedDataset',
  (options: core.GeneratedOptions<number>, index: number) => new core.GeneratedDataset(options).get(index),
  { length: 3, seed: 1, sample: (generator: core.Generator) => generator.uniform() },
  1,
);
add(
  'TensorDataset',
  async (rows: core.Tensor, labels: Int32Array, index: number) =>
    (await core.TensorDataset.of(rows, labels)).get(index),
  tensor([
    [1, 2],
    [3, 4],
  ]),
  Int32Array.of(0, 1),
  1,
);
add(
  'Shapes10',
  async (options: { train: boolean; length: number }, index: number) => {
    const set = await core.Shapes10.open(options);
    return set.read(index, new Uint8Array(3 * 32 * 32), 0);
  },
  { train: true, length: 10, seed: 1 },
  1,
);
add(
  'Subset',
  (indices: number[], at: number) => new core.Subset(images, indices).read(at, new Uint8Array(3072), 0),
  [3, 1],
  1,
);
add(
  'SampleSubset',
  (indices: number[], at: number) => {
    const set = { name: 'numbers', length: 6, get: (i: number) => i };
    return new core.SampleSubset(set, indices).get(at);
  },
  [3, 1],
  1,
);
add('padSequence', core.padSequence, [Int32Array.of(1, 2), Int32Array.of(3)], 0);
add(
  'Vocabulary.encode',
  (characters: string[], text: string) => new core.Vocabulary(characters).encode(text),
  ['a', 'b'],
  'ab',
);
add('Vocabulary.decode', (ids: number[]) => [core.Vocabulary.of('ab').decode(ids).length], [0, 1]);

/* Samplers and the loader. */
add('SequentialSampler', (source: { length: number }) => new core.SequentialSampler(source).indices(), {
  length: 4,
});
add(
  'RandomSampler',
  (source: { length: number }, options: object, epoch: number) =>
    new core.RandomSampler(source, options).indices(epoch),
  { length: 4 },
  { replacement: true, numSamples: 3, seed: 1 },
  0,
);
add(
  'SubsetRandomSampler',
  (indices: number[], options: object, epoch: number) =>
    new core.SubsetRandomSampler(indices, options).indices(epoch),
  [2, 1],
  { seed: 1 },
  0,
);
add(
  'WeightedRandomSampler',
  (weights: number[], count: number, options: object, epoch: number) =>
    new core.WeightedRandomSampler(weights, count, options).indices(epoch),
  [1, 2],
  3,
  { replacement: true, seed: 1 },
  0,
);
add(
  'BatchSampler',
  (size: number, dropLast: boolean, epoch: number) => [
    ...new core.BatchSampler(new core.SequentialSampler({ length: 4 }), size, dropLast).batches(epoch),
  ],
  2,
  false,
  0,
);
async function drained(loader: AsyncIterable<unknown>): Promise<unknown[]> {
  const batches: unknown[] = [];
  for await (const batch of loader) batches.push(batch);
  return batches;
}
add(
  'DataLoader',
  (options: core.DataLoaderOptions<number>) => drained(new core.DataLoader(numbers, options)),
  { batchSize: 2, shuffle: true, dropLast: false, workers: 0, prefetch: 1, seed: 1, ranks: 1, rank: 0 },
);
add(
  'DataLoader of images',
  (options: core.DataLoaderOptions) => drained(new core.DataLoader(images, options)),
  { batchSize: 5, transform: transforms.toTensor() },
);
add(
  'DataLoader of any samples',
  (made: unknown) =>
    drained(new core.DataLoader({ ...numbers, get: () => made as number }, { batchSize: 2 })),
  1,
);
add(
  'DataLoader by a sampler',
  (index: number) => {
    const sampler = { length: 2, indices: () => [index, index] } as unknown as core.Sampler;
    return drained(new core.DataLoader(numbers, { sampler }));
  },
  1,
);
add(
  'DataLoader by batches',
  (batch: number[]) => {
    const batchSampler = { length: 1, batches: () => [batch] } as unknown as core.BatchesSampler;
    return drained(new core.DataLoader(numbers, { batchSampler }));
  },
  [1, 0],
);
add(
  'DataLoader of a stream',
  (samples: number[]) =>
    drained(new core.DataLoader({ name: 'stream', iterate: () => samples }, { batchSize: 2 })),
  [1, 2],
);
add(
  'DataLoader, collated',
  (batch: unknown) => drained(new core.DataLoader(numbers, { collate: () => batch })),
  tensor([1]),
);
add(
  'DataLoader.batches',
  (epoch: number, start: number) =>
    drained(new core.DataLoader(numbers, { batchSize: 2 }).batches(epoch, start)),
  0,
  1,
);

/* Random numbers. */
add('Generator', (seed: number) => new core.Generator(seed).uniform(), 1);
add('Generator.uniform', (low: number, high: number) => new core.Generator(1).uniform(low, high), 0, 1);
add('Generator.normal', (mean: number, std: number) => new core.Generator(1).normal(mean, std), 0, 1);
add('Generator.integer', (n: number) => new core.Generator(1).integer(n), 3);
add('Generator.permutation', (n: number) => new core.Generator(1).permutation(n), 3);
add('manualSeed', core.manualSeed, 1);

/* Transforms of single images. */
const bytes = () =>
  tensor(
    Uint8Array.from({ length: 2 * 3 * 16 }, (_, i) => (37 * i) % 256),
    { shape: [2, 3, 4, 4] },
  );
function transform(name: keyof typeof transforms, made: readonly unknown[]): void {
  const make = transforms[name] as unknown as (...args: never[]) => core.transforms.Transform;
  add(
    `transforms.${name}`,
    (...args: unknown[]) =>
      make(...(args.slice(0, made.length) as never[])).apply(args[made.length] as core.Tensor, {
        generator: new core.Generator(1),
      }),
    ...made,
    bytes(),
  );
}
transform('randomResizedCrop', [3, { scale: [0.5, 1], ratio: [0.8, 1.2] }]);
transform('colorJitter', [{ brightness: 0.2, contrast: [0.5, 1], saturation: 0.1, hue: 0.1 }]);
transform('randomErasing', [{ p: 1, scale: [0.1, 0.2], ratio: [0.5, 2], value: 0 }]);
transform('randomRotation', [[-10, 10], { fill: 0 }]);
transform('randAugment', [{ numOps: 1, magnitude: 3, numMagnitudeBins: 31, fill: 0 }]);
transform('gaussianBlur', [3, [0.1, 2]]);
transform('grayscale', [3]);
transform('randomGrayscale', [1]);
transform('randomVerticalFlip', [1]);
transform('subtractMean', [new Float32Array(48), [3, 4, 4]]);
transform('colourShift', [
  {
    eigenvalues: [0.2, 0.1, 0.05],
    eigenvectors: [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ],
    std: 0.1,
  },
]);

add(
  'transforms.tenCrop',
  (size: number, batch: core.Tensor) =>
    transforms.tenCrop(size).map((view) => view.apply(batch, { generator: new core.Generator(1) })),
  2,
  tensor(new Float32Array(48), { shape: [1, 3, 4, 4] }),
);

/* Initialisers. */
const weight = () => new core.Parameter(Float32Array.of(1, 2, 3, 4), [2, 2]);
function init(name: keyof typeof nn.init, ...options: readonly unknown[]): void {
  const fill = nn.init[name] as unknown as (...args: never[]) => void;
  add(
    `nn.init.${name}`,
    (...given: unknown[]) => {
      const parameter = weight();
      fill(...([parameter, ...given] as never[]));
      return parameter.data();
    },
    ...options,
  );
}
init('uniform', { low: 0, high: 1 });
init('normal', { mean: 0, std: 1 });
init('truncNormal', { mean: 0, std: 1, a: -2, b: 2 });
init('constant', 1);
for (const name of ['xavierUniform', 'xavierNormal', 'orthogonal'] as const) init(name, { gain: 1 });
for (const name of ['kaimingUniform', 'kaimingNormal'] as const)
  init(name, { a: 0.1, mode: 'fanIn', nonlinearity: 'relu' });
init('sparse', { sparsity: 0.5, std: 0.1 });
add('nn.init.gain', nn.init.gain, 'relu', 0.1);
add('nn.init.fans', nn.init.fans, [2, 2]);

/* Own operations, updates and hooks. */
const leaf = () => tensor([1, 2], { requiresGrad: true });
add(
  'define',
  (operation: core.OwnOperation, x: core.Tensor) => core.define(operation)(x),
  { name: 'same', forward: (x: core.Tensor) => x, backward: (grad: core.Tensor) => [grad] },
  tensor([1]),
);
add(
  'define, forward',
  (made: core.Tensor) =>
    core.define({ name: 'made', forward: () => made, backward: () => [null] })(tensor([1])),
  tensor([1]),
);
add(
  'define, backward',
  (made: core.Tensor) => {
    const x = leaf();
    core
      .define({ name: 'made', forward: (y) => y.mul(1), backward: () => [made] })(x)
      .sum()
      .backward();
    return x.grad;
  },
  tensor([1, 2]),
);
add(
  'update',
  async (value: core.Tensor, options: object) => {
    const parameter = weight();
    await parameter.place(core.referenceDevice());
    core.update([[parameter, value]], options);
    return parameter.data();
  },
  tensor([
    [1, 2],
    [3, 4],
  ]),
  { guard: tensor(1), compute: [] },
);
add(
  'x.backward',
  (gradient: core.Tensor) => {
    const x = leaf();
    x.mul(2).backward(gradient);
    return x.grad;
  },
  tensor([1, 1]),
);
add(
  'x.registerHook',
  (made: core.Tensor) => {
    const x = leaf();
    x.registerHook(() => made);
    x.sum().backward();
    return x.grad;
  },
  tensor([1, 1]),
);
for (const name of ['registerForwardHook', 'registerForwardPreHook', 'registerFullBackwardHook'] as const)
  add(
    `nn.Module.${name}`,
    (hook: never) => {
      const module = new nn.Linear(2, 2);
      module[name](hook);
      const x = tensor([[1, 2]], { requiresGrad: true });
      module.forward(x).sum().backward();
      return x.grad;
    },
    () => undefined,
  );
add(
  'nn.Module.registerForwardHook, result',
  (made: unknown) => {
    const module = new nn.Linear(2, 2);
    module.registerForwardHook(() => made);
    return module.forward(tensor([[1, 2]]));
  },
  tensor([[1, 2]]),
);
add(
  'nn.Module.registerForwardPreHook, result',
  (made: core.Tensor) => {
    const module = new nn.Linear(2, 2);
    module.registerForwardPreHook(() => [made]);
    return module.forward(tensor([[1, 2]]));
  },
  tensor([[1, 2]]),
);
add(
  'nn.Module.registerFullBackwardHook, result',
  (made: core.Tensor) => {
    const module = new nn.Linear(2, 2);
    module.registerFullBackwardHook(() => [made]);
    const x = tensor([[1, 2]], { requiresGrad: true });
    module.forward(x).sum().backward();
    return x.grad;
  },
  tensor([[1, 2]]),
);
add(
  'nn.Module.registerBuffer',
  (name: string, value: core.Tensor, options: object) =>
    new nn.Identity().registerBuffer(name, value, options),
  'mean',
  tensor([1]),
  { persistent: true },
);
add(
  'nn.Module.getSubmodule',
  (path: string) => {
    new nn.Sequential(new nn.ReLU()).getSubmodule(path);
  },
  '0',
);
add(
  'nn.Module.loadStateDict',
  (saved: never) => {
    new nn.Linear(2, 2, { bias: false }).loadStateDict(new Map([['weight', saved]]));
  },
  { shape: [2, 2], data: new Float32Array(4) },
);
add(
  'nn.inspect',
  (shape: number[], options: object) => nn.inspect(new nn.Linear(2, 2), shape, options),
  [2],
  {
    inputType: 'float32',
  },
);
add(
  'optim.WeightAverage',
  async (decay: number) => {
    const parameter = weight();
    await parameter.place(core.referenceDevice());
    new core.optim.WeightAverage([['weight', parameter]], decay);
  },
  0.9,
);
add(
  'optim.Optimizer.addParamGroup',
  (group: object) => {
    const optimizer = new core.optim.SGD([weight()], { lr: 0.1 });
    optimizer.addParamGroup({ params: [weight()], ...group });
    return optimizer.paramGroups.map(({ lr }) => lr);
  },
  { lr: 0.1 },
);

/* Saved states, and what takes functions. */
const sgd = () => new core.optim.SGD([weight()], { lr: 0.1 });
add(
  'noGrad',
  (body: () => unknown) => core.noGrad(body),
  () => 1,
);
add(
  'nn.ModuleDict',
  (pairs: readonly (readonly [string, core.nn.Module])[]) => {
    new nn.ModuleDict(pairs);
  },
  [['left', new nn.ReLU()]],
);
add('optim.finiteGuard', core.optim.finiteGuard, tensor(1), [tensor([1])]);
add('optim.Optimizer.loadStateDict', (saved: never) => sgd().loadStateDict(saved), sgd().stateDict());
add(
  'optim.StepLR.loadStateDict',
  (saved: never) => new core.optim.StepLR(sgd(), { stepSize: 2 }).loadStateDict(saved),
  { count: 1, baseLrs: [0.1] },
);
add(
  'optim.ReduceLROnPlateau.loadStateDict',
  (saved: never) => new core.optim.ReduceLROnPlateau(sgd()).loadStateDict(saved),
  { best: 1, bad: 0, cooldown: 0, lrs: [0.1] },
);
add(
  'optim.WeightAverage.loadStateDict',
  async (saved: never) => {
    const parameter = weight();
    await parameter.place(core.referenceDevice());
    new core.optim.WeightAverage([['weight', parameter]], 0.9).loadStateDict(saved);
  },
  { tensors: new Map(), state: { weight: 0 } },
);
add(
  'nn.init, generator',
  (generator: core.Generator) => {
    const parameter = weight();
    nn.init.normal(parameter, {}, generator);
    return parameter.data();
  },
  new core.Generator(1),
);

/** Calls that work, by name. */
export const DATA_CALLS: Readonly<Record<string, ValidCall>> = calls;
