import type { World } from '../distributed/index.js';
import { UsageError } from '../errors/errors.js';
import type { TrainConfig } from '../run/config.js';
import type { FedBatch, Feed } from './steps/step.js';

/*
 * A batch can be divided into blocks of rows (`--blocks`), of which each rank computes as many, one after another. The
 * shapes of a block, and with them its kernels, do not depend on the number of ranks, and the gradients of all blocks are
 * added in one order: neighbours, then pairs of neighbours, and so on, within a rank and then across ranks. So the sums have
 * the same bits on any number of ranks.
 */

/** The most blocks of a batch. */
const MOST = 1024;

type BlockConfig = Pick<TrainConfig, 'blocks' | 'batchSize' | 'accumulate' | 'syncBn' | 'wire'>;

/** @throws UsageError for blocks that this number of ranks or the other settings do not allow */
export function checkBlocks(config: BlockConfig, ranks: number, parallel: boolean): void {
  const { blocks, batchSize, accumulate = 1, syncBn = false, wire } = config;
  if (blocks === undefined) return;
  const refuse = (expected: string, got: string, next: string): never => {
    throw new UsageError({ what: `--blocks ${blocks} is not possible`, expected, got, next });
  };
  if (blocks > MOST || !Number.isInteger(Math.log2(blocks)))
    refuse(`a power of two up to ${MOST}`, String(blocks), 'choose such a number');
  if (batchSize < blocks)
    refuse('at least one image in each block', `a batch of ${batchSize}`, 'choose fewer blocks');
  if (blocks % ranks !== 0)
    refuse(
      `1, 2, 4 … ${blocks} ranks`,
      `${ranks} ranks`,
      'start such a number of ranks, or choose more blocks',
    );
  const unfit = Object.entries({
    '--parallel': parallel,
    '--accumulate': accumulate > 1,
    '--sync-bn': syncBn,
    '--wire bfloat16': wire === 'bfloat16',
  }).find(([, given]) => given)?.[0];
  if (unfit !== undefined) refuse(`a run without ${unfit}`, unfit, 'leave one of them out');
}

/** This process's blocks of each batch; undefined if batches are not divided into blocks. @throws UsageError */
export function ownBlocks(config: BlockConfig, world: World | undefined): readonly number[] | undefined {
  const { blocks } = config;
  const { size = 1, rank = 0, split } = world ?? {};
  checkBlocks(config, size, split !== undefined);
  if (blocks === undefined) return undefined;
  const count = blocks / size;
  return Array.from({ length: count }, (_, i) => rank * count + i);
}

/** The blocks of each batch one after another, from a feed for each of them. */
export function inTurn(feeds: readonly Feed[]): Feed {
  return {
    length: feeds[0]!.length,
    async *loaded(epoch, start) {
      const all = feeds.map((feed) => feed.loaded(epoch, start));
      try {
        for (;;) {
          const group: FedBatch[] = [];
          for (const batches of all) {
            const { value } = await batches.next();
            if (!value) return;
            group.push(value);
          }
          yield* group;
        }
      } finally {
        for (const batches of all) await batches.return();
      }
    },
  };
}
