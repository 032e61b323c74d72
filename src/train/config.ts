import { z } from 'zod';
import { DATASETS } from './dataset-names.js';

const positive = z.number().finite().positive();
const count = z.number().int().positive();

/** How the learning rate changes: not at all, or up over some steps and down to 0 over the last ones. */
const scheduleSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('constant') }),
  z.object({
    kind: z.literal('warmup-decay'),
    warmupSteps: z.number().int().nonnegative(),
    decaySteps: z.number().int().nonnegative(),
    shape: z.enum(['linear', 'cosine']),
  }),
]);

/** What a model needs to be built again. */
export const modelConfigSchema = z.object({
  paper: z.string(),
  preset: z.string(),
  classes: z.array(z.string()).min(1),
  /** Side of the square pictures that the model gets. */
  imageSize: count,
  dropout: z.number().min(0).lt(1),
  init: z.enum(['pytorch', 'kaiming']),
});
export type ModelConfig = z.infer<typeof modelConfigSchema>;

/** Everything that decides a run: the content of `config.json`. */
export const trainConfigSchema = z.object({
  version: z.literal(1),
  recipe: z.string(),
  model: modelConfigSchema,
  dataset: z.enum(DATASETS),
  data: z.string().optional(),
  epochs: count,
  maxSteps: count.optional(),
  batchSize: count,
  lr: positive,
  momentum: z.number().min(0).lt(1),
  weightDecay: z.number().finite().nonnegative(),
  schedule: scheduleSchema,
  seed: z.number().int(),
  checkpointEvery: count,
  /** Batches between two printed lines; 100 in the notes. */
  logEvery: count,
  /** Steps between two insights (norms, dead units, kernels); 0 for none, and `INSIGHT_EVERY` unless given. */
  insightEvery: z.number().int().nonnegative().optional(),
  /** Test pictures that an evaluation uses; all unless given. */
  evalLimit: count.optional(),
  /** For the record, not for the resumed run. */
  machine: z.record(z.string(), z.unknown()).optional(),
});
export type TrainConfig = z.infer<typeof trainConfigSchema>;
