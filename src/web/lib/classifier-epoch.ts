import type { ClassifiedEpoch, EpochEvent, RunDetail } from '../../serve/api.js';

/** Whether an epoch is that of a classifier, with accuracies. */
export const isClassified = (event: EpochEvent): event is ClassifiedEpoch => event.testAccuracy !== undefined;

/** Whether a run trains a network that is no classifier, as far as its epochs show. */
export const measuresItself = (epochs: readonly EpochEvent[]): boolean =>
  epochs.length > 0 && !epochs.some(isClassified);

/** Whether a run is trained on samples that are no labelled images: these have no classes. */
export function isOfSamples({ config }: Pick<RunDetail, 'config'>): boolean {
  const classes = (config.model as { readonly classes?: unknown } | undefined)?.classes;
  return Array.isArray(classes) && classes.length === 0;
}
