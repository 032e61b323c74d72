import type { World } from '../distributed/index.js';

/** How much of its time a rank's device waits for others. */
export class Waiting {
  #at = performance.now();
  #waited = 0;

  /** The share of the time since the last call. */
  share({ waitedSeconds }: World): number {
    const now = performance.now();
    const share = (1000 * (waitedSeconds - this.#waited)) / Math.max(1e-3, now - this.#at);
    this.#at = now;
    this.#waited = waitedSeconds;
    // The counter wraps around after an hour of waiting.
    return Math.min(1, Math.max(0, share));
  }
}
