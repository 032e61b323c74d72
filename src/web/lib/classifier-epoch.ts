import type { ClassifiedEpoch, EpochEvent } from '../../serve/api.js';

/** Whether an epoch is that of a classifier, with accuracies. */
export const isClassified = (event: EpochEvent): event is ClassifiedEpoch => event.testAccuracy !== undefined;

/** Whether a run trains a network that is no classifier, as far as its epochs show. */
export const measuresItself = (epochs: readonly EpochEvent[]): boolean =>
  epochs.length > 0 && !epochs.some(isClassified);
