import type { ExportedLine } from '../../lib/points-outside-frame.js';

/** One line of a chart. Lines that share the same `step` array need no alignment. */
export interface Line extends ExportedLine {
  readonly points?: boolean;
}
