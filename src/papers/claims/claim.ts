import type { Verdict } from '../page.js';
import type { Job, Variant } from './job.js';
import type { Result, Results } from './result.js';

/** The same words for readers of both languages. */
export interface Text {
  readonly en: string;
  readonly zh: string;
}

/** A claim's own rule, applied to what was measured. */
export interface Judgement {
  readonly verdict: Verdict;
  /** The numbers, in a form that both languages can read; empty unless measured. */
  readonly measured: string;
  readonly reason?: Text;
}

/** A sentence of a paper that a number can support or contradict. */
export interface Claim {
  readonly id: string;
  /** Where it stands, such as `3.1`. */
  readonly section: string;
  readonly statement: Text;
  /** The paper's own number, in a few characters. */
  readonly paperSays: string;
  /** What is measured, and what would confirm or refute it. */
  readonly rule: Text;
  /** Claims with a smaller number are measured first. */
  readonly order: number;
  /** What a machine would need to measure it, where no training here can. */
  readonly needs?: Text;
  /** The trainings that it takes, as far as is known by now; none for what needs no training. */
  readonly jobs: (results: Results) => readonly Job[];
  /** Called when every job has its result. */
  readonly judge: (results: Results) => Judgement;
}

/** The same training with several seeds. */
export const withSeeds = (variant: Variant, seeds: readonly number[]): Job[] =>
  seeds.map((seed) => ({ variant, seed }));

/** The results of a variant's seeds that there are. */
export const resultsOf = (results: Results, variant: Variant, seeds: readonly number[]): Result[] =>
  seeds.flatMap((seed) => results.get(variant, seed) ?? []);

/** A claim's verdict: by its rule when everything is there, and else why not. */
export function judge(claim: Claim, results: Results): Judgement {
  if (claim.needs) return { verdict: 'not measured', measured: '', reason: claim.needs };
  const jobs = claim.jobs(results);
  const done = jobs.filter(({ variant, seed }) => results.get(variant, seed)).length;
  if (done < jobs.length)
    return {
      verdict: 'not measured',
      measured: '',
      reason: {
        en: `not run yet: ${done} of ${jobs.length} trainings are done`,
        zh: `尚未跑完：${jobs.length} 次训练中已完成 ${done} 次`,
      },
    };
  return claim.judge(results);
}
