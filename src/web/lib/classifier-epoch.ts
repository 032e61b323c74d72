import type { ClassifiedEpoch, EpochEvent } from '../../serve/api.js';

/** Whether an epoch is that of a classifier, with accuracies. */
export const isClassified = (event: EpochEvent): event is ClassifiedEpoch => event.testAccuracy !== undefined;
