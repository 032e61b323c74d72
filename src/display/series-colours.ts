/** Number of colours of a chart's curves; with more curves the colours repeat, with other dashes. */
export const SERIES_COLOURS = 8;

/** Lengths of dashes and gaps, so that curves can be told apart without colours; the first pattern is a solid line. */
const DASHES: readonly (readonly number[] | undefined)[] = [undefined, [7, 4], [2, 3], [9, 3, 2, 3]];

/** Number of dash patterns. */
export const SERIES_DASHES = DASHES.length;

/** Number of the colour of a chart's curve at `index`, from 1: `--run-1` to `--run-8` in style sheets. */
export const seriesColour = (index: number): number => (index % SERIES_COLOURS) + 1;

/**
 * Dash pattern of a chart's curve at `index`; undefined for a solid line.
 *
 * @param every number of curves in a row with the same pattern
 */
export const seriesDash = (index: number, every = SERIES_COLOURS): readonly number[] | undefined =>
  DASHES[Math.floor(index / every) % DASHES.length];
