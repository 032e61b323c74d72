/** A longer pause between two ticks means that the process was stopped or the machine slept, in milliseconds. */
const GAP_MS = 3000;

/**
 * A clock that stands still while this process is stopped or its machine sleeps, so that a pause of the whole job does
 * not count as silence of another rank.
 */
export class AwakeClock {
  readonly #read: () => number;
  #ticked: number;
  #asleep = 0;

  /** @param read milliseconds of a clock that never stops */
  constructor(read: () => number = () => performance.now()) {
    this.#read = read;
    this.#ticked = read();
  }

  /** Has to be called at least every few hundred milliseconds. */
  tick(): void {
    const now = this.#read();
    const gap = now - this.#ticked;
    if (gap > GAP_MS) this.#asleep += gap;
    this.#ticked = now;
  }

  /** Milliseconds for which the process has run, from an arbitrary start. */
  get now(): number {
    return this.#read() - this.#asleep;
  }
}
