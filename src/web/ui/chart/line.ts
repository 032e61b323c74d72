import type { Axis } from '../../lib/curves/axis.js';
import type { ExportedLine } from '../../lib/points-outside-frame.js';

/** One line of a chart. Lines that share the same `step` array need no alignment. */
export interface Line extends ExportedLine {
  readonly points?: boolean;
  /** A thin line in the background, without a place in the legend and in the values at the cursor. */
  readonly faint?: boolean;
  /** Where a click on the line leads. */
  readonly href?: string;
  /** Of a line whose run has another clock than the chart's. */
  readonly axis?: Axis;
}
