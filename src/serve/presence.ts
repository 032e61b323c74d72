import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { RunStatus } from './api.js';
import { readSmall } from './inside.js';

/**
 * Whether somebody is at work on a run: `process.json`, which the trainer writes when it starts and at each change.
 * `startTime` tells a process from a later one with the same number.
 */
const presenceSchema = z.object({
  pid: z.number().int().positive(),
  /** Field 22 of /proc/PID/stat; empty on systems without it. */
  startTime: z.string(),
  status: z.enum(['training', 'paused', 'done', 'failed', 'interrupted']),
  error: z.string().optional(),
});
export type Presence = z.infer<typeof presenceSchema>;

/** Without a process.json, metrics that are younger than this mean that the run goes on. */
const FRESH_MS = 60_000;

export interface KnownStatus {
  readonly status: RunStatus;
  readonly error?: string;
}

/**
 * @param folder real path of the run
 * @param metrics what is known of its metrics, for a run that has no process.json
 */
export async function statusOf(
  folder: string,
  metrics: { readonly done: boolean; readonly mtimeMs: number },
): Promise<KnownStatus> {
  const presence = await readPresence(folder);
  if (!presence) {
    if (metrics.done) return { status: 'done' };
    return { status: Date.now() - metrics.mtimeMs < FRESH_MS ? 'training' : 'interrupted' };
  }
  const { status, error } = presence;
  if (status === 'failed') return { status, ...(error === undefined ? {} : { error }) };
  if ((status === 'training' || status === 'paused') && !(await isAlive(presence)))
    return { status: metrics.done ? 'done' : 'interrupted' };
  return { status };
}

/** undefined when there is none, or none that can be read. */
export async function readPresence(folder: string): Promise<Presence | undefined> {
  const text = await readSmall(folder, 'process.json').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return presenceSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

async function isAlive({ pid, startTime }: Presence): Promise<boolean> {
  if (startTime !== '') return (await startTimeOf(pid)) === startTime;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Field 22 of /proc/PID/stat; undefined when there is no such process. */
export async function startTimeOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The second field, the name in parentheses, may hold spaces and parentheses itself.
  return stat
    ?.slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .at(22 - 3);
}
