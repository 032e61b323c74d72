import type { Items } from '../data/items.js';
import { grouped } from '../errors/counted.js';
import type { TrainConfig } from '../run/config.js';

/** Bounds of the evaluation sample of a run shorter than an epoch. */
const FEWEST_TRIED = 100;
const MOST_TRIED = 1000;

/** Number of steps of a run, and how many test images each of its evaluations uses. */
export class RunLength {
  readonly #config: TrainConfig;
  readonly #stepsPerEpoch: number;

  /** @param batches per epoch */
  constructor(config: TrainConfig, batches: number) {
    this.#config = config;
    this.#stepsPerEpoch = Math.ceil(batches / (config.accumulate ?? 1));
  }

  get stepsTotal(): number {
    return this.stepsOf(this.#config);
  }

  /** Number of steps of a run with another length, on the same data. */
  stepsOf({ epochs, maxSteps }: Pick<TrainConfig, 'epochs' | 'maxSteps'>): number {
    return Math.min(epochs * this.#stepsPerEpoch, maxSteps ?? Number.POSITIVE_INFINITY);
  }

  /**
   * Number of test images per evaluation; undefined for all. A run whose step limit ends it within the first epoch
   * evaluates about as many images as it trains on, since a large test set could take far longer than the run itself.
   */
  get evalLimit(): number | undefined {
    const { evalLimit, maxSteps, batchSize, accumulate = 1 } = this.#config;
    if (evalLimit !== undefined || maxSteps === undefined || maxSteps >= this.#stepsPerEpoch)
      return evalLimit;
    return Math.min(MOST_TRIED, Math.max(FEWEST_TRIED, maxSteps * batchSize * accumulate));
  }

  /**
   * Message for the user if evaluations use a smaller sample than requested.
   * @param total number of test images, or of other samples
   */
  sampleNote(total: number, items: Items): string | undefined {
    const { evalLimit, maxSteps } = this.#config;
    const limit = this.evalLimit;
    if (evalLimit !== undefined || limit === undefined || limit >= total) return undefined;
    return `The run ends within its first epoch (--max-steps ${maxSteps}), so it is evaluated on ${items === 'images' ? 'a random sample of ' : ''}${grouped(limit)} of the ${grouped(total)} test ${items}; --eval-limit ${total} evaluates all.`;
  }
}
