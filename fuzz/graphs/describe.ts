import type { Verdict } from './check.js';

/** What went wrong, as text; undefined if nothing did. */
export function describe(verdict: Verdict): string | undefined {
  if (verdict.kind === 'error')
    return String((verdict.error as Error)?.stack ?? verdict.error)
      .split('\n')
      .slice(0, 4)
      .join('\n');
  if (verdict.kind !== 'different') return undefined;
  const { run, name, error, allowed, got, expected } = verdict.difference;
  return `${name} in run ${run + 1} is off by ${error.toExponential(2)}, where ${allowed.toExponential(2)} is allowed\n  got      ${got.join(', ')}\n  expected ${expected.join(', ')}`;
}
