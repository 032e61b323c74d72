import type { Range } from '../lib/range.js';

/** What the charts of a run have in common: they show the same steps, and zooming one zooms them all. */
export interface SharedAxis {
  readonly bounds: Range;
  readonly range: Range | undefined;
  readonly onRange: (range: Range | undefined) => void;
  readonly sync: string;
  /** Whether values far away are cut off, and marked. */
  readonly clip: boolean;
}
