/** A plan that keeps copies of storages in other layouts. */
interface Keeper {
  /** Frees the copies; the plan's next run makes them again. */
  release(): void;
}

/** Bytes of copies that all plans of a device keep by default. */
const MOST_BYTES = 1024 ** 3;

/**
 * Bounds the memory of the copies of storages that plans keep: a program with inputs of many lengths has a plan for each,
 * and each has its own copies of the weights. Beyond the limit, the plans that ran longest ago free theirs.
 */
export class KeptCopies {
  /** Bytes of each plan; the one that ran last comes last. */
  readonly #plans = new Map<Keeper, number>();
  #bytes = 0;

  constructor(readonly most = MOST_BYTES) {}

  /** Call before a plan with copies of this size runs. Its own copies are never freed here. */
  use(plan: Keeper, bytes: number): void {
    this.forget(plan);
    if (bytes === 0) return;
    for (const other of this.#plans.keys()) {
      if (this.#bytes + bytes <= this.most) break;
      this.forget(other);
      other.release();
    }
    this.#plans.set(plan, bytes);
    this.#bytes += bytes;
  }

  /** Call when a plan has freed its copies. */
  forget(plan: Keeper): void {
    this.#bytes -= this.#plans.get(plan) ?? 0;
    this.#plans.delete(plan);
  }
}
