import { readFileSync, writeSync } from 'node:fs';
import { check } from './check.js';
import { describe } from './describe.js';
import type { Program } from './program.js';
import { programOf, type Source } from './programs.js';
import { open, type Setting } from './setting.js';
import { shrink } from './shrink.js';

/*
 * The process that runs programs. It reads its task from standard input and writes a line before each program, so that
 * the parent process knows which program crashed it.
 */

/** A range of program numbers, or one program. */
export type Task =
  | {
      readonly setting: Setting;
      readonly source: Source;
      readonly seed: number;
      readonly from: number;
      readonly count: number;
    }
  | { readonly setting: Setting; readonly program: Program };

/** Messages of the child process, one per line. */
export type Line =
  | { readonly kind: 'about'; readonly about: string }
  | { readonly kind: 'at'; readonly number: number }
  | { readonly kind: 'failure'; readonly number: number; readonly why: string; readonly program: Program }
  | { readonly kind: 'same' | 'unfit'; readonly number: number }
  | { readonly kind: 'done'; readonly operations: readonly string[] };

const say = (line: Line): void => void writeSync(1, `${JSON.stringify(line)}\n`);

async function main(): Promise<void> {
  const task = JSON.parse(readFileSync(0, 'utf8')) as Task;
  const subject = await open(task.setting);
  say({ kind: 'about', about: subject.about });
  const operations = new Set<string>();
  const numbers = 'program' in task ? [0] : Array.from({ length: task.count }, (_, i) => task.from + i);
  for (const number of numbers) {
    say({ kind: 'at', number });
    const program =
      'program' in task ? task.program : programOf(task.source, task.seed, number, subject.narrow);
    const verdict = await check(subject, program, operations);
    if (verdict.kind === 'same' || verdict.kind === 'unfit') say({ kind: verdict.kind, number });
    const why = describe(verdict);
    if (why === undefined) continue;
    const small = await shrink(
      program,
      async (smaller) => (await check(subject, smaller)).kind === verdict.kind,
    );
    const now = describe(await check(subject, small)) ?? why;
    say({ kind: 'failure', number, why: now, program: small });
  }
  say({ kind: 'done', operations: [...operations] });
  await subject.device.close();
}

await main();
