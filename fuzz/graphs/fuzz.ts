import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Line, Task } from './child.js';
import type { Program } from './program.js';
import { programOf, type Source } from './programs.js';
import { narrowOf, type Setting } from './setting.js';
import { shrink } from './shrink.js';
import { codeOf } from './text.js';

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url));
/** Programs per process. */
const SLICE = 500;
/** Number of failures after which the run ends. */
const ENOUGH = 20;

export interface Report {
  readonly about: string;
  readonly same: number;
  /** Skipped, since they are too close to a kink. */
  readonly unfit: number;
  /** Each with the program's number, the difference, and code that reproduces it. */
  readonly failures: readonly string[];
  readonly operations: readonly string[];
}

export interface Options {
  readonly source?: Source;
  readonly seed: number;
  /** Number of the first program. */
  readonly from?: number;
  readonly count: number;
  /** Additional environment variables of the processes, to select another library for example. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onFailure?: (failure: string) => void;
}

/** Runs random programs on a device and compares them with float64, in child processes that may crash. */
export async function fuzz(
  setting: Setting,
  { source = 'graphs', seed, from = 0, count, env = {}, onFailure = () => {} }: Options,
): Promise<Report> {
  const failures: string[] = [];
  const operations = new Set<string>();
  const sum = { same: 0, unfit: 0 };
  let about = '';
  const report = (number: number, why: string, program: Program): void => {
    const failure = `${source} ${number} of seed ${seed} (${about}): ${why}\n${codeOf(program, setting)}\n`;
    failures.push(failure);
    onFailure(failure);
  };
  for (let next = from; next < from + count && failures.length < ENOUGH; ) {
    const end = Math.min(next + SLICE, from + count);
    let last = next;
    const ended = await run({ setting, source, seed, from: next, count: end - next }, env, (line) => {
      if (line.kind === 'about') about = line.about;
      if (line.kind === 'at') last = line.number;
      if (line.kind === 'failure') report(line.number, line.why, line.program);
      if (line.kind === 'same' || line.kind === 'unfit') sum[line.kind]++;
      if (line.kind === 'done') for (const op of line.operations) operations.add(op);
    });
    next = end;
    if (ended === undefined) continue;
    const program = programOf(source, seed, last, narrowOf(setting));
    const dies = async (smaller: Program) =>
      (await run({ setting, program: smaller }, env, () => {})) === ended;
    // A program that crashes alone is shrunk; otherwise earlier programs are needed, which the number identifies.
    const small = (await dies(program)) ? await shrink(program, dies) : program;
    report(last, `the process ended by ${ended}`, small);
    next = last + 1;
  }
  return { about, ...sum, failures, operations: [...operations] };
}

/** @returns how the process crashed; undefined if it ended normally */
function run(
  task: Task,
  env: Readonly<Record<string, string>>,
  said: (line: Line) => void,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, PAPERWEIGHT_KERNELS: 'fixed', ...env },
    });
    let [rest, errors] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) said(JSON.parse(line) as Line);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (signal) resolve(signal);
      else if (code === 0) resolve(undefined);
      else resolve(`code ${code}: ${errors}`);
    });
    child.stdin.on('error', () => {});
    child.stdin.end(JSON.stringify(task));
  });
}
