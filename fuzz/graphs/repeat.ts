import { check } from './check.js';
import type { Program } from './program.js';
import { open, type Setting } from './setting.js';

/** Runs one program, as a report prints it, and prints what comes of it. */
export async function repeat(setting: Setting, program: Program): Promise<void> {
  const subject = open(setting);
  const verdict = await check(subject, program);
  console.log(subject.about, verdict);
  process.exitCode = verdict.kind === 'same' ? 0 : 1;
  await subject.device.close();
}
