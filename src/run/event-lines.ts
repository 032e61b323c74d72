import { z } from 'zod';
import type { EpochEvent, LogLine, StepEvent } from './events.js';

const finite = z.number();
const metrics = z.record(z.string(), finite).optional();
const count = z.number().int().min(0).max(0xffff_ffff);
const stepSchema = z.object({
  event: z.literal('step'),
  epoch: count,
  step: count,
  loss: finite,
  lr: finite,
  imagesPerSecond: finite,
  stepSeconds: finite,
  dataSeconds: finite,
  rssMiB: finite,
  gradNorm: finite.optional(),
  ranks: count.optional(),
  waitShare: finite.optional(),
  exchangeShare: finite.optional(),
  slowestRank: count.optional(),
  metrics,
}) satisfies z.ZodType<StepEvent>;
const epochSchema = z.object({
  event: z.literal('epoch'),
  epoch: count,
  step: count,
  trainLoss: finite,
  trainAccuracy: finite.optional(),
  testLoss: finite.optional(),
  testAccuracy: finite.optional(),
  testTop5: finite.optional(),
  trainMetrics: metrics,
  testMetrics: metrics,
  testImages: finite,
  testTotal: finite.optional(),
  seconds: finite,
}) satisfies z.ZodType<EpochEvent>;
/** A skipped step and a rollback to a checkpoint, because of NaN or infinity. */
const skipSchema = z.object({ event: z.literal('skip'), epoch: count, step: count, where: z.string() });
const rollbackSchema = z.object({
  event: z.literal('rollback'),
  step: count,
  from: count,
  lr: finite,
  where: z.string(),
});
/** A line of `metrics.jsonl`; the final `done` line may have more fields. */
export const metricsSchema = z.discriminatedUnion('event', [
  stepSchema,
  epochSchema,
  skipSchema,
  rollbackSchema,
  z.object({ event: z.literal('done') }),
]);

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
