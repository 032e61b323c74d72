// The public types of version 0.1: while this file compiles, each is still exported, at least as a deprecated alias.

export type {
  ColourShift,
  PictureSize,
  Transform,
  TransformContext,
} from '../../src/data/transforms/index.js';
export type {
  Batch,
  ClassifierOptions,
  DataLoaderOptions,
  Dataset,
  Device,
  DeviceName,
  DType,
  EngineInfo,
  ErrorParts,
  EvaluateOptions,
  Evaluation,
  Guess,
  ImageFolderOptions,
  ModelConfig,
  Picture,
  PlainError,
  Precision,
  Shape,
  SplitOptions,
  TypedArray,
  Weight,
  Weights,
} from '../../src/index.js';
export type {
  AvgPool2dOptions,
  Conv2dOptions,
  LayerSummary,
  LoadOptions,
  LoadReport,
  MaxPool2dOptions,
  Mismatch,
  ModelSummary,
  Reduction,
  SavedTensor,
  Size,
} from '../../src/nn/index.js';
export type { KaimingOptions, Nonlinearity } from '../../src/nn/init.js';
export type {
  AvgPoolAttrs,
  Conv2dAttrs,
  LrnAttrs,
  MatmulAttrs,
  MaxPoolAttrs,
  Pair,
} from '../../src/ops/index.js';
export type {
  Group,
  HasRates,
  ParameterGroup,
  Parameters,
  PlateauOptions,
  Schedule,
  ScheduleState,
  SGDOptions,
  SGDState,
  WarmupDecayOptions,
} from '../../src/optim/index.js';
