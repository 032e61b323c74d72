import { readFile } from 'node:fs/promises';
import { compareGuard, GUARD_THREADS, measureGuard, readBaseline } from '../../bench/guard.js';
import { readResults } from '../../bench/result.js';
import { type Language, MARKERS, speedTable, withTable } from '../../bench/table.js';
import { UsageError } from '../../errors/errors.js';
import { writeFileAtomic } from '../../files/atomic.js';
import { EXIT } from '../print-error.js';
import { note, print, printJson, table } from '../terminal/output.js';
import type { BenchFlags } from './flags.js';

const BASELINE = 'bench/baseline.json';
const PAGES: readonly (readonly [string, Language])[] = [
  ['docs/speed.md', 'en'],
  ['docs/speed.zh.md', 'zh'],
];

/** `bench guard`: what plans count, and a rate, against the baseline. */
export async function runGuard(flags: BenchFlags): Promise<void> {
  if (flags.threads !== undefined && flags.threads !== GUARD_THREADS)
    throw new UsageError({
      what: 'bench guard counts with a fixed number of threads',
      expected: `--threads ${GUARD_THREADS}, or none`,
      got: String(flags.threads),
      next: 'leave --threads out',
    });
  const baseline = await readBaseline(BASELINE);
  const { signature, guard } = await measureGuard();
  const expected = baseline[signature];
  const findings = expected ? compareGuard(expected, guard) : [];
  if (flags.json) printJson({ signature, ...guard, known: expected !== undefined, findings });
  if (flags.update) {
    await writeFileAtomic(BASELINE, `${JSON.stringify({ ...baseline, [signature]: guard }, null, 2)}\n`);
    return note(`${BASELINE} now holds ${signature}.`);
  }
  if (!expected)
    return note(
      `Nothing compared: ${BASELINE} knows no ${signature}. "paperweight bench guard --update" adds it.`,
    );
  if (findings.length === 0)
    return note(
      `The counters are those of ${BASELINE}; ${guard.ofSgemm.toFixed(2)} of sgemm’s rate, ${expected.ofSgemm.toFixed(2)} there.`,
    );
  const rows = findings.map((f) => [f.plan, f.counter, String(f.expected), String(f.got)]);
  for (const line of table([['Plan', 'Counter', 'Baseline', 'Now'], ...rows], 'llrr')) note(line);
  note(
    `Not as in ${BASELINE}. Next: mend what made it worse; if it is meant, or better, run "paperweight bench guard --update" and commit the file.`,
  );
  process.exitCode = EXIT.failed;
}

/** `bench table`: the results as docs/speed.md and its Chinese twin show them. */
export async function writeTable(flags: BenchFlags): Promise<void> {
  const results = await readResults(flags.out);
  if (results.length === 0)
    throw new UsageError({
      what: `${flags.out} has no results`,
      expected: 'files that "paperweight bench … --save" wrote',
      got: 'none',
      next: 'measure something with --save first',
    });
  if (!flags.update) return print(speedTable(results, 'en'));
  for (const [file, language] of PAGES) {
    const text = withTable(await readFile(file, 'utf8'), speedTable(results, language));
    if (text === undefined)
      throw new UsageError({
        what: `${file} has no place for the table`,
        expected: `a part between ${MARKERS}`,
        got: 'no such part',
        next: 'put the markers where the table belongs',
      });
    await writeFileAtomic(file, text);
    note(`${file} is up to date.`);
  }
}
