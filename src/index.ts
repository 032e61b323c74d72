import { bestDevice, openDevice, webgpuDevice } from './backend/open.js';
import { referenceDevice } from './core.js';

export * from './core.js';

/** Devices, which hold and compute models. */
export const device = {
  /**
   * The fastest device that works on this machine: a GPU, otherwise onednn, otherwise wasm. In the last case a process
   * warning gives the reason and the command that installs the library of onednn.
   *
   * @param options.threads number of threads; default all cores
   * @param options.precision number type of large layers; default float32
   *
   * @example
   * const model = await new MyNet().to(await device.best());
   */
  best: bestDevice,
  open: openDevice,
  /** The GPU, or a software adapter. */
  webgpu: webgpuDevice,
  /** Plain TypeScript on the calling thread. */
  reference: referenceDevice,
};

export type { Precision } from './backend/backend.js';
export { type DeviceName, openDevice } from './backend/open.js';
export { CIFAR10 } from './data/cifar10/cifar10.js';
export { CIFAR100, type CIFAR100Options } from './data/cifar100/cifar100.js';
export { cropMirrorColour } from './data/images/crop-mirror-colour.js';
export { ImageFolder, type ImageFolderOptions, type SplitOptions } from './data/images/image-folder.js';
export type { Image } from './data/images/square-image.js';
export { FashionMNIST, MNIST, type MNISTOptions } from './data/mnist/mnist.js';
export { readImage } from './data/read-image.js';
export { TextCorpus, type TextOptions } from './data/text/text-corpus.js';
export * from './deprecated.js';
export * as distributed from './distributed/index.js';
export { exportOnnx, importOnnx, readOnnx } from './interop/onnx/index.js';
export { readSafetensors, writeSafetensors } from './interop/safetensors/checked.js';
export { readWeights, type Weight, type Weights } from './interop/weights.js';
export type { LoadOptions, LoadReport } from './nn/module.js';
export { testMetric, trainMetric } from './papers/claims/kinds.js';
export * as claims from './papers/claims/public.js';
export { Classifier, type ClassifierOptions, type Guess } from './papers/classifier.js';
export {
  definePaper,
  option,
  type Paper,
  type PaperDataset,
  type PaperViews,
  type Recipe,
} from './papers/paper.js';
export { saveWeights } from './run/checkpoint.js';
export type { ModelConfig } from './run/config.js';
export type { Evaluation } from './run/events.js';
export { loadWeights } from './run/load-weights.js';
export { type LoggedImage, Logger, type LoggerOptions } from './run/logger.js';
export { type EvaluateOptions, evaluateModel } from './train/evaluate.js';
export { imageStatistics } from './train/image-statistics.js';
export type { LoaderParts, LoaderSetup } from './train/method/loading.js';
export type {
  BestBy,
  Draws,
  MeasureContext,
  SampleContext,
  SampleImages,
  StepContext,
  UpdateOptions,
} from './train/method/method.js';
export type { LossAndMetrics, Training, TrainingSetup } from './train/method/training.js';
