/** Data sets for the tests of the loader, in a module that worker threads can import. */
import { isMainThread } from 'node:worker_threads';
import type { Dataset } from '../../src/data/dataset.js';
import { DataError } from '../../src/errors/errors.js';

export interface CountingOptions {
  length: number;
  /** Index of an image whose reading throws. */
  bad?: number;
  /** Index of an image whose reading ends the thread. */
  deadly?: number;
  /** Opening throws. */
  closed?: boolean;
  withSpec?: boolean;
  /** A counter that each thread that opened the data set increments while it is alive. */
  beat?: SharedArrayBuffer;
}

/** Image i is four bytes of i, with label i % 10. */
export function openCounting(options: CountingOptions): Dataset & { reads: number[] } {
  if (options.closed) throw new DataError({ what: 'the set is closed', next: 'try again later' });
  if (options.beat && !isMainThread) {
    const beat = new Int32Array(options.beat);
    setInterval(() => Atomics.add(beat, 0, 1), 1);
  }
  const reads: number[] = [];
  return {
    name: 'counting',
    length: options.length,
    classes: [...'0123456789'],
    imageShape: [1, 2, 2],
    reads,
    read(index, into, offset) {
      if (index === options.bad)
        throw new DataError({ what: `image ${index} is broken`, expected: 'a', got: 'b' });
      if (index === options.deadly) process.exit(7);
      reads.push(index);
      into.fill(index % 256, offset, offset + 4);
      return index % 10;
    },
    workerSpec: options.withSpec === false ? undefined : countingSpec(options),
  };
}

export function countingSpec(options: CountingOptions) {
  return { module: import.meta.url, export: 'openCounting', options };
}
