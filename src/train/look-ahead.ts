/**
 * Keeps one item of work in flight: an item is finished only once the next one has been queued, so that the device
 * computes the next while the previous one is processed.
 */
export class LookAhead<T> {
  readonly #finish: (item: T, next?: T) => Promise<boolean>;
  #queued: T | undefined;

  /** @param finish processes the outcome of an item; false stops. `next` is the following item, already queued */
  constructor(finish: (item: T, next?: T) => Promise<boolean>) {
    this.#finish = finish;
  }

  /** The item in flight, if any. */
  get queued(): T | undefined {
    return this.#queued;
  }

  /** Takes a queued item and finishes the one before. @returns false if finishing it stopped */
  async push(item: T): Promise<boolean> {
    const previous = this.#queued;
    this.#queued = item;
    return previous === undefined || this.#finish(previous, item);
  }

  /** Finishes the item in flight, if any. @returns false if that stopped */
  async drain(): Promise<boolean> {
    const previous = this.#queued;
    this.#queued = undefined;
    return previous === undefined || this.#finish(previous);
  }
}
