import type { RunDetail } from '../../../serve/api.js';

/** A run in the comparison. */
export interface Compared {
  readonly id: string;
  readonly name: string;
  readonly detail: RunDetail;
  readonly color: string;
  readonly dash: readonly number[] | undefined;
}
