import { availableParallelism } from 'node:os';
import { setThreadsOf } from './openmp.js';
import { keepSignalsAway } from './signals.js';

/**
 * The number of threads that oneDNN's parallel regions use, when started from this thread, from which it keeps signals
 * away.
 */
export class Threads {
  /** Number of threads of the device: as requested, or OpenMP's own if that cannot be changed. */
  readonly all: number;
  readonly #set: ((count: number) => void) | undefined;
  readonly #withoutSignals = keepSignalsAway();
  #now = 0;

  /**
   * @param library file of the library, which is loaded
   * @param all number of threads of the device
   */
  constructor(library: string, all: number) {
    this.#set = setThreadsOf(library);
    this.all = this.#set ? all : availableParallelism();
    this.use(all);
  }

  use(count: number): void {
    if (count === this.#now) return;
    this.#set?.(count);
    this.#now = count;
  }

  /** Runs `body` with this number of threads, and sets it back. */
  with<T>(count: number, body: () => T): T {
    const before = this.#now;
    this.use(count);
    try {
      return this.#withoutSignals(body);
    } finally {
      this.use(before);
    }
  }
}
