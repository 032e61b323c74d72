import { z } from 'zod';
import { evenlySpaced } from '../../display/evenly-spaced.js';
import type { LoggedHistogram } from '../api.js';
import { EventFiles } from '../metrics/event-files.js';
import type { ScalarSource } from '../metrics/scalars.js';
import { lastLines, parseJson } from './tail.js';

/** Bytes of histograms that are read, from the end. */
const BYTES = 2 ** 24;
const KEPT = 64;

const lineSchema = z.object({
  step: z.number().int().nonnegative(),
  name: z.string(),
  histogram: z.object({ min: z.number(), max: z.number(), counts: z.array(z.number()).max(1000) }),
});

/** Distributions that a program logged: those of a `Logger`, or of event files. */
export async function histogramsOf(
  folder: string,
  scalars: ScalarSource,
): Promise<readonly LoggedHistogram[]> {
  if (scalars instanceof EventFiles) return scalars.histograms;
  const lines = await lastLines(folder, 'histograms.jsonl', BYTES);
  return someOfEach(lines.flatMap((line) => lineSchema.safeParse(parseJson(line)).data ?? []));
}

/** At most {@link KEPT} of each name, evenly spaced, including the first and the last. */
function someOfEach(all: readonly LoggedHistogram[]): LoggedHistogram[] {
  const names = new Map<string, LoggedHistogram[]>();
  for (const each of all) names.set(each.name, [...(names.get(each.name) ?? []), each]);
  return [...names.values()].flatMap((some) => evenlySpaced(some.length, KEPT).map((i) => some[i]!));
}
