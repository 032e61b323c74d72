import { z } from 'zod';

/** Default side of the square images of a folder, in pixels. */
export const FOLDER_SIDE = 256;

/**
 * How image files are turned into the square images that a model's transform receives. Stored in a run's configuration;
 * training, evaluation, prediction and the dashboard all apply them; see `squareOf`.
 */
export const imageRulesSchema = z.object({
  /** Side of the square in pixels. */
  side: z.number().int().positive(),
  /** `exif`: rotated by the EXIF orientation. `stored`: not rotated, as in runs older than these rules. */
  orientation: z.enum(['exif', 'stored']),
  alpha: z.literal('dropped'),
  colourProfile: z.literal('ignored'),
  /** The shorter side is scaled to `side`, the longer one in proportion, rounded down. */
  resize: z.literal('bilinear, antialiased'),
  /** The centre square; half pixels are rounded to even. */
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
