import type { World } from '../distributed/index.js';

/** How much of its time a rank's device waits for others, and how much of it an exchange is in progress. */
export class RankTime {
  #at = performance.now();
  #waited = 0;
  #exchanged = 0;

  /** The shares of the time since the last call. */
  shares({ waitedSeconds, exchangedSeconds }: World): [waiting: number, exchanging: number] {
    const now = performance.now();
    const seconds = Math.max(1e-6, (now - this.#at) / 1000);
    // The counters wrap around after an hour.
    const share = (spent: number) => Math.min(1, Math.max(0, spent / seconds));
    const shares: [number, number] = [
      share(waitedSeconds - this.#waited),
      share(exchangedSeconds - this.#exchanged),
    ];
    [this.#at, this.#waited, this.#exchanged] = [now, waitedSeconds, exchangedSeconds];
    return shares;
  }
}
