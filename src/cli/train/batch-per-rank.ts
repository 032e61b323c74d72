import { UsageError } from '../../errors/errors.js';
import { hasOption, type OptimizerName } from '../../optim/by-name.js';
import type { TrainConfig } from '../../run/config.js';
import { trim } from '../../train/reporter.js';
import type { TrainFlags } from './flags.js';

/**
 * Optimizers whose steps do not grow with the gradient; their learning rate grows with the square root of the batch
 * size.
 */
const isAdaptive = (name: OptimizerName): boolean => hasOption(name, 'betas');
/** Batch from which plain SGD with a scaled rate no longer reaches the accuracy of small batches (Goyal et al. 2017). */
const LARGE = 8192;
/** Epochs of warm-up in Goyal et al. 2017. */
const WARMUP_EPOCHS = 5;

/**
 * Replaces `--batch-per-rank` by the batch size of all ranks together.
 * @param before batch size of the run that is resumed
 * @throws UsageError for both flags, or for another batch than that of the resumed run
 */
export function withGlobalBatch(flags: TrainFlags, ranks: number, before?: number): TrainFlags {
  const { batchPerRank, ...others } = flags;
  if (batchPerRank === undefined) return flags;
  const what = `--batch-per-rank ${batchPerRank} on ${ranks} ${ranks === 1 ? 'rank' : 'ranks'}`;
  const batchSize = batchPerRank * ranks;
  if (flags.batchSize !== undefined)
    throw new UsageError({
      what: '--batch-size and --batch-per-rank both set the batch size',
      expected: 'one of them',
      got: `--batch-size ${flags.batchSize} --batch-per-rank ${batchPerRank}`,
      next: '--batch-size is the batch of all ranks together; it keeps the training the same on any number of ranks',
    });
  if (before !== undefined && batchSize !== before)
    throw new UsageError({
      what: `${what} would change the batch of the resumed run`,
      expected: `${before} images, as when the run was started`,
      got: `${batchSize}`,
      next: 'leave it out: the ranks divide the batch of the run',
    });
  return { ...others, batchSize };
}

/** What is known of the run before it starts. */
export interface BatchPlan {
  readonly ranks: number;
  readonly config: Pick<TrainConfig, 'batchSize' | 'lr' | 'optimizer' | 'schedule' | 'epochs'>;
  /** Batch size for which the rate was chosen. */
  readonly recipeBatch: number;
  /** Number of training images. */
  readonly images: number;
  /** The user has chosen the rate. */
  readonly ownRate: boolean;
}

/** Advice on the learning rate for a batch other than the recipe's; no lines if it is the recipe's. */
export function rateAdvice({ ranks, config, recipeBatch, images, ownRate }: BatchPlan): string[] {
  const { batchSize, lr, optimizer = 'sgd', schedule, epochs } = config;
  const times = batchSize / recipeBatch;
  const lines = [
    `Batch size: ${batchSize} (${ranks} ${ranks === 1 ? 'rank' : 'ranks'} × ${batchSize / ranks}), ${trim(times)} times the recipe’s ${recipeBatch}.`,
  ];
  if (times === 1) return [];
  if (!ownRate && isAdaptive(optimizer))
    lines.push(
      `The rate stays ${lr}. For ${optimizer} it usually grows with the square root of the batch size: --lr ${rounded(lr * Math.sqrt(times))}.`,
    );
  else if (!ownRate && optimizer !== 'lars')
    lines.push(
      `The rate stays ${lr}. With ${optimizer} it usually grows with the batch size: --lr ${rounded(lr * times)} (Goyal et al. 2017).`,
    );
  if (times <= 1) return lines;
  const rises = 'warmupSteps' in schedule ? schedule.warmupSteps > 0 : schedule.kind === 'one-cycle';
  if (!rises) {
    const steps = Math.ceil((Math.min(WARMUP_EPOCHS, epochs / 10) * images) / batchSize);
    lines.push(`A large rate needs a warm-up: --schedule cosine:${Math.max(1, steps)}.`);
  }
  if (batchSize > LARGE && optimizer !== 'lars' && optimizer !== 'lamb')
    lines.push(
      `Batches above ${LARGE} usually lose accuracy with ${optimizer}: --optimizer lars (or lamb) adapts the rate of each layer.`,
    );
  return lines;
}

/** Two digits are enough for advice. */
const rounded = (rate: number): string => String(Number(rate.toPrecision(2)));
