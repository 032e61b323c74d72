/** Completions that are heard of within this many milliseconds have waited for the event loop, not for each other. */
const TOGETHER_MS = 1;

/**
 * How long steps take: from one completion to the next. Two steps are under way at a time, and where this thread was busy
 * both completions may arrive at once; each then gets half of the time of both.
 */
export class StepClock {
  #last = performance.now();

  /** Leaves out what happened since the last step, such as saving. */
  restart(now = performance.now()): void {
    this.#last = now;
  }

  /**
   * @param completed when the step's completion arrived, in milliseconds
   * @param next when that of the step after it arrived, if it has
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
