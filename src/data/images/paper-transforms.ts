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

/** How AlexNet's paper prepares its images; all give centred values on the scale of bytes. */
export interface PaperTransforms {
  /** A random window, mirrored or not, with its colours shifted along their principal components. */
  readonly train: Transform;
  /** The middle. */
  readonly test: Transform;
  /** The ten windows whose probabilities are averaged. */
  readonly views: readonly Transform[];
}

/**
 * The paper's augmentation (sections 2 and 4.1), from what was computed over the training images.
 *
 * @param size side of the windows; 224 in the paper
 * @example
 * const statistics = await imageStatistics(trainSet);
 * const { train, test, views } = paperTransforms(statistics);
 */
export function paperTransforms({ mean, shape, colours }: ImageStatistics, size = 224): PaperTransforms {
  const [, height, width] = shape;
  // An image from elsewhere may have another size; those of the data set pass unchanged.
  const minus = compose([resize([height, width]), subtractMean(mean, shape)]);
  return {
    train: compose([minus, randomCrop(size), randomHorizontalFlip(), colourShift(colours)]),
    test: compose([minus, centerCrop(size)]),
    views: tenCrop(size).map((view) => compose([minus, view])),
  };
}
