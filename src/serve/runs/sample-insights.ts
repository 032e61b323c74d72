import { evenlySpaced } from '../../display/evenly-spaced.js';
import { insightSchema } from '../../run/event-lines.js';
import type { Insight } from '../api.js';

/** Evenly spaced lines including the first and the last; only the last has histograms, unless all are wanted. */
export function insightsAtEvenDistances(
  lines: readonly string[],
  points: number,
  histograms: boolean,
): Insight[] {
  const insights = evenlySpaced(lines.length, points).flatMap((i) => {
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
