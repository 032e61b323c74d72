import type { AnySet } from '../../data/dataset.js';
import type { DataLoaderOptions } from '../../data/loader/options.js';
import {
  type BatchesSampler,
  checkBatchSampler,
  checkSampler,
  type Sampler,
} from '../../data/samplers/samplers.js';
import { checkOptionNames, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { callOwn } from '../../errors/own-code.js';
import type { TrainConfig } from '../../run/config.js';
import { checkRecord } from './updates.js';

/** The arguments of a paper's `loader` function, which is called for the training set and for the test set. */
export interface LoaderSetup {
  readonly set: AnySet;
  /** true: the set is trained on. false: it is measured. */
  readonly train: boolean;
  readonly config: TrainConfig;
}

/** How batches are made of a data set; what is left out is as for any paper. */
export interface LoaderParts extends Pick<DataLoaderOptions, 'workers' | 'prefetch'> {
  /** Makes a batch of single samples, which are otherwise stacked. Not for labelled images. */
  collate?(samples: readonly unknown[]): unknown;
  /**
   * Which samples an epoch has, and their order; for training only, like the next two. It must be a pure function of the
   * epoch, so that a resumed run visits the same ones.
   */
  readonly sampler?: Sampler;
  /** The samples of each batch, instead of the batch size of the configuration. */
  readonly batchSampler?: BatchesSampler;
  /** Whether to leave out a last batch that is smaller; default false. */
  readonly dropLast?: boolean;
}

const ORDER = ['sampler', 'batchSampler', 'dropLast'] as const;
const NAMES = ['collate', 'workers', 'prefetch', ...ORDER];

/**
 * What a paper's loader returns for a data set.
 *
 * @param loader undefined for a paper without one
 * @param paper its name, for messages
 * @throws UsageError for unknown parts, for an order of the test set, for a sampler that is not a pure function, and for
 *   parts of the data set itself that the loader does not return
 */
export function loaderParts(
  loader: ((setup: LoaderSetup) => LoaderParts) | undefined,
  setup: LoaderSetup,
  paper: string,
): LoaderParts {
  const parts = loader ? returnedParts(loader, setup, paper) : {};
  refuseIgnored(setup, parts, paper, loader !== undefined);
  return parts;
}

/** @throws UsageError for a part in the data set itself, where nothing would read it */
function refuseIgnored({ set, train }: LoaderSetup, parts: LoaderParts, paper: string, given: boolean): void {
  // A loader uses a set's order for training alone.
  const names = train || !given ? ['collate', ...ORDER] : ['collate'];
  const own = set as unknown as Readonly<Record<string, unknown>>;
  const ignored = names.find(
    (name) => own[name] !== undefined && parts[name as keyof LoaderParts] === undefined,
  );
  if (ignored === undefined) return;
  throw new UsageError({
    what: `The data set ${set.name} of ${paper} has a ${ignored}, which a data set cannot choose`,
    expected: `a ${ignored} in what the paper’s loader() returns`,
    got: `${ignored} ${shown(own[ignored])}`,
    next: `give the paper a loader: ({ train }) => (${ignored === 'collate' ? `{ collate: … }` : `train ? { ${ignored}: … } : {}`})`,
  });
}

function returnedParts(
  loader: (setup: LoaderSetup) => LoaderParts,
  setup: LoaderSetup,
  paper: string,
): LoaderParts {
  const owner = `loader() of ${paper}`;
  const made: unknown = callOwn(owner, () => loader(setup));
  checkRecord(`${owner} returned no options`, made, `an object of ${NAMES.join(', ')}`);
  checkOptionNames(owner, made, NAMES);
  const parts = made as LoaderParts;
  const { sampler, batchSampler, collate } = parts;
  const order = ORDER.find((name) => parts[name] !== undefined);
  if (!setup.train && order !== undefined)
    throw new UsageError({
      what: `${owner} gave a ${order} for the test set`,
      expected: 'an order for the training set alone: all test samples are measured once',
      got: order,
      next: 'return it only if train is true',
    });
  if (sampler !== undefined) {
    checkSampler(owner, sampler);
    checkPure(owner, 'sampler', () => [Array.from(sampler.indices(0))]);
  }
  if (batchSampler !== undefined) {
    checkBatchSampler(owner, batchSampler);
    checkPure(owner, 'batchSampler', () => Array.from(batchSampler.batches(0), (batch) => Array.from(batch)));
  }
  if (typeof collate !== 'function') return parts;
  return {
    ...parts,
    collate: (samples) => callOwn(`collate() of ${paper}`, () => collate.call(parts, samples)),
  };
}

/** @throws UsageError for a sampler that gives something else when it is asked again */
function checkPure(owner: string, name: string, ask: () => readonly number[][]): void {
  const [one, two] = [0, 1].map(() => JSON.stringify(callOwn(`the ${name} of ${owner}`, ask)));
  if (one === two) return;
  throw new UsageError({
    what: `${owner} gave a ${name} that gives other indices for the same epoch when it is asked again`,
    expected: 'a pure function of the epoch, so that a resumed run visits the same samples',
    got: 'another order',
    next: 'draw its random numbers from a Generator of a fixed seed that is forked for each epoch',
  });
}
