// Names up to version 0.1, kept for one version.
import type { Image } from './data/images/square-image.js';
import { readImage } from './data/read-image.js';
import { imageStatistics } from './train/image-statistics.js';

/** @deprecated Use `Image`. */
export type Picture = Image;
/** @deprecated Use `readImage`. */
export const readPicture = readImage;
/** @deprecated Use `imageStatistics`. */
export const pictureStatistics = imageStatistics;
