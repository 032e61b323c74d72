import { openDevice } from './backend/open.js';
import { referenceDevice } from './backend/reference/index.js';
import { setDefaultDevice } from './tensor/realize.js';

// Small computations on tensors that nobody moved anywhere run right here.
setDefaultDevice(referenceDevice());

/** Where models live and compute. */
export const device = {
  /**
   * The fastest device that works on this machine.
   *
   * @example
   * const model = await new AlexNet({ numClasses: 10 }).to(await device.best());
   */
  best: async (options: { threads?: number } = {}) => (await openDevice('auto', options)).device,
  open: openDevice,
  /** Plain TypeScript in this thread. */
  reference: referenceDevice,
};

export type { Device, EngineInfo } from './backend/backend.js';
export { type DeviceName, openDevice } from './backend/open.js';
export { CIFAR10 } from './data/cifar10.js';
export { type Dataset, Subset } from './data/dataset.js';
export { enumerate } from './data/enumerate.js';
export { ImageFolder, type ImageFolderOptions } from './data/images/image-folder.js';
export { paperTransforms } from './data/images/paper-transforms.js';
export { type Batch, DataLoader, type DataLoaderOptions } from './data/loader.js';
export { Shapes10 } from './data/shapes10.js';
export * as transforms from './data/transforms/index.js';
export * from './errors.js';
export type { DType, Shape, TypedArray } from './graph/types.js';
export { readWeights, type Weight, type Weights } from './interop/weights.js';
export * as nn from './nn/index.js';
export * as ops from './ops/index.js';
export * as optim from './optim/index.js';
export { Generator } from './random.js';
export { manualSeed } from './tensor/random.js';
export { setDefaultDevice } from './tensor/realize.js';
export { evaluate, full, ones, Parameter, Tensor, tensor, zeros } from './tensor/tensor.js';
export { saveWeights } from './train/checkpoint.js';
export { evaluateModel } from './train/evaluate.js';
export { pictureStatistics } from './train/picture-statistics.js';
export { readSafetensors, writeSafetensors } from './train/safetensors.js';
