export { type ColourShift, colourShift, subtractMean } from './colour.js';
export {
  centerCrop,
  type ImageSize,
  pad,
  randomCrop,
  randomHorizontalFlip,
  resize,
} from './geometry.js';
export { tenCrop } from './ten-crop.js';
export { compose, type Transform, type TransformContext } from './transform.js';
export * from './values.js';
