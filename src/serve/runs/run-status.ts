import { type ProcessFile, processSchema, startTimeOf } from '../../run/process-file.js';
import type { RunStatus } from '../api.js';
import { readSmall } from './path-containment.js';
import { parseJson } from './tail.js';

/** Without a process.json, metrics newer than this mean that the run is training. */
const FRESH_MS = 60_000;

export interface KnownStatus {
  readonly status: RunStatus;
  readonly error?: string;
  readonly diverged?: true;
}

/**
 * @param folder real path of the run
 * @param metrics summary of its metrics, for runs without a process.json
 */
export async function statusOf(
  folder: string,
  metrics: { readonly done: boolean; readonly mtimeMs: number },
): Promise<KnownStatus> {
  const owner = await readProcessFile(folder);
  if (!owner) {
    if (metrics.done) return { status: 'done' };
    return { status: Date.now() - metrics.mtimeMs < FRESH_MS ? 'training' : 'interrupted' };
  }
  const { status, error, diverged } = owner;
  if (status === 'failed')
    return { status, ...(error === undefined ? {} : { error }), ...(diverged ? { diverged } : {}) };
  if ((status === 'training' || status === 'paused') && !(await isAlive(owner)))
    return { status: metrics.done ? 'done' : 'interrupted' };
  return { status };
}

/** The process that trains a run, from `process.json`; undefined if that is missing or not valid. */
async function readProcessFile(folder: string): Promise<ProcessFile | undefined> {
  const text = await readSmall(folder, 'process.json').catch(() => undefined);
  return parseProcessFile(text ?? '');
}

/** Parses a `process.json`; undefined if it is not valid. */
export const parseProcessFile = (text: string): ProcessFile | undefined =>
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
