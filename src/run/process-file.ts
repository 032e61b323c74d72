import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../files/atomic.js';
import type { RunStatus } from './events.js';

/** `process.json` of a run: which process works on it, or how it ended. */
export const processSchema = z.object({
  pid: z.number().int().positive(),
  /** Tells this process from a later one with the same pid: field 22 of /proc/PID/stat, empty where there is none. */
  startTime: z.string(),
  status: z.enum(['training', 'paused', 'done', 'failed', 'interrupted'] satisfies RunStatus[]),
  /** Why it failed. */
  error: z.string().optional(),
});
export type ProcessFile = z.infer<typeof processSchema>;

/** When a process started, in the system's own ticks; empty where the system does not tell. */
export async function startTimeOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field is the program's name in brackets, which may hold anything; field 3 follows it.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[22 - 3] ?? '';
}

/** Says what this process is doing with a run. */
export async function writeProcess(run: string, status: RunStatus, error?: unknown): Promise<void> {
  const content: ProcessFile = {
    pid: process.pid,
    startTime: await startTimeOf(process.pid),
    status,
    ...(error === undefined ? {} : { error: error instanceof Error ? error.message : String(error) }),
  };
  await writeFileAtomic(join(run, 'process.json'), `${JSON.stringify(content)}\n`);
}
