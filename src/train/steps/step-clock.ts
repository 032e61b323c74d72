/** Completions that arrive within this many milliseconds were delayed by a busy event loop. */
const TOGETHER_MS = 1;

/**
 * Measures the duration of steps, from one completion to the next. Two steps are in flight at a time; if the thread was
 * busy, both completions arrive at once, and each step gets half of the time.
 */
export class StepClock {
  #last = performance.now();

  /** Excludes the time since the last step, such as for saving. */
  restart(now = performance.now()): void {
    this.#last = now;
  }

  /**
   * @param completed time at which the completion of the step arrived, in milliseconds
   * @param next the same for the following step, if it has arrived
   * @returns seconds; never 0
   */
  measure(completed: number, next?: number): number {
    const together = next !== undefined && next - completed < TOGETHER_MS;
    const end = together ? this.#last + (next - this.#last) / 2 : completed;
    const seconds = Math.max(1e-6, (end - this.#last) / 1000);
    this.#last = Math.max(this.#last, end);
    return seconds;
  }
}
