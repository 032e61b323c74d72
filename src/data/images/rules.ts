import { z } from 'zod';

/** Side of the squares that a folder of images is cut into, unless something else is asked for. */
export const FOLDER_SIDE = 256;

/**
 * How a file becomes the square that a model's transform gets. A run keeps these rules in its configuration, and
 * training, evaluation, prediction and the dashboard all follow them; see `squareOf`.
 */
export const imageRulesSchema = z.object({
  /** Side of the square. */
  side: z.number().int().positive(),
  /** `exif`: turned upright as the camera says. `stored`: not turned, as in runs from before these rules were kept. */
  orientation: z.enum(['exif', 'stored']),
  alpha: z.literal('dropped'),
  colourProfile: z.literal('ignored'),
  /** The shorter side to `side`, the longer one in proportion, cut down to whole pixels. */
  resize: z.literal('bilinear, antialiased'),
  /** The middle; half a pixel is rounded to even. */
  crop: z.literal('centre'),
});
export type ImageRules = z.infer<typeof imageRulesSchema>;

/** The rules of a new run. */
export const imageRules = (side: number, orientation: ImageRules['orientation'] = 'exif'): ImageRules => ({
  side,
  orientation,
  alpha: 'dropped',
  colourProfile: 'ignored',
  resize: 'bilinear, antialiased',
  crop: 'centre',
});
