// Names up to version 0.1, kept for one version.
import { cropMirrorColour } from './data/images/crop-mirror-colour.js';
import type { Image } from './data/images/square-image.js';
import { readImage } from './data/read-image.js';
import { imageStatistics } from './train/image-statistics.js';

/** @deprecated Use `Image`. */
export type Picture = Image;
/** @deprecated Use `readImage`. */
export const readPicture = readImage;
/** @deprecated Use `cropMirrorColour`. */
export const paperTransforms = cropMirrorColour;
/** @deprecated Use `imageStatistics`. */
export const pictureStatistics = imageStatistics;
