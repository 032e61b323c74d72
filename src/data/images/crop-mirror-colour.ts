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

/** Transforms that give centred values on the scale of bytes. */
export interface CropMirrorColour {
  /** A random window, mirrored or not, with its colours shifted along their principal components. */
  readonly train: Transform;
  /** The middle. */
  readonly test: Transform;
  /** The ten windows whose probabilities are averaged. */
  readonly views: readonly Transform[];
}

/**
 * The preparation that the first convolutional nets for ImageNet share: minus the mean image, a random window,
 * mirrored or not, with its colours shifted along the principal components of the training images.
 *
 * @param statistics what was computed over the training images
 * @param size side of the windows
 * @example
 * const statistics = await imageStatistics(trainSet);
 * const { train, test, views } = cropMirrorColour(statistics);
 */
export function cropMirrorColour({ mean, shape, colours }: ImageStatistics, size = 224): CropMirrorColour {
  const [, height, width] = shape;
  // An image from elsewhere may have another size; those of the data set pass unchanged.
  const minus = compose([resize([height, width]), subtractMean(mean, shape)]);
  return {
    train: compose([minus, randomCrop(size), randomHorizontalFlip(), colourShift(colours)]),
    test: compose([minus, centerCrop(size)]),
    views: tenCrop(size).map((view) => compose([minus, view])),
  };
}
