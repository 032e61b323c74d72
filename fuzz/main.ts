import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isMain } from '../src/files/system/is-main.js';
import { keepInputs, keptInputs } from './corpus.js';
import { Coverage } from './coverage.js';
import { Engine, type Report } from './engine.js';
import { tryInput } from './outcome.js';
import { shrink } from './shrink.js';
import type { Target } from './target.js';
import { keep, startWatchdog } from './watchdog.js';

/** Flags of each target's process: no code from strings, and little memory. */
const FLAGS = ['--disallow-code-generation-from-strings', '--max-old-space-size=256', '--expose-gc'];
const HELP = `Usage: node dist/fuzz/main.js [target…] [options]

  --runs <n>       inputs for each target (default: 10000)
  --time <s>       ends each target after this many seconds
  --seed <n>       seed of all random choices (default: 1)
  --save <file>    adds the counts to a JSON file
  --keep           stores inputs that reached new code or a new outcome in test/fixtures/fuzz
  --failures <dir> folder for inputs that failed (default: fuzz-failures)
  --list           lists the targets
`;

interface Flags {
  runs: number;
  time: number | undefined;
  seed: number;
  save: string | undefined;
  keep: boolean;
  failures: string;
}

async function fuzzOne(target: Target, flags: Flags, coverage: Coverage): Promise<Report> {
  const watch = startWatchdog(flags.failures, target.name);
  const engine = new Engine(target, {
    seed: flags.seed,
    runs: flags.runs,
    ...(flags.time === undefined ? {} : { time: flags.time }),
    corpus: keptInputs(target.name).map(({ input }) => input),
    coverage,
    before: watch,
  });
  const report = await engine.run();
  for (const { why, input } of engine.failures) {
    const kind = /^\w+/.exec(why)?.[0] ?? '';
    const small = await shrink(input, async (smaller) => {
      watch(smaller);
      const { failure } = await tryInput(target, smaller);
      return failure !== undefined && /^\w+/.exec(failure)?.[0] === kind;
    });
    process.stdout.write(`  ${why}\n    ${keep(flags.failures, target.name, 'failure', small)}\n`);
  }
  if (flags.keep) await keepInputs(target, engine.corpus, coverage);
  return report;
}

/** Adds a report to earlier ones of the same target, since a million inputs may take several runs. */
function save(file: string, report: Report): void {
  type Saved = Omit<Report, 'seed' | 'failures'> & { seeds: number[] };
  const all: Saved[] = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Saved[]) : [];
  const before = all.find(({ target }) => target === report.target);
  const { seed, failures: _, ...figures } = report;
  const sum = {
    ...figures,
    seeds: [...(before?.seeds ?? []), seed],
    inputs: (before?.inputs ?? 0) + report.inputs,
    accepted: (before?.accepted ?? 0) + report.accepted,
    seconds: Math.round(10 * ((before?.seconds ?? 0) + report.seconds)) / 10,
    blocks: Math.max(before?.blocks ?? 0, report.blocks),
    slowestMs: Math.max(before?.slowestMs ?? 0, report.slowestMs),
    peakMiB: Math.max(before?.peakMiB ?? 0, report.peakMiB),
    mostAddedMiB: Math.max(before?.mostAddedMiB ?? 0, report.mostAddedMiB),
  };
  const others = all.filter(({ target }) => target !== report.target);
  const sorted = [...others, sum].sort((a, b) => (a.target < b.target ? -1 : 1));
  writeFileSync(file, `${JSON.stringify(sorted, null, 1)}\n`);
}

function line({ target, inputs, accepted, seconds, blocks, blocksOfFunctions, ...more }: Report): string {
  const { corpus, slowestMs, mostAddedMiB, peakMiB, failures } = more;
  return `${target}: ${inputs} inputs (${accepted} accepted) in ${seconds} s, ${blocks} of ${blocksOfFunctions} blocks, corpus ${corpus}, slowest ${slowestMs} ms, at most ${mostAddedMiB} MiB by one input and ${peakMiB} MiB in all, ${failures.length} failures\n`;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      runs: { type: 'string', default: '10000' },
      time: { type: 'string' },
      seed: { type: 'string', default: '1' },
      save: { type: 'string' },
      failures: { type: 'string', default: 'fuzz-failures' },
      keep: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      here: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  // Must be created before the covered code is compiled.
  const coverage = new Coverage();
  const { TARGETS } = await import('./targets/index.js');
  const names = TARGETS.map(({ name }) => name);
  if (values.list) return void process.stdout.write(`${names.join('\n')}\n`);
  const chosen = positionals.length > 0 ? positionals : names;
  const unknown = chosen.filter((name) => !names.includes(name));
  const numbers = [values.runs, values.seed, values.time ?? '1'].map(Number);
  if (unknown.length > 0 || !numbers.every((n) => Number.isSafeInteger(n) && n > 0)) {
    process.stderr.write(HELP);
    process.exitCode = 2;
    return;
  }
  if (values.here) {
    const target = TARGETS.find(({ name }) => name === chosen[0])!;
    const report = await fuzzOne(
      target,
      {
        runs: numbers[0]!,
        seed: numbers[1]!,
        time: values.time === undefined ? undefined : numbers[2]!,
        save: values.save,
        keep: values.keep,
        failures: values.failures,
      },
      coverage,
    );
    process.stdout.write(line(report));
    if (values.save) save(values.save, report);
    process.exitCode = report.failures.length > 0 ? 1 : 0;
    // The fuzzed code may have left timers and sockets open.
    process.exit();
  }
  for (const name of chosen) {
    const flags = process.argv.slice(2).filter((arg) => !names.includes(arg));
    const child = spawnSync(
      process.execPath,
      [...FLAGS, fileURLToPath(import.meta.url), name, ...flags, '--here'],
      {
        stdio: 'inherit',
      },
    );
    if (child.status !== 0) process.exitCode = 1;
    if (child.signal) process.stderr.write(`${name}: ended by ${child.signal}\n`);
  }
}

if (isMain(import.meta.url)) await main();
