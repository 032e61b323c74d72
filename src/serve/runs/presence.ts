import { type ProcessFile, processSchema, startTimeOf } from '../../run/process-file.js';
import type { RunStatus } from '../api.js';
import { readSmall } from './path-containment.js';
import { parseJson } from './tail.js';

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

/** Who is at work on a run, from its `process.json`; undefined when there is none, or none that can be read. */
async function readPresence(folder: string): Promise<ProcessFile | undefined> {
  const text = await readSmall(folder, 'process.json').catch(() => undefined);
  return parsePresence(text ?? '');
}

/** The content of a `process.json`; undefined for a text that is none. */
export const parsePresence = (text: string): ProcessFile | undefined =>
  processSchema.safeParse(parseJson(text)).data;

async function isAlive({ pid, startTime }: ProcessFile): Promise<boolean> {
  if (startTime !== '') return (await startTimeOf(pid)) === startTime;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
