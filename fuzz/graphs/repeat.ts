import { check } from './check.js';
import type { Program } from './program.js';
import { open, type Setting } from './setting.js';

/** Runs one program from a report, and prints the verdict. */
export async function repeat(setting: Setting, program: Program): Promise<void> {
  const subject = await open(setting);
  const verdict = await check(subject, program);
  console.log(subject.about, verdict);
  process.exitCode = verdict.kind === 'same' ? 0 : 1;
  await subject.device.close();
}
