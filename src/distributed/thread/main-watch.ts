/**
 * A thread that does not respond may only be waiting for a processor, or compute for a second. Its silence therefore counts
 * once it has computed for this share of the limit, which an endless loop does in time even on a core shared with four
 * other threads.
 */
const COMPUTED = 0.2;
/** Multiple of the limit after which silence counts even if the thread has computed nothing, such as in a blocked call. */
const BLOCKED = 6;

/** Detects a main thread that computes without end or is blocked in a call. */
export class MainWatch {
  #alive = -1;
  #since = 0;
  #cpu = 0;

  /**
   * @param alive counter that the main thread's event loop raises
   * @param now milliseconds of a clock that stands still while the process is stopped
   * @param cpu milliseconds that the main thread has computed; undefined if the system does not tell
   * @param limit milliseconds
   * @returns for how many milliseconds it has not responded, if that is over the limit; otherwise undefined
   */
  look(alive: number, now: number, cpu: number | undefined, limit: number): number | undefined {
    if (alive !== this.#alive) {
      this.#alive = alive;
      this.#since = now;
      this.#cpu = cpu ?? 0;
      return undefined;
    }
    const silent = now - this.#since;
    if (silent < limit) return undefined;
    const computed = cpu === undefined ? limit : cpu - this.#cpu;
    return computed > COMPUTED * limit || silent > BLOCKED * limit ? silent : undefined;
  }
}
