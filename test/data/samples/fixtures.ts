/** Data sets of samples for the tests of the loader, in a module that worker threads can import. */
import type { SampleSet } from '../../../src/data/samples/sample.js';
import { type Tensor, tensor } from '../../../src/tensor/tensor.js';

export interface Sentence {
  readonly ids: Int32Array;
  readonly label: Tensor;
  readonly weight: number;
  readonly text: string;
}

/** Records of an id sequence, a label, a weight and a text. */
export function openSentences(length: number): SampleSet<Sentence> {
  return {
    name: 'sentences',
    length,
    get: async (i) => ({
      ids: Int32Array.of(i, i + 1, i + 2),
      label: tensor(i % 3, { dtype: 'int32' }),
      weight: i / 2,
      text: `sentence ${i}`,
    }),
    workerSpec: { module: import.meta.url, export: 'openSentences', options: length },
  };
}
