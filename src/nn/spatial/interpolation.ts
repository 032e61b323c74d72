import { checkBooleans, checkOptionNames, isInteger, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';

/** Options of `functional.interpolate`: either `size` or `scaleFactor`. */
export interface InterpolateOptions {
  /** Sizes of the result's axes after the first two; a single number applies to all. */
  size?: number | readonly number[];
  /** Factors of the sizes, which are rounded down. */
  scaleFactor?: number | readonly number[];
  /** `linear` is for sequences [N, C, L], `bilinear` for images [N, C, H, W]. */
  mode?: 'nearest' | 'linear' | 'bilinear';
  /** Whether the corners stay where they are; for `linear` and `bilinear`. */
  alignCorners?: boolean;
}

/** @throws UsageError unless the options fit together */
export function checkInterpolation(owner: string, options: InterpolateOptions): void {
  checkOptionNames(owner, options, ['size', 'scaleFactor', 'mode', 'alignCorners']);
  const { size, scaleFactor, mode = 'nearest', alignCorners } = options;
  if ((size === undefined) === (scaleFactor === undefined))
    throw new UsageError({
      what: `${owner} needs to know the size of its result`,
      expected: 'either size or scaleFactor',
      got: size === undefined ? 'neither' : 'both',
    });
  if (!['nearest', 'linear', 'bilinear'].includes(mode))
    throw new UsageError({
      what: `${owner} got a bad mode`,
      expected: "'nearest', 'linear' or 'bilinear'",
      got: shown(mode),
    });
  if (alignCorners !== undefined) checkBooleans(owner, { alignCorners });
  if (mode === 'nearest' && alignCorners !== undefined)
    throw new UsageError({
      what: `${owner} aligns corners in linear and bilinear mode only`,
      expected: 'no alignCorners with mode nearest',
      got: String(alignCorners),
    });
  for (const value of size === undefined ? [] : [size].flat())
    if (!isInteger(value, 1))
      throw new UsageError({
        what: `${owner} got a bad size`,
        expected: 'integers of at least 1',
        got: shown(size),
      });
  for (const value of scaleFactor === undefined ? [] : [scaleFactor].flat())
    if (typeof value !== 'number' || !(value > 0) || !Number.isFinite(value))
      throw new UsageError({
        what: `${owner} got a bad scaleFactor`,
        expected: 'numbers above 0',
        got: shown(scaleFactor),
      });
}
