import { isIterableSet, isSampleSet } from './check-dataset.js';

/** What a data set consists of, for messages. */
export type Items = 'images' | 'samples';

export const itemsOf = (set: object): Items =>
  isSampleSet(set) || isIterableSet(set) ? 'samples' : 'images';

/** One of them. */
export const itemOf = (items: Items): string => items.slice(0, -1);
