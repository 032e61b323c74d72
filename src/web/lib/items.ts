import type { RunDetail } from '../../serve/api.js';

/** Whether a run is trained on samples that are no labelled images: these have no classes. */
export function isOfSamples({ config }: Pick<RunDetail, 'config'>): boolean {
  const classes = (config.model as { readonly classes?: unknown } | undefined)?.classes;
  return Array.isArray(classes) && classes.length === 0;
}
