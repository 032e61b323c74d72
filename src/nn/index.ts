export * from './activation.js';
export type { Size } from './arguments.js';
export * from './containers.js';
export * from './conv.js';
export * from './dropout.js';
export * as functional from './functional.js';
export * as init from './init.js';
export * from './inspect.js';
export * from './linear.js';
export * from './loss.js';
export {
  type LoadOptions,
  type LoadReport,
  type Mismatch,
  Module,
  type SavedTensor,
} from './module.js';
export * from './module-list.js';
export * from './norm.js';
export * from './pooling.js';
