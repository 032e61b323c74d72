import { join } from 'node:path';
import type { Device } from '../../backend/backend.js';
import type { AnySet } from '../../data/dataset.js';
import type { EpochEvent } from '../../run/events.js';
import type { Paper } from '../paper.js';
import type { Claim } from './claim.js';
import type { Job } from './job.js';
import { jobName } from './job.js';
import type { Results } from './result.js';
import { type Result, ResultFolder } from './result.js';
import { runJob } from './run-job.js';
import { isIn, type Shard } from './shard.js';
import { writeTables } from './table.js';

export interface ReproduceOptions {
  readonly paper: Paper;
  /** Default: all claims. */
  readonly claims?: readonly Claim[];
  readonly device: Device;
  readonly openDataset: (dataset: string, train: boolean) => Promise<AnySet>;
  readonly data?: string | undefined;
  /** Parent folder of all papers' run folders. */
  readonly runs: string;
  readonly results: string;
  /** Folder of the notes, whose tables between markers are rebuilt too. */
  readonly notes?: string;
  /**
   * Trains only this part; results of other machines in the same folder count as soon as they are there. Tables are not
   * rebuilt, so that nothing but one file for each result is written.
   */
  readonly shard?: Shard | undefined;
  /** Stops after this time, with a checkpoint; default: no limit. */
  readonly budgetSeconds?: number | undefined;
  readonly signal?: AbortSignal;
  readonly watcher?: Watcher;
}

/** Callbacks during a reproduction. */
export interface Watcher {
  begin?(job: Job, plan: JobPlan): void;
  epoch?(job: Job, event: EpochEvent, plan: JobPlan): void;
  step?(job: Job, step: number, stepsTotal: number): void;
  end?(job: Job, result: Result): void;
  note?(text: string): void;
}

/** Remaining jobs, as far as known from the results so far. */
export interface JobPlan {
  readonly jobs: readonly Job[];
  /** Estimated time. */
  readonly seconds: number;
}

export type Outcome = 'done' | 'budget' | 'interrupted';

/** Jobs without a result, without duplicates, the most informative first. */
export function missingJobs(claims: readonly Claim[], results: Results): Job[] {
  const jobs = new Map<string, Job>();
  for (const claim of [...claims].sort((a, b) => a.order - b.order)) {
    if (claim.needs) continue;
    for (const job of claim.jobs(results))
      if (!results.get(job.variant, job.seed)) jobs.set(jobName(job), jobs.get(jobName(job)) ?? job);
  }
  return [...jobs.values()];
}

/** Trains the missing jobs, writes each result, and rebuilds the tables after each. */
export async function reproduce(options: ReproduceOptions): Promise<Outcome> {
  const { paper, claims = paper.claims, shard, budgetSeconds, signal, watcher = {} } = options;
  let results = await ResultFolder.open(options.results, paper.id);
  const tables = async () => {
    if (!shard) await writeTables(paper, results, options.results, options.notes);
  };
  await tables();
  const budget = new AbortController();
  const timer = budgetSeconds && setTimeout(() => budget.abort(), 1000 * budgetSeconds);
  const stop = AbortSignal.any([budget.signal, ...(signal ? [signal] : [])]);
  const sets = new Map<string, { trainSet: AnySet; testSet: AnySet }>();
  const pace = new Pace();
  try {
    for (;;) {
      if (shard) results = await ResultFolder.open(options.results, paper.id);
      const jobs = missingJobs(claims, results).filter((job) => !shard || isIn(shard, job));
      const job = jobs[0];
      if (!job) return 'done';
      if (stop.aborted) return signal?.aborted ? 'interrupted' : 'budget';
      const name = job.variant.dataset;
      const open = async () => ({
        trainSet: await options.openDataset(name, true),
        testSet: await options.openDataset(name, false),
      });
      const own = sets.get(name) ?? (await open());
      sets.set(name, own);
      watcher.begin?.(job, pace.plan(jobs));
      const { epochs } = job.variant.training;
      const result = await runJob(job, {
        ...options,
        ...own,
        paper: paper.id,
        runs: join(options.runs, paper.id),
        signal: stop,
        observer: {
          note: (text) => watcher.note?.(text),
          step: ({ step }, { stepsTotal }) => watcher.step?.(job, step, stepsTotal),
          epoch: (event) => watcher.epoch?.(job, event, pace.plan(jobs, 1 - event.epoch / epochs)),
        },
      });
      if (!result) continue;
      await results.add(result);
      pace.learn(job, result);
      await tables();
      watcher.end?.(job, result);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Speed of this machine relative to the variants' estimates, learned from finished jobs. */
class Pace {
  #expected = 0;
  #taken = 0;

  /** A job that ended early counts proportionally. */
  learn({ variant }: Job, { epochs, seconds }: Result): void {
    this.#expected += (variant.seconds * (epochs.at(-1)?.epoch ?? 0)) / variant.training.epochs;
    this.#taken += seconds;
  }

  /** @param part fraction of the first job that remains */
  plan(jobs: readonly Job[], part = 1): JobPlan {
    const ratio = this.#expected > 0 ? this.#taken / this.#expected : 1;
    const seconds = jobs.reduce((sum, { variant }, i) => sum + variant.seconds * (i === 0 ? part : 1), 0);
    return { jobs, seconds: ratio * seconds };
  }
}
