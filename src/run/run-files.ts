import { z } from 'zod';
import { CheckpointError } from '../errors/errors.js';
import { parseLine } from '../files/json-line.js';

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
 * @param next what to do about a text that is refused
 * @throws CheckpointError for a text that is not JSON, or not of this schema
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
      expected: 'JSON, as train wrote it',
      got: (error as Error).message,
      next,
    });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new CheckpointError({
    what: `${file} is not what train writes`,
    expected: 'the fields that this version knows',
    got: z.prettifyError(parsed.error),
    next,
  });
}

/**
 * The lines of a file of JSON lines that are as the run writes them; others, such as one that a sudden end cut short,
 * are left out.
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

/** Whether a line was logged before a place in the run. */
export function isBefore({ event, step, epoch }: Record<string, unknown>, place: Place): boolean {
  if (event === 'epoch') return typeof epoch === 'number' && epoch <= place.epoch;
  // The end of a run is no longer its end.
  return event !== 'done' && typeof step === 'number' && step <= place.step;
}
