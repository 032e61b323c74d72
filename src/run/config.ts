import { z } from 'zod';
import { FOLDER_SIDE, type ImageRules, imageRules, imageRulesSchema } from '../data/images/rules.js';
import { sized } from '../sized.js';
import { DATASETS } from './dataset-names.js';

/** `stop` ends the run, `skip` leaves the step out, `rollback` goes back to the last checkpoint with a lower rate. */
export const NAN_POLICIES = ['stop', 'skip', 'rollback'] as const;

const positive = z.number().finite().positive();
const count = z.number().int().positive();

/** In runs up to version 0.1 the choice of the first paper was called `paper`. */
const named =
  <T extends string>(name: T) =>
  <V extends string>(value: V): Exclude<V, 'paper'> | T =>
    value === 'paper' ? name : (value as Exclude<V, 'paper'>);

/** How the learning rate changes. */
const scheduleSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('constant') }),
  /** Times `factor` when the accuracy on the test images has not risen for more than `patience` epochs, `drops` times at most: the paper's rule, section 5. */
  z.object({
    kind: z.literal('plateau'),
    factor: z.number().gt(0).lt(1),
    patience: z.number().int().nonnegative(),
    drops: count,
  }),
  /** Times `factor` after each of these epochs. */
  z.object({
    kind: z.literal('milestones'),
    epochs: z.array(count),
    factor: z.number().gt(0).lt(1),
  }),
  /** Up over the first steps, and down to 0 over the last ones. */
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
  classes: sized(z.array(z.string()), 1),
  /** Side of the square images that the model gets. */
  imageSize: count,
  dropout: z.number().min(0).lt(1),
  /** One of the paper's initialisations. */
  init: z.string(),
  /** What the paper's own schema knows, such as an activation; it checks them when the model is built. */
  options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  /** How files become the squares that the model's transform gets; see {@link rulesOf} for a run without. */
  images: imageRulesSchema.optional(),
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
  /** Whether biases (and all else of one dimension) decay like weights; they do unless this is false. */
  decayBiases: z.boolean().optional(),
  /** Where the learning rate stands in SGD's rule: outside of the momentum (PyTorch, the default) or inside. */
  sgd: z.enum(['pytorch', 'rate-in-velocity', 'paper']).transform(named('rate-in-velocity')).optional(),
  /** What happens to training images beyond the preparation; nothing unless given. */
  augment: z
    .enum(['none', 'crop-mirror', 'crop-mirror-colour', 'paper'])
    .transform(named('crop-mirror-colour'))
    .optional(),
  /** File of weights to start from; `partial` leaves what is not there, or has another shape, as initialised. */
  startFrom: z.object({ file: z.string().min(1), partial: z.boolean() }).optional(),
  /** Modules that do not learn: a path, which means all below it too, or a pattern with `*`. */
  freeze: z.array(z.string().min(1)).optional(),
  /** Factors of the learning rate by module; the last pattern that fits a parameter counts. */
  lrScale: z.array(z.object({ pattern: z.string().min(1), factor: positive })).optional(),
  /** Batches a step; 1 unless given. */
  accumulate: count.optional(),
  /** Largest L2 norm of all gradients together. */
  clipNorm: positive.optional(),
  /** Largest absolute value of a gradient's element. */
  clipValue: positive.optional(),
  /** Decay of an exponential moving average of the weights, which is then what is evaluated and kept as best. */
  ema: z.number().gt(0).lt(1).optional(),
  labelSmoothing: z.number().min(0).max(1).optional(),
  /** Train and evaluate on the first N batches alone, to see that the network can learn them. */
  overfitBatches: count.optional(),
  /** What happens when a loss or a gradient is NaN or infinite; `stop` unless given. */
  onNan: z.enum(NAN_POLICIES).optional(),
  /** Ends the run after the first epoch whose training error, in percent, is not above this. */
  untilTrainError: z.number().min(0).max(100).optional(),
  schedule: scheduleSchema,
  seed: z.number().int(),
  checkpointEvery: count,
  /** Batches between two printed lines. */
  logEvery: count,
  /** Steps between two insights (norms, dead units, kernels); 0 for none, and `INSIGHT_EVERY` unless given. */
  insightEvery: z.number().int().nonnegative().optional(),
  /** Test images that an evaluation uses, a sample spread over the classes; all unless given. */
  evalLimit: count.optional(),
  /** For the record, not for the resumed run. */
  machine: z.record(z.string(), z.unknown()).optional(),
});
export type TrainConfig = z.infer<typeof trainConfigSchema>;

/** Side of the images of CIFAR-10 and shapes10. */
const SMALL_SIDE = 32;

/**
 * How a run's images are prepared. A run from before this was kept goes on as it was trained: its folders' images are
 * not turned upright.
 */
export function rulesOf({ model, dataset }: Pick<TrainConfig, 'model' | 'dataset'>): ImageRules {
  if (model.images) return model.images;
  return dataset === 'imagefolder' ? imageRules(FOLDER_SIDE, 'stored') : imageRules(SMALL_SIDE);
}
