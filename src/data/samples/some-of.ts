import { checkIndex } from '../dataset.js';
import type { SampleSet } from './sample.js';

/** The samples of a data set at the given indices, in that order. */
export function someOf<S>(set: SampleSet<S>, indices: Int32Array): SampleSet<S> {
  const some = { name: `${set.name}, ${indices.length} of ${set.length}`, length: indices.length };
  return {
    ...some,
    get: (index) => {
      checkIndex(some, index, 'sample');
      return set.get(indices[index]!);
    },
  };
}
