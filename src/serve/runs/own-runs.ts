import { z } from 'zod';
import { printable } from '../../errors/printable.js';
import type { RunSummary } from '../api.js';
import { EventFiles, eventFiles } from '../metrics/event-files.js';
import { lossAmong, ScalarFile, type ScalarSource } from '../metrics/scalars.js';
import { fileInside, readSmall } from './path-containment.js';
import { type KnownStatus, statusOf } from './run-status.js';
import { parseJson } from './tail.js';

/** `config.json` of a user program, written by its `Logger`. */
const programSchema = z.object({
  program: z.string(),
  steps: z.number().int().positive().optional(),
  settings: z.record(z.string(), z.unknown()).default({}),
  machine: z.looseObject({ started: z.string().optional() }).optional(),
});
export type ProgramConfig = z.infer<typeof programSchema>;

/** @returns undefined if the run was not written by a `Logger` */
export const programConfig = (text: string): ProgramConfig | undefined =>
  programSchema.safeParse(parseJson(text)).data;

/** Where a run's own scalars come from: event files of another program, or `scalars.jsonl`. */
export async function openScalars(folder: string): Promise<ScalarSource> {
  if (await fileInside(folder, 'config.json')) return new ScalarFile(folder);
  return (await eventFiles(folder)).length > 0 ? new EventFiles(folder) : new ScalarFile(folder);
}

/** The kind of a run that was not trained by this program; undefined for others. */
export async function ownKind(
  folder: string,
): Promise<
  { readonly kind: 'program'; readonly config: ProgramConfig } | { readonly kind: 'tensorboard' } | undefined
> {
  if (!(await fileInside(folder, 'config.json')))
    return (await eventFiles(folder)).length > 0 ? { kind: 'tensorboard' } : undefined;
  const config = programConfig((await readSmall(folder, 'config.json').catch(() => undefined)) ?? '');
  return config && { kind: 'program', config };
}

/** Event files have no end; without news for this long, their program has ended. */
const QUIET_MS = 120_000;

/** Status of a run that logged its scalars itself. @param updated milliseconds since 1970 */
export async function ownStatus(
  folder: string,
  kind: NonNullable<RunSummary['kind']>,
  updated: number,
  { unreadable }: ScalarSource,
): Promise<KnownStatus> {
  if (kind === 'program') return statusOf(folder, { done: false, mtimeMs: updated });
  if (unreadable !== undefined)
    return { status: 'failed', error: `${printable(unreadable)} is not an event file of TensorBoard` };
  return { status: Date.now() - updated > QUIET_MS ? 'done' : 'training' };
}

/** Points of a sparkline, and figures in the list. */
const SPARK = 60;
const MOST_FIGURES = 40;

/** What the list shows of a run's own scalars. */
export function scalarSummary({
  columns,
  lastStep,
}: ScalarSource): Pick<RunSummary, 'step' | 'spark' | 'lastLoss' | 'figures'> {
  const names = columns.names;
  const loss = lossAmong(names);
  const shown = loss ?? names[0];
  const spark = shown === undefined ? undefined : columns.curve(shown, 0, 0xffff_fffe, SPARK);
  const last = loss === undefined ? undefined : columns.last(loss);
  const figures = names.slice(0, MOST_FIGURES).flatMap((name) => {
    const value = columns.last(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    step: lastStep,
    spark: (spark?.mean ?? []).flatMap((value) => value ?? []),
    ...(last === undefined ? {} : { lastLoss: last }),
    ...(figures.length > 0 ? { figures: Object.fromEntries(figures) } : {}),
  };
}
