import type { Verdict } from '../page-types.js';
import type { Job, Variant } from './job.js';
import type { Result, Results } from './result.js';

/** A text in both languages. */
export interface Text {
  readonly en: string;
  readonly zh: string;
}

/** Names something in charts and results: in both languages, or the same in both, such as `ReLU`. */
export type Label = Text | string;

/** A label in both languages. */
export const textOf = (label: Label): Text => (typeof label === 'string' ? { en: label, zh: label } : label);

/** The verdict of a claim's rule on the measured numbers. */
export interface Judgement {
  readonly verdict: Verdict;
  /** The numbers; empty if not measured. */
  readonly measured: string;
  /** The same in Chinese, if it has words. */
  readonly measuredZh?: string;
  readonly reason?: Text;
}

/** A statement of a paper that a measurement can support or contradict. */
export interface Claim {
  readonly id: string;
  /** Section of the paper, such as `3.1`. */
  readonly section: string;
  readonly statement: Text;
  /** The paper's own number, or what it says in a few words. */
  readonly paperSays: Label;
  /** What is measured, and what would confirm or refute it. */
  readonly rule: Text;
  /** Claims with a smaller number are measured first. */
  readonly order: number;
  /** Resources needed to measure the claim, if it cannot be measured here. */
  readonly needs?: Text;
  /** Training runs needed, as far as known from the results so far; empty if no training is needed. */
  readonly jobs: (results: Results) => readonly Job[];
  /** Called when every job has a result. */
  readonly judge: (results: Results) => Judgement;
}

/** The same training with several seeds. */
export const withSeeds = (variant: Variant, seeds: readonly number[]): Job[] =>
  seeds.map((seed) => ({ variant, seed }));

/** The available results of a variant for these seeds. */
export const resultsOf = (results: Results, variant: Variant, seeds: readonly number[]): Result[] =>
  seeds.flatMap((seed) => results.get(variant, seed) ?? []);

/** A claim's verdict: by its rule if all results are there, otherwise the reason why it is not measured. */
export function judge(claim: Claim, results: Results): Judgement {
  if (claim.needs) return { verdict: 'not measured', measured: '', reason: claim.needs };
  const jobs = claim.jobs(results);
  const done = jobs.filter(({ variant, seed }) => results.get(variant, seed)).length;
  if (done < jobs.length)
    return {
      verdict: 'not measured',
      measured: '',
      reason: {
        en: `incomplete: ${done} of ${jobs.length} training runs done`,
        zh: `尚未完成：${jobs.length} 次训练中已完成 ${done} 次`,
      },
    };
  return claim.judge(results);
}
