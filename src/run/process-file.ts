import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DivergedError } from '../errors/errors.js';
import { writeFileAtomic } from '../files/atomic.js';
import type { RunStatus } from './events.js';

/** `process.json` of a run: the process that works on it, or how it ended. */
export const processSchema = z.object({
  pid: z.number().int().positive(),
  /** Start time (field 22 of /proc/PID/stat), to detect reuse of the pid by a later process; may be empty. */
  startTime: z.string(),
  status: z.enum(['training', 'paused', 'done', 'failed', 'interrupted'] satisfies RunStatus[]),
  /** Error message of a failed run. */
  error: z.string().optional(),
  /** Whether it failed because its training diverged. */
  diverged: z.literal(true).optional(),
});
export type ProcessFile = z.infer<typeof processSchema>;

/** Start time of a process in system ticks; empty if the system has no /proc. */
export async function startTimeOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // Field 2 is the program name in parentheses, which may contain any character; field 3 follows the last one.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[22 - 3] ?? '';
}

/** Writes the status of this process for a run. */
export async function writeProcess(run: string, status: RunStatus, error?: unknown): Promise<void> {
  const content: ProcessFile = {
    pid: process.pid,
    startTime: await startTimeOf(process.pid),
    status,
    ...(error === undefined ? {} : { error: error instanceof Error ? error.message : String(error) }),
    ...(error instanceof DivergedError ? { diverged: true } : {}),
  };
  await writeFileAtomic(join(run, 'process.json'), `${JSON.stringify(content)}\n`);
}
