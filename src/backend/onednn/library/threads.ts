import koffi from 'koffi';

/** The number of threads that oneDNN's parallel regions use, when started from this thread. */
export class Threads {
  readonly #set: ((count: number) => void) | undefined;
  #now = 0;

  /** @param all number of threads of the device */
  constructor(readonly all: number) {
    if (process.platform === 'linux')
      this.#set = koffi.load('libgomp.so.1').func('void omp_set_num_threads(int)') as (count: number) => void;
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
      return body();
    } finally {
      this.use(before);
    }
  }
}
