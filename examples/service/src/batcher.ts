/** The queue is full: the client should come back later. */
export class BusyError extends Error {}

export interface BatcherOptions {
  /** Most inputs of one run. */
  readonly maxBatch: number;
  /** How long the first input waits for others while nothing runs, in milliseconds. */
  readonly maxWaitMs: number;
  /** Most inputs that may wait. */
  readonly maxQueue: number;
}

interface Waiting<In, Out> {
  readonly input: In;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (output: Out) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers single inputs into batches. While a batch runs, inputs wait and make the next one; when nothing runs, the
 * first one waits `maxWaitMs` for others. So a busy service has large batches, and an idle one answers at once.
 */
export class Batcher<In, Out> {
  /** Batches and inputs that were run, for the health page. */
  readonly counts = { batches: 0, inputs: 0 };
  readonly #run: (inputs: readonly In[]) => Promise<readonly Out[]>;
  readonly #options: BatcherOptions;
  #queue: Waiting<In, Out>[] = [];
  #running = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param run gives one output for each input, in their order */
  constructor(run: (inputs: readonly In[]) => Promise<readonly Out[]>, options: BatcherOptions) {
    this.#run = run;
    this.#options = options;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /**
   * @param signal aborted if the client disconnects: an input that has not been run yet is then dropped
   * @throws BusyError if too many are waiting already
   */
  submit(input: In, signal?: AbortSignal): Promise<Out> {
    if (this.#queue.length >= this.#options.maxQueue)
      return Promise.reject(new BusyError(`${this.#queue.length} images are waiting already`));
    return new Promise((resolve, reject) => {
      this.#queue.push({ input, signal, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#running || this.#queue.length === 0) return;
    if (this.#queue.length >= this.#options.maxBatch) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      void this.#next();
    } else
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        void this.#next();
      }, this.#options.maxWaitMs);
  }

  async #next(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    while (this.#queue.length > 0) {
      const batch = this.#take();
      if (batch.length === 0) continue;
      try {
        const outputs = await this.#run(batch.map(({ input }) => input));
        if (outputs.length !== batch.length)
          throw new Error(`${batch.length} inputs went in and ${outputs.length} outputs came back`);
        for (const [i, { resolve }] of batch.entries()) resolve(outputs[i] as Out);
        this.counts.batches++;
        this.counts.inputs += batch.length;
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#running = false;
  }

  /** The next batch, without inputs whose clients have disconnected. */
  #take(): Waiting<In, Out>[] {
    const gone = this.#queue.filter(({ signal }) => signal?.aborted);
    for (const { reject, signal } of gone) reject(signal?.reason);
    const rest = this.#queue.filter(({ signal }) => !signal?.aborted);
    this.#queue = rest.slice(this.#options.maxBatch);
    return rest.slice(0, this.#options.maxBatch);
  }
}
