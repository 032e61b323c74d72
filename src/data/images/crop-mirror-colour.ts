import {
  centerCrop,
  colourShift,
  compose,
  randomCrop,
  randomHorizontalFlip,
  resize,
  subtractMean,
  type Transform,
  tenCrop,
} from '../transforms/index.js';
import type { ImageStatistics } from './image-sums.js';

/** Transforms whose results are centred values on the scale of bytes. */
export interface CropMirrorColour {
  /** Random crop, random mirroring, and a random colour shift along the principal components. */
  readonly train: Transform;
  /** Centre crop. */
  readonly test: Transform;
  /** The ten crops over whose probabilities a prediction is averaged. */
  readonly views: readonly Transform[];
}

/**
 * Preprocessing of early convolutional networks for ImageNet: subtract the mean image, crop and mirror at random, and
 * shift the colours along the principal components of the training images.
 *
 * @param statistics of the training images
 * @param size side of the crops in pixels
 * @example
 * const statistics = await imageStatistics(trainSet);
 * const { train, test, views } = cropMirrorColour(statistics);
 */
export function cropMirrorColour({ mean, shape, colours }: ImageStatistics, size = 224): CropMirrorColour {
  const [, height, width] = shape;
  // Images from other sources may have another size; those of the data set pass unchanged.
  const minus = compose([resize([height, width]), subtractMean(mean, shape)]);
  return {
    train: compose([minus, randomCrop(size), randomHorizontalFlip(), colourShift(colours)]),
    test: compose([minus, centerCrop(size)]),
    views: tenCrop(size).map((view) => compose([minus, view])),
  };
}
