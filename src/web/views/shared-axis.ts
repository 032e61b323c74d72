import type { Axis } from '../lib/curves/axis.js';
import type { Range } from '../lib/range.js';

/** Shared state of a run's charts: all show the same range of steps. */
export interface SharedAxis {
  readonly axis: Axis;
  readonly bounds: Range;
  readonly range: Range | undefined;
  readonly onRange: (range: Range | undefined) => void;
  readonly sync: string;
  /** Whether outliers are clipped and marked. */
  readonly clip: boolean;
}
