import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CheckpointError, UsageError } from '../errors/errors.js';
import { printable } from '../errors/printable.js';
import { parseLine } from '../files/json-line.js';
import { isWindowsName, WINDOWS_NAME } from '../files/system/windows-name.js';

/** The best weights so far, by accuracy or by a metric of the paper's own. */
export const bestSchema = z.object({
  file: z.string(),
  accuracy: z.number().optional(),
  metric: z.string().optional(),
  value: z.number().optional(),
});

/** `state.json`: the current checkpoints of a run. Written atomically, after the files that it names. */
export const stateSchema = z.object({
  version: z.literal(1),
  latest: z.string().optional(),
  best: bestSchema.optional(),
});
export type RunState = z.infer<typeof stateSchema>;

/**
 * Parses the content of `config.json` or `state.json`.
 *
 * @param file path for messages
 * @param next advice of the error
 * @throws CheckpointError if the text is not JSON or does not match the schema
 */
export function parseRunFile<T>(
  file: string,
  text: string,
  schema: z.ZodType<T>,
  next = 'restore the file from a copy, or start a new run',
): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CheckpointError({
      what: `${file} cannot be read`,
      expected: 'JSON written by train',
      got: (error as Error).message,
      next,
    });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new CheckpointError({
    what: `${file} is not valid`,
    expected: 'the fields that this version of train writes',
    got: z.prettifyError(parsed.error),
    next,
  });
}

/**
 * Parses a file of JSON lines. Lines that do not match the schema, such as one truncated by a crash, are skipped.
 */
export function parseLines(text: string, schema: z.ZodType): Record<string, unknown>[] {
  return text.split('\n').flatMap((line) => {
    const value = parseLine(line);
    return value && schema.safeParse(value).success ? [value] : [];
  });
}

export interface Place {
  readonly step: number;
  readonly epoch: number;
}

/** Whether a line was logged before a position in the run. */
export function isBefore({ event, step, epoch }: Record<string, unknown>, place: Place): boolean {
  if (event === 'epoch') return typeof epoch === 'number' && epoch <= place.epoch;
  // A resumed run has not ended, so its `done` line is dropped.
  return event !== 'done' && typeof step === 'number' && step <= place.step;
}

/** Names of entries of a folder; none if it cannot be read. */
function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Whether a folder without `config.json`, or a folder in it, has TensorBoard's event files. */
function hasEventFiles(folder: string): boolean {
  const isEvents = (name: string): boolean => name.includes('tfevents');
  const names = namesIn(folder);
  return names.some(isEvents) || names.some((name) => namesIn(join(folder, name)).some(isEvents));
}

/** Whether a run was written by a `Logger`: its configuration has a program instead of a model. */
function isLogged(config: string): boolean {
  try {
    const { program, model } = parseLine(readFileSync(config, 'utf8')) ?? {};
    return typeof program === 'string' && model === undefined;
  } catch {
    return false;
  }
}

/**
 * Refuses runs that the dashboard shows, but that have no model, checkpoints or epochs.
 * @throws UsageError
 */
export function refuseForeign(path: string): void {
  const config = join(path, 'config.json');
  const got = existsSync(config)
    ? isLogged(config) && 'values that a program of your own logged with Logger'
    : hasEventFiles(path) && 'event files of TensorBoard';
  if (!got) return;
  throw new UsageError({
    what: `${path} is not the run of a training by Paperweight`,
    expected: 'a run folder as created by train, which has a model and its settings',
    got,
    next: 'paperweight serve, report and site show such a run with all its values',
  });
}

/**
 * @throws UsageError for a name with control characters, which terminals would not show as it is, and on Windows for one
 *   that its programs cannot use
 */
export function refuseOddName(path: string, next = 'choose another --run'): void {
  const plain = printable(path) === path;
  if (plain && (process.platform !== 'win32' || isWindowsName(path))) return;
  throw new UsageError({
    what: `A run cannot have the name ${plain ? `"${path}"` : JSON.stringify(path)}`,
    expected: plain ? WINDOWS_NAME : 'a name without line breaks and other control characters',
    got: `"${printable(path)}"`,
    next,
  });
}
