import type { ExportedLine } from '../../lib/outside.js';

/** One line of a chart. Lines with the same `step` array are drawn without joining. */
export interface Line extends ExportedLine {
  readonly points?: boolean;
}
