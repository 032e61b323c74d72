import { shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { batchCount, epochOrder } from '../epoch-order.js';
import { type BatchesSampler, checkBatchSampler, checkSampler, type Sampler } from './samplers.js';

/** Which samples each batch of an epoch has. */
export interface BatchPlan {
  /** Batches of an epoch. */
  readonly length: number;
  /** @returns the indices of batch `index` */
  epoch(epoch: number): (index: number) => Int32Array;
}

export interface BatchPlanOptions {
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly seed: number;
  readonly sampler: Sampler | undefined;
  readonly batchSampler: BatchesSampler | undefined;
}

/**
 * @param given names of the options that the caller has set
 * @throws UsageError for options that exclude each other
 */
export function batchPlan(
  { name, length }: { readonly name: string; readonly length: number },
  { batchSize, shuffle, dropLast, seed, sampler, batchSampler }: BatchPlanOptions,
  given: readonly string[],
): BatchPlan {
  const only = (option: string, others: readonly string[]): void => {
    const other = others.find((one) => given.includes(one));
    if (other === undefined) return;
    throw new UsageError({
      what: `DataLoader cannot have both ${option} and ${other}`,
      expected: 'one of them',
      got: 'both',
      next: `leave out ${other}: the ${option} decides it`,
    });
  };
  const checked = (indices: ArrayLike<number>): Int32Array => {
    if (!Array.isArray(indices) && !ArrayBuffer.isView(indices))
      throw new UsageError({
        what: 'the sampler gives something that is not a list of indices',
        expected: 'an array of whole numbers',
        got: shown(indices),
      });
    for (let i = 0; i < indices.length; i++)
      if (!(Number.isInteger(indices[i]) && indices[i]! >= 0 && indices[i]! < length))
        throw new UsageError({
          what: `the sampler gives an index that ${name} does not have`,
          expected: `a whole number from 0 to ${length - 1}`,
          got: shown(indices[i]),
        });
    return Int32Array.from(indices);
  };
  if (batchSampler !== undefined) {
    checkBatchSampler('DataLoader', batchSampler);
    only('batchSampler', ['sampler', 'batchSize', 'shuffle', 'dropLast']);
    return {
      length: batchSampler.length,
      epoch: (epoch) => {
        const batches: readonly ArrayLike<number>[] | undefined = batchSampler.batches(epoch);
        if (!Array.isArray(batches))
          throw new UsageError({
            what: 'the sampler gives something that is not a list of batches',
            expected: 'an array of lists of indices',
            got: shown(batches),
          });
        checkLength(batches.length, batchSampler.length, 'batches');
        return (index) => {
          const indices = checked(batches[index]!);
          if (indices.length > 0) return indices;
          throw new UsageError({
            what: `the sampler gives a batch without samples of ${name}`,
            expected: 'at least one index in each batch',
            got: `none in batch ${index}`,
          });
        };
      },
    };
  }
  if (sampler !== undefined) {
    checkSampler('DataLoader', sampler);
    only('sampler', ['shuffle']);
  }
  const parts = (order: Int32Array) => (index: number) =>
    order.slice(index * batchSize, (index + 1) * batchSize);
  return {
    length: batchCount(sampler?.length ?? length, batchSize, dropLast),
    epoch: (epoch) => {
      if (!sampler) return parts(epochOrder({ length, shuffle, seed, epoch }));
      const indices = checked(sampler.indices(epoch));
      checkLength(indices.length, sampler.length, 'indices');
      return parts(indices);
    },
  };
}

function checkLength(got: number, expected: number, what: string): void {
  if (got === expected) return;
  throw new UsageError({
    what: `the sampler gives another number of ${what} than its length`,
    expected: String(expected),
    got: String(got),
    next: 'give the same number in every epoch, and as length',
  });
}
