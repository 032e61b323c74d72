import type { Job, Variant } from './job.js';
import type { Result, Results } from './result.js';

export interface SearchOptions {
  /** Candidate rates, ascending. */
  readonly ladder: readonly number[];
  /** One of them: the search starts with it and its two neighbours. */
  readonly middle: number;
  readonly seed: number;
  /** The short training that tries a rate. */
  readonly variant: (rate: number) => Variant;
  /** Lower is better. */
  readonly score: (result: Result) => number;
}

/** A search for a rate, as far as it has come. */
export interface Search {
  readonly jobs: readonly Job[];
  /** Undefined until every job has its result. */
  readonly best: number | undefined;
  /** Whether the best is the first or the last candidate, so that a better one may lie beyond. */
  readonly isAtEnd: boolean;
}

/**
 * Tries three rates, then one more as long as the best is the first or the last of those tried, so that the chosen rate
 * has a worse one on either side, or is at an end of the list.
 */
export function searchRate(
  { ladder, middle, seed, variant, score }: SearchOptions,
  results: Results,
): Search {
  const start = ladder.indexOf(middle);
  let [from, to] = [Math.max(0, start - 1), Math.min(ladder.length - 1, start + 1)];
  for (;;) {
    const rates = ladder.slice(from, to + 1);
    const jobs = rates.map((rate) => ({ variant: variant(rate), seed }));
    const scores: number[] = [];
    for (const job of jobs) {
      const result = results.get(job.variant, job.seed);
      if (!result) return { jobs, best: undefined, isAtEnd: false };
      scores.push(score(result));
    }
    const best = scores.indexOf(Math.min(...scores));
    if (best === 0 && from > 0) from--;
    else if (best === rates.length - 1 && to < ladder.length - 1) to++;
    else {
      const at = from + best;
      return { jobs, best: rates[best], isAtEnd: at === 0 || at === ladder.length - 1 };
    }
  }
}
