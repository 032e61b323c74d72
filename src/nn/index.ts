export * from './activation.js';
export * from './activations/composed.js';
export type { Size } from './arguments.js';
export * from './containers.js';
export { Conv2d, type Conv2dOptions, type PaddingMode } from './conv.js';
export * from './dropout.js';
export * as functional from './functional.js';
export * as init from './init.js';
export * from './inspect.js';
export * from './layer-norm.js';
export * from './linear.js';
export * from './loss.js';
export { deepCopy } from './module/deep-copy.js';
export {
  type LoadOptions,
  type LoadReport,
  type Mismatch,
  Module,
  type SavedTensor,
} from './module.js';
export * from './module-list.js';
export * from './norm.js';
export * from './norms/distances.js';
export * from './norms/rms-norm.js';
export * from './pooling.js';
export type { AttentionOptions } from './sequence/attention.js';
export * from './sequence/cells.js';
export * from './sequence/decoder.js';
export * from './sequence/embedding.js';
export * from './sequence/embedding-bag.js';
export * from './sequence/multihead.js';
export * from './sequence/recurrent.js';
export {
  type EncoderCall,
  type EncoderLayerOptions,
  TransformerEncoder,
  TransformerEncoderLayer,
} from './sequence/transformer.js';
export * from './spatial/adaptive-pooling.js';
export * from './spatial/conv-transpose.js';
export * from './spatial/conv-transpose1d.js';
export { Conv1d, type Conv1dOptions } from './spatial/conv1d.js';
export * from './spatial/padding.js';
export * from './spatial/patches.js';
export * from './spatial/pooling1d.js';
export * from './spatial/upsample.js';
