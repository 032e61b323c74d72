import { readFile } from 'node:fs/promises';
import { compareGuard, GUARD_THREADS, measureGuard, readBaseline } from '../../bench/guard.js';
import { readResults } from '../../bench/result.js';
import { MARKERS, speedTable, withTable } from '../../bench/table.js';
import type { Language } from '../../display/languages.js';
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

/** `bench guard`: compares plan counters and speed with the baseline. */
export async function runGuard(flags: BenchFlags): Promise<void> {
  if (flags.threads !== undefined && flags.threads !== GUARD_THREADS)
    throw new UsageError({
      what: 'bench guard runs with a fixed number of threads',
      expected: `--threads ${GUARD_THREADS}, or no --threads`,
      got: String(flags.threads),
      next: 'leave --threads out',
    });
  if (flags.device !== 'auto' && flags.device !== 'onednn')
    throw new UsageError({
      what: 'bench guard compares the plans of one device',
      expected: '--device onednn, or no --device',
      got: flags.device,
      next: 'leave --device out',
    });
  const baseline = await readBaseline(BASELINE);
  const { signature, guard } = await measureGuard();
  const expected = baseline[signature];
  const findings = expected ? compareGuard(expected, guard) : [];
  if (flags.json) printJson({ signature, ...guard, known: expected !== undefined, findings });
  if (flags.update) {
    await writeFileAtomic(BASELINE, `${JSON.stringify({ ...baseline, [signature]: guard }, null, 2)}\n`);
    return note(`${BASELINE} now contains ${signature}.`);
  }
  if (!expected)
    return note(
      `Nothing compared: ${BASELINE} has no entry for ${signature}. "paperweight bench guard --update" adds it.`,
    );
  if (findings.length === 0)
    return note(
      `The counters match ${BASELINE}; ${guard.ofSgemm.toFixed(2)} of sgemm’s rate (baseline: ${expected.ofSgemm.toFixed(2)}).`,
    );
  const rows = findings.map((f) => [f.plan, f.counter, String(f.expected), String(f.got)]);
  for (const line of table([['Plan', 'Counter', 'Baseline', 'Now'], ...rows], 'llrr')) note(line);
  note(
    `Differs from ${BASELINE}. Next: fix the regression; if the change is intended or an improvement, run "paperweight bench guard --update" and commit the file.`,
  );
  process.exitCode = EXIT.failed;
}

/** `bench table`: writes the results into docs/speed.md and its Chinese version. */
export async function writeTable(flags: BenchFlags): Promise<void> {
  const results = await readResults(flags.out);
  if (results.length === 0)
    throw new UsageError({
      what: `${flags.out} has no results`,
      expected: 'files written by "paperweight bench … --save"',
      got: 'none',
      next: 'measure something with --save first',
    });
  if (!flags.update) return print(speedTable(results, 'en'));
  for (const [file, language] of PAGES) {
    const text = withTable(await readFile(file, 'utf8'), speedTable(results, language));
    if (text === undefined)
      throw new UsageError({
        what: `${file} has no markers for the table`,
        expected: `a section between ${MARKERS}`,
        got: 'no such section',
        next: 'put the markers where the table belongs',
      });
    await writeFileAtomic(file, text);
    note(`${file} is up to date.`);
  }
}
