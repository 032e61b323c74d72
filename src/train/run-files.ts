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

/**
 * The lines of a file of JSON lines that are as the run writes them; others, such as one that a sudden end cut short,
 * are left out.
 */
export function parseLines(text: string, schema: z.ZodType): Record<string, unknown>[] {
  return text.split('\n').flatMap((line) => {
    try {
      const value: unknown = line ? JSON.parse(line) : undefined;
      return schema.safeParse(value).success ? [value as Record<string, unknown>] : [];
    } catch {
      return [];
    }
  });
}

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
