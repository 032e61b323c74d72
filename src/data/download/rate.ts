/** Bytes per second over the last few seconds, from running totals. */
export class RateMeter {
  #samples: { at: number; bytes: number }[] = [];
  readonly #windowMs: number;

  constructor(windowMs = 5000) {
    this.#windowMs = windowMs;
  }

  /** Restarts at a running total of `bytes`; earlier bytes do not count. */
  restart(bytes: number, now = performance.now()): void {
    this.#samples = [{ at: now, bytes }];
  }

  /** Records the running total. @returns the rate, 0 until some time has passed */
  rate(bytes: number, now = performance.now()): number {
    const samples = this.#samples;
    samples.push({ at: now, bytes });
    // Keep the newest sample that is at least a window old: it is the start of the window.
    while (samples.length > 2 && now - samples[1]!.at >= this.#windowMs) samples.shift();
    const first = samples[0]!;
    return now > first.at ? ((bytes - first.bytes) * 1000) / (now - first.at) : 0;
  }
}
