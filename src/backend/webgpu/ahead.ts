/** Results that have not arrived keep memory, so the number on their way is limited … */
const MOST = 8;
/** … and these always, so that the GPU does not wait for this thread. */
const FEWEST = 2;
/** Work that may be on its way besides, in milliseconds: some browsers report results only ten times a second. */
const LONGEST = 200;
/** Weight of the latest run in the average time of a run. */
const NEW = 0.2;

/** Runs whose results have not arrived yet. Long runs are few, so that a pause or an error does not come late. */
export class Ahead {
  readonly #pending: Promise<unknown>[] = [];
  readonly #now: () => number;
  #arrived = Number.NEGATIVE_INFINITY;
  #average = LONGEST;

  /** @param now a clock, in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** How many may be on their way. */
  get most(): number {
    return Math.max(FEWEST, Math.min(MOST, Math.floor(LONGEST / this.#average)));
  }

  add(result: Promise<unknown>): void {
    const sent = this.#now();
    const arrive = (): void => {
      const now = this.#now();
      this.#average += NEW * (now - Math.max(sent, this.#arrived) - this.#average);
      this.#arrived = now;
    };
    this.#pending.push(result.then(arrive, arrive));
  }

  /** Waits until another run may be sent. */
  async room(): Promise<void> {
    while (this.#pending.length >= this.most) await this.#pending.shift();
  }

  async all(): Promise<void> {
    while (this.#pending.length > 0) await this.#pending.shift();
  }
}
