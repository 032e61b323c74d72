import { z } from 'zod';
import type { Insight, LogLine } from './api.js';

/** A line of `log.jsonl`. */
export const logLineSchema = z.object({
  event: z.enum(['line', 'note']),
  step: z.number(),
  text: z.string(),
}) satisfies z.ZodType<LogLine>;

/** Null for NaN and infinity. */
const measured = z.number().nullable();
const histogramSchema = z.object({ min: z.number(), max: z.number(), counts: z.array(z.number()) });

/** A line of `insights.jsonl`. */
export const insightSchema = z.object({
  event: z.literal('insight'),
  step: z.number(),
  parameters: z.array(z.object({ name: z.string(), gradNorm: measured, norm: measured })),
  activations: z.array(
    z.object({
      name: z.string(),
      kind: z.string(),
      units: z.number(),
      dead: z.number(),
      active: z.number(),
      mean: measured,
      std: measured,
      histogram: histogramSchema.optional().catch(undefined),
    }),
  ),
});
export type StoredInsight = z.infer<typeof insightSchema>;

/** At even distances, the first and the last among them; histograms with the last only, unless all are wanted. */
export function thinned(lines: readonly string[], points: number, histograms: boolean): Insight[] {
  const count = Math.min(points, lines.length);
  const chosen = Array.from({ length: count }, (_, i) =>
    count === 1 ? lines.length - 1 : Math.round((i * (lines.length - 1)) / (count - 1)),
  );
  const insights = chosen.flatMap((i) => {
    try {
      const { data } = insightSchema.safeParse(JSON.parse(lines[i]!));
      return data ? [data] : [];
    } catch {
      return [];
    }
  });
  return insights.map((insight, i) => ({
    ...insight,
    activations: insight.activations.map(({ histogram, ...rest }) =>
      histogram && (histograms || i === insights.length - 1) ? { ...rest, histogram } : rest,
    ),
  }));
}
