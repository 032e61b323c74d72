/*
 * The part of the library that needs no Node API and also runs in browsers, on the GPU, on the WebAssembly device or on
 * the plain TypeScript one. Node programs import `paperweight`, which exports all of it and more.
 */
import { referenceDevice } from './backend/reference/index.js';
import { setDefaultDevice } from './tensor/realize.js';

// Tensors that were not moved to another device are computed on the calling thread.
setDefaultDevice(referenceDevice());

export type { Device, EngineInfo } from './backend/backend.js';
export { referenceDevice } from './backend/reference/index.js';
export { wasmDevice } from './backend/wasm/index.js';
export { type WebGpuAdapter, webgpuAdapter, webgpuDevice } from './backend/webgpu/index.js';
export type { Batch, SampleBatch } from './data/batch.js';
export type { AnySet, Dataset, FloatDataset } from './data/dataset.js';
export { enumerate } from './data/enumerate.js';
export type { DataLoaderOptions } from './data/loader/options.js';
export type { LabelledImage } from './data/loader/types.js';
export { DataLoader } from './data/loader.js';
export {
  type BatchesSampler,
  BatchSampler,
  RandomSampler,
  type Sampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
} from './data/samplers/samplers.js';
export { GeneratedDataset, type GeneratedOptions } from './data/samples/generated.js';
export { padSequence } from './data/samples/pad-sequence.js';
export type { ArrayValue, Collated, IterableSet, Sample, SampleSet } from './data/samples/sample.js';
export { SampleSubset } from './data/samples/sample-subset.js';
export { TensorDataset } from './data/samples/tensor-dataset.js';
export { Shapes10 } from './data/shapes10/shapes10.js';
export { Subset } from './data/subset.js';
export { Vocabulary } from './data/text/vocabulary.js';
export * as transforms from './data/transforms/index.js';
export { checkOptionNames } from './errors/arguments.js';
export * from './errors/errors.js';
export { isGradEnabled, noGrad } from './graph/grad-mode.js';
export type { DType, Shape, TypedArray } from './graph/types.js';
export { decodeWeights, encodeWeights } from './interop/safetensors/memory.js';
export * as nn from './nn/index.js';
export * as ops from './ops/index.js';
export * as optim from './optim/index.js';
export { Generator } from './random.js';
export {
  arange,
  type CreateOptions,
  eye,
  fullLike,
  linspace,
  onesLike,
  type RandomOptions,
  rand,
  randint,
  randLike,
  randn,
  randnLike,
  randperm,
  zerosLike,
} from './tensor/create.js';
export { define, type OwnOperation } from './tensor/define.js';
export { cat, einsum, maximum, minimum, stack, where } from './tensor/functions.js';
export { grad } from './tensor/grad.js';
export { Parameter } from './tensor/parameter.js';
export { manualSeed } from './tensor/random.js';
export { setDefaultDevice } from './tensor/realize.js';
export {
  evaluate,
  full,
  type GradHook,
  type Ordered,
  ones,
  type Removable,
  type SpreadOptions,
  Tensor,
  tensor,
  zeros,
} from './tensor/tensor.js';
export { update } from './tensor/update.js';
