import { z } from 'zod';
import { CheckpointError } from '../errors.js';

/** Which checkpoints a run has; rewritten as a whole, after the files that it names. */
export const stateSchema = z.object({
  version: z.literal(1),
  latest: z.string().optional(),
  best: z.object({ file: z.string(), accuracy: z.number() }).optional(),
});
export type RunState = z.infer<typeof stateSchema>;

/**
 * The content of `config.json` or `state.json`.
 *
 * @param file what messages call it
 * @throws CheckpointError for a text that is not JSON, or not of this schema
 */
export function parseRunFile<T>(file: string, text: string, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CheckpointError({
      what: `${file} cannot be read`,
      expected: 'JSON, as train wrote it',
      got: (error as Error).message,
      next: 'restore the file from a copy, or start a new run',
    });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new CheckpointError({
    what: `${file} is not what train writes`,
    expected: 'the fields that this version knows',
    got: z.prettifyError(parsed.error),
    next: 'restore the file from a copy, or start a new run',
  });
}

/** The objects of a file of JSON lines; what is none, such as a line that a sudden end cut short, is
 * left out. */
export function parseLines(text: string): Record<string, unknown>[] {
  return text.split('\n').flatMap((line) => {
    try {
      const value: unknown = line ? JSON.parse(line) : undefined;
      return isRecord(value) ? [value] : [];
    } catch {
      return [];
    }
  });
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export interface Place {
  readonly step: number;
  readonly epoch: number;
}

/** Whether a line was logged before a place in the run. */
export function isBefore(line: string, place: Place): boolean {
  try {
    const { event, step, epoch } = JSON.parse(line) as { event: unknown; step: number; epoch: number };
    if (event === 'epoch') return epoch <= place.epoch;
    // The end of a run is no longer its end.
    return event !== 'done' && step <= place.step;
  } catch {
    return false;
  }
}
