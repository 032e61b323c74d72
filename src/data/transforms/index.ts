export { type ColourShift, colourShift, subtractMean } from './colour.js';
export {
  centerCrop,
  type ImageSize,
  type PictureSize,
  pad,
  randomCrop,
  randomHorizontalFlip,
  resize,
} from './geometry.js';
export {
  type ColorJitterOptions,
  colorJitter,
  gaussianBlur,
  grayscale,
  type RandomErasingOptions,
  randomErasing,
  randomGrayscale,
  randomRotation,
  randomVerticalFlip,
} from './host/augment.js';
export type { HostImage, ImageTransform } from './host/image.js';
export { type RandAugmentOptions, randAugment } from './host/rand-augment.js';
export { randomResizedCrop } from './host/resample.js';
export { cutMix, type Mix, type MixOptions, mixUp } from './mix.js';
export { tenCrop } from './ten-crop.js';
export { compose, type Transform, type TransformContext } from './transform.js';
export * from './values.js';
