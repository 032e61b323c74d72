import { z } from 'zod';
import { FOLDER_SIDE, type ImageRules, imageRules, imageRulesSchema } from '../data/images/rules.js';
import { OPTIMIZER_NAMES } from '../optim/by-name.js';

/** `stop` ends the run, `skip` skips the step, `rollback` returns to the last checkpoint with a lower learning rate. */
export const NAN_POLICIES = ['stop', 'skip', 'rollback'] as const;

/** Number types of gradients on their way between ranks. */
export const WIRES = ['float32', 'bfloat16'] as const;

const positive = z.number().finite().positive();
const count = z.number().int().positive();

/**
 * One of several names.
 *
 * @param former names that older runs have, with the present ones
 */
const oneOf = <const V extends string>(names: readonly V[], former: Readonly<Record<string, V>>) =>
  z.preprocess(
    (name) => (typeof name === 'string' && Object.hasOwn(former, name) ? former[name] : name),
    z.enum(names),
  );

/** The value of an optimizer's option, which the optimizer checks. */
export const optimizerOptionSchema = z.union([z.number(), z.boolean(), z.array(z.number())]);

/** Learning rate schedule. */
const scheduleSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('constant') }),
  /** Multiply by `factor` if the test accuracy has not improved for more than `patience` epochs; at most `drops` times. */
  z.object({
    kind: z.literal('plateau'),
    factor: z.number().gt(0).lt(1),
    patience: z.number().int().nonnegative(),
    drops: count,
  }),
  /** Multiply by `factor` after each of these epochs. */
  z.object({
    kind: z.literal('milestones'),
    epochs: z.array(count),
    factor: z.number().gt(0).lt(1),
  }),
  /** Multiply by `factor` after every `epochs` epochs. */
  z.object({ kind: z.literal('step'), epochs: count, factor: z.number().gt(0).lt(1) }),
  /** Multiply by `factor` after each epoch. */
  z.object({ kind: z.literal('exponential'), factor: z.number().gt(0).lt(1) }),
  /** Linear warm-up, and decay to 0 over the rest of the run. */
  z.object({
    kind: z.literal('annealing'),
    warmupSteps: z.number().int().nonnegative(),
    shape: z.enum(['linear', 'cosine']),
  }),
  /** One cycle over the run: up to the learning rate and down again, with the momentum moving the other way. */
  z.object({ kind: z.literal('one-cycle'), pctStart: z.number().gt(0).lt(1) }),
  /** Linear warm-up over the first steps, and linear decay to 0 over the last ones. */
  z.object({
    kind: z.literal('warmup-decay'),
    warmupSteps: z.number().int().nonnegative(),
    decaySteps: z.number().int().nonnegative(),
    shape: z.enum(['linear', 'cosine']),
  }),
]);

/** Everything needed to build the model again. */
export const modelConfigSchema = z.object({
  paper: z.string(),
  preset: z.string(),
  /** Empty if its data has no classes. */
  classes: z.array(z.string()),
  /** Side of the model's square input images in pixels. */
  imageSize: count,
  dropout: z.number().min(0).lt(1),
  /** One of the paper's initialisations. */
  init: z.string(),
  /** Options of the paper's own schema, such as an activation; validated when the model is built. */
  options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  /** How image files are scaled, cropped and rotated; for older runs without it see {@link rulesOf}. */
  images: imageRulesSchema.optional(),
});
export type ModelConfig = z.infer<typeof modelConfigSchema>;

/** Everything that determines a run: the content of `config.json`. */
export const trainConfigSchema = z.object({
  version: z.literal(1),
  recipe: z.string(),
  model: modelConfigSchema,
  /** A built-in data set, or one of the paper's own. */
  dataset: z.string().min(1),
  data: z.string().optional(),
  epochs: count,
  maxSteps: count.optional(),
  batchSize: count,
  /** Default `sgd`. */
  optimizer: z.enum(OPTIMIZER_NAMES).optional(),
  /** Options of the optimizer besides the rate, the momentum and the weight decay. */
  optimizerOptions: z.record(z.string(), optimizerOptionSchema).optional(),
  lr: positive,
  momentum: z.number().min(0).lt(1),
  weightDecay: z.number().finite().nonnegative(),
  /** Whether weight decay also applies to biases and other 1-D parameters; default true. */
  decayBiases: z.boolean().optional(),
  /** Whether SGD applies the learning rate outside of the momentum (PyTorch, default) or inside. */
  sgd: oneOf(['pytorch', 'rate-in-velocity'], { paper: 'rate-in-velocity' }).optional(),
  /** Data augmentation of training images; default none. */
  augment: oneOf(['none', 'crop-mirror', 'crop-mirror-colour'], { paper: 'crop-mirror-colour' }).optional(),
  /** File of weights to start from; with `partial`, tensors that are missing or differ in shape stay as initialised. */
  startFrom: z.object({ file: z.string().min(1), partial: z.boolean() }).optional(),
  /** Frozen modules: a path, which includes its submodules, or a pattern with `*`. */
  freeze: z.array(z.string().min(1)).optional(),
  /** Learning rate factors by module; the last pattern that matches a parameter counts. */
  lrScale: z.array(z.object({ pattern: z.string().min(1), factor: positive })).optional(),
  /** Batch normalisation over the images of all ranks; default: each rank's own. */
  syncBn: z.boolean().optional(),
  /** Parts of each batch whose gradients are added in one fixed order, so that any number of ranks gives the same bits. */
  blocks: count.optional(),
  /** Number type of gradients on their way between ranks; default float32. */
  wire: z.enum(WIRES).optional(),
  /** Batches per step (gradient accumulation); default 1. */
  accumulate: count.optional(),
  /** Maximum global L2 norm of the gradients; larger ones are scaled down. */
  clipNorm: positive.optional(),
  /** Maximum absolute value of each gradient element; larger ones are clamped. */
  clipValue: positive.optional(),
  /** Decay of an exponential moving average of the weights, which is then evaluated and saved as best. */
  ema: z.number().gt(0).lt(1).optional(),
  labelSmoothing: z.number().min(0).max(1).optional(),
  /** Train and evaluate only on the first N batches, to check that the network can overfit them. */
  overfitBatches: count.optional(),
  /** Action if a loss or gradient is NaN or infinite; default `stop`. */
  onNan: z.enum(NAN_POLICIES).optional(),
  /** End the run after the first epoch whose training error, in percent, is at most this. */
  untilTrainError: z.number().min(0).max(100).optional(),
  schedule: scheduleSchema,
  seed: z.number().int(),
  checkpointEvery: count,
  /** Batches between printed lines. */
  logEvery: count,
  /** Steps between insights (norms, dead units, kernels); 0 for none, default `INSIGHT_EVERY`. */
  insightEvery: z.number().int().nonnegative().optional(),
  /** Number of test images in an evaluation, a stratified sample; default all. */
  evalLimit: count.optional(),
  /** For information only; not used on resume. */
  machine: z.record(z.string(), z.unknown()).optional(),
});
export type TrainConfig = z.infer<typeof trainConfigSchema>;

/** Side of the images of CIFAR-10 and shapes10. */
const SMALL_SIDE = 32;

/**
 * How the images of a run are prepared. Runs older than this setting keep the former behaviour: images of folders are
 * not rotated.
 */
export function rulesOf({ model, dataset }: Pick<TrainConfig, 'model' | 'dataset'>): ImageRules {
  if (model.images) return model.images;
  return dataset === 'imagefolder' ? imageRules(FOLDER_SIDE, 'stored') : imageRules(SMALL_SIDE);
}
