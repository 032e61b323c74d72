/** Bytes a second over the last few seconds, from running totals. */
export class RateMeter {
  #samples: { at: number; bytes: number }[] = [];
  readonly #windowMs: number;

  constructor(windowMs = 5000) {
    this.#windowMs = windowMs;
  }

  /** Begins anew at a running total of `bytes`: what came before is not counted. */
  restart(bytes: number, now = performance.now()): void {
    this.#samples = [{ at: now, bytes }];
  }

  /** Notes the running total and returns the rate; 0 until two moments can be told apart. */
  rate(bytes: number, now = performance.now()): number {
    const samples = this.#samples;
    samples.push({ at: now, bytes });
    // The newest sample that is a whole window old stays, as the start of the window.
    while (samples.length > 2 && now - samples[1]!.at >= this.#windowMs) samples.shift();
    const first = samples[0]!;
    return now > first.at ? ((bytes - first.bytes) * 1000) / (now - first.at) : 0;
  }
}
