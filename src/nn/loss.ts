export { BCELoss, type BCEOptions, BCEWithLogitsLoss, type BCEWithLogitsOptions } from './losses/binary.js';
export { CrossEntropyLoss, type CrossEntropyOptions, NLLLoss, type NLLOptions } from './losses/classes.js';
export type { LossOptions, Reduction } from './losses/common.js';
export {
  CosineEmbeddingLoss,
  type CosineEmbeddingOptions,
  KLDivLoss,
  type KLDivOptions,
} from './losses/distances.js';
export {
  HingeEmbeddingLoss,
  type MarginOptions,
  MarginRankingLoss,
  TripletMarginLoss,
  type TripletMarginOptions,
} from './losses/margins.js';
export {
  GaussianNLLLoss,
  type GaussianNLLOptions,
  HuberLoss,
  type HuberOptions,
  L1Loss,
  MSELoss,
  PoissonNLLLoss,
  type PoissonNLLOptions,
  SmoothL1Loss,
  type SmoothL1Options,
} from './losses/regression.js';
