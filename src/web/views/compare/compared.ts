import type { RunDetail } from '../../../serve/api.js';
import type { Points } from '../../lib/points.js';

/** A run in the comparison: loaded, or the reason why not. */
export interface Compared {
  readonly id: string;
  readonly detail: RunDetail;
  readonly loss: Points;
  readonly color: string;
  readonly dash: readonly number[] | undefined;
}
