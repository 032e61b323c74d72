/*
 * Layers and losses as functions, under PyTorch's names in `torch.nn.functional`.
 */
export * from './layer-functions.js';
export { binaryCrossEntropy, binaryCrossEntropyWithLogits } from './losses/binary.js';
export { crossEntropy, nllLoss } from './losses/classes.js';
export { cosineEmbeddingLoss, klDiv } from './losses/distances.js';
export { hingeEmbeddingLoss, marginRankingLoss, tripletMarginLoss } from './losses/margins.js';
export {
  gaussianNllLoss,
  huberLoss,
  l1Loss,
  mseLoss,
  poissonNllLoss,
  smoothL1Loss,
} from './losses/regression.js';
export { pairwiseDistance } from './norms/distances.js';
export { cosineSimilarity, dropout, layerNorm, linear, normalize } from './norms/functions.js';
export {
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  avgPool2d,
  conv2d,
  convTranspose2d,
  fold,
  maxPool2d,
  unfold,
} from './spatial/functions.js';
