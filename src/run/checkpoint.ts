import { z } from 'zod';
import type { Kernels } from '../backend/backend.js';
import { checkOptionNames, shown } from '../errors/arguments.js';
import { CheckpointError, PaperweightError, UsageError } from '../errors/errors.js';
import { writeFileAtomic } from '../files/atomic.js';
import { modelWeights, sourceOf, WEIGHT_DTYPES, type WeightDtype } from '../interop/model-weights.js';
import { floats } from '../interop/numbers.js';
import { pytorchPieces } from '../interop/pytorch/index.js';
import {
  readSafetensors,
  type SafetensorsArray,
  type SafetensorsFile,
  type SafetensorsSource,
  writeSafetensors,
} from '../interop/safetensors/checked.js';
import type { Weight } from '../interop/weights.js';
import { Module, type SavedTensor } from '../nn/module.js';
import type { Optimizer } from '../optim/optimizer.js';
import { randomState, setRandomState } from '../tensor/random.js';
import { optimizerOptionSchema } from './config.js';

const count = z.number().int().nonnegative();
const word = count.max(2 ** 32 - 1);

/** The options of an optimizer's group; the optimizer checks them. */
const optionsSchema = z.object({ lr: z.number() }).catchall(optimizerOptionSchema);
const memorySchema = z.record(z.string(), z.record(z.string(), z.number()));

/** Progress of a run. Stored in the metadata of the checkpoint, so that one rename publishes tensors and progress. */
const progressSchema = z.object({
  epoch: count,
  /** Number of completed batches of the epoch. */
  batch: count,
  /** Number of completed steps of the run. */
  step: count,
  /** Sum of losses since the last printed line. */
  running: z.array(z.number()),
  /** Sums over the epoch so far. */
  epochLoss: z.number(),
  epochCorrect: z.number(),
  epochImages: count,
  /** The best weights so far; older files have them only in `state.json`. */
  best: z.object({ file: z.string(), accuracy: z.number() }).optional(),
  /** The kernels that computed it; bit-exact resume needs the same ones. */
  kernels: z.record(z.string(), z.string()).optional(),
  /** Number of consecutive skipped steps, and number of rollbacks; default 0. */
  skipped: count.optional(),
  rollbacks: count.optional(),
  /** The last step up to which the loss has stayed at chance level; -1 once it has not. */
  flat: z.number().int().min(-1).optional(),
  random: z.object({
    key: z.tuple([word, word]),
    counter: count,
    init: z.object({
      key: z.tuple([word, word]),
      stream: count,
      position: count,
      spare: z.number().nullable(),
    }),
  }),
  optimizer: z
    .object({
      /** Missing in older files, which are all of SGD. */
      name: z.string().default('SGD'),
      steps: count,
      groups: z.array(optionsSchema),
      parameters: memorySchema.optional(),
      /** Of SGD with `rateInVelocity` in older files. */
      rates: z.record(z.string(), z.number()).optional(),
    })
    .transform(({ rates = {}, parameters, ...state }) => {
      const old = Object.entries(rates).map(([name, rate]) => [name, { rate }]);
      const found = parameters ?? (old.length > 0 ? memorySchema.parse(Object.fromEntries(old)) : undefined);
      return { ...state, ...(found ? { parameters: found } : {}) };
    }),
  schedule: z.record(z.string(), z.any()).nullable(),
  /** State of the weight average; see WeightAverage. */
  average: z.object({ weight: z.number().nonnegative() }).optional(),
});
export type Progress = z.infer<typeof progressSchema>;
export type Best = NonNullable<Progress['best']>;
export type Position = Omit<Progress, 'best' | 'kernels' | 'random' | 'optimizer' | 'schedule' | 'average'>;

/** The objects that a checkpoint saves and restores. */
export interface Trained {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly schedule: { stateDict(): unknown; loadStateDict(state: never): void } | undefined;
}

const MODEL = 'model.';
const AVERAGE = 'ema.';

/** Writes everything needed for a bit-exact resume: weights, the optimizer's state, random state and position. */
export async function saveCheckpoint(
  file: string,
  { model, optimizer, schedule }: Trained,
  position: Position,
  best?: Best,
  kernels?: Kernels,
): Promise<void> {
  const { tensors, state } = optimizer.stateDict();
  const arrays = new Map<string, SafetensorsSource>();
  const average = optimizer.average?.stateDict();
  // During evaluation the model may hold averaged weights; save its own weights.
  for (const [name, parameter] of model.stateDict())
    arrays.set(MODEL + name, sourceOf(optimizer.average?.ownOf(parameter) ?? parameter));
  for (const [name, parameter] of [...tensors, ...(average?.tensors ?? [])])
    arrays.set(name, sourceOf(parameter));
  const progress = {
    ...position,
    ...(best ? { best } : {}),
    ...(kernels && Object.keys(kernels).length > 0 ? { kernels } : {}),
    random: randomState(),
    optimizer: state,
    schedule: schedule?.stateDict() ?? null,
    ...(average ? { average: average.state } : {}),
  };
  await writeSafetensors(file, arrays, {
    format: 'paperweight-checkpoint',
    progress: JSON.stringify(progress),
  });
}

/** The state of a run in a checkpoint, besides the tensors. */
export interface Restored {
  readonly position: Position;
  readonly best: Best | undefined;
  /** Kernels to set on the device before it computes. */
  readonly kernels: Kernels | undefined;
}

/**
 * Restores a model, its optimizer, its schedule and the random state from a checkpoint.
 *
 * @param file path of `saved`, for messages
 * @throws CheckpointError or ShapeError with the file name if it is not a checkpoint of this run; the model is then
 *   unchanged
 */
export function restoreCheckpoint(
  file: string,
  { tensors, metadata }: SafetensorsFile,
  { model, optimizer, schedule }: Trained,
): Restored {
  const progress = parseProgress(file, metadata.progress);
  const states = new Map(
    [...tensors].filter(([name]) => !name.startsWith(MODEL) && !name.startsWith(AVERAGE)),
  );
  const weights = weightsOf({ tensors, metadata });
  // Check the optimizer's tensors against the weights before anything is changed.
  const stray = [...states].find(
    ([name, { shape }]) => String(weights.get(name.slice(name.indexOf('.') + 1))?.shape) !== String(shape),
  );
  if (stray)
    throw new CheckpointError({
      what: `${file} is not a consistent checkpoint`,
      expected: 'optimizer state, such as momentum, with the names and shapes of the weights',
      got: `${stray[0]} [${stray[1].shape}] without weights of that shape`,
      next: 'resume from another checkpoint, or start a new run',
    });
  if (schedule && !progress.schedule)
    throw new CheckpointError({
      what: `${file} belongs to another run`,
      expected: 'the state of a schedule, which this run has',
      got: 'none',
      next: 'resume from a checkpoint of this run',
    });
  const average = optimizer.average;
  if (average && !progress.average)
    throw new CheckpointError({
      what: `${file} belongs to another run`,
      expected: 'averages of the weights, which this run has',
      got: 'none',
      next: 'resume from a checkpoint of this run',
    });
  putWeights(file, model, weights);
  return inFile(file, () => {
    optimizer.loadStateDict({ tensors: valuesOf(states), state: progress.optimizer });
    average?.loadStateDict({ tensors: valuesOf(tensors), state: progress.average! });
    if (schedule) schedule.loadStateDict(progress.schedule as never);
    const { best, kernels, random, optimizer: _, schedule: __, ...position } = progress;
    setRandomState(random);
    return { position, best, kernels };
  });
}

/** Reads a checkpoint and restores it, see {@link restoreCheckpoint}. */
export async function loadCheckpoint(file: string, trained: Trained): Promise<Restored> {
  return restoreCheckpoint(file, await readSafetensors(file), trained);
}

/**
 * Loads weights of a file into a model.
 * @throws CheckpointError or ShapeError with the file name if they do not match; the model is then unchanged
 */
export function putWeights(
  file: string,
  model: Module,
  weights: ReadonlyMap<string, SafetensorsArray | Weight>,
): void {
  inFile(file, () => model.loadStateDict(valuesOf(weights)), 'use a file that was saved from this model');
}

const valuesOf = (arrays: ReadonlyMap<string, SafetensorsArray | Weight>): Map<string, SavedTensor> =>
  new Map(
    [...arrays].map(([name, array]) => [
      name,
      'dtype' in array ? { shape: array.shape, data: floats(array) } : array,
    ]),
  );

/** Runs `body` and adds the file name to its errors; a UsageError becomes a CheckpointError. */
export function inFile<T>(file: string, body: () => T, next?: string): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof PaperweightError)) throw error;
    const Kind =
      error instanceof UsageError ? CheckpointError : (error.constructor as typeof CheckpointError);
    const { what, expected, got } = error;
    throw new Kind({ what: `${file}: ${what}`, expected, got, next: next ?? error.next, cause: error });
  }
}

/** Parses the progress in a checkpoint's metadata. @throws CheckpointError if it is missing or not valid */
export function parseProgress(file: string, text: string | undefined): Progress {
  let value: unknown;
  try {
    value = JSON.parse(text ?? '');
  } catch {
    value = undefined;
  }
  const parsed = progressSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new CheckpointError({
    what: `${file} is not a checkpoint from which a run can resume`,
    expected: 'a file that train wrote into checkpoints/, with its progress',
    got: text === undefined ? 'weights only' : z.prettifyError(parsed.error),
    next: 'resume from a run folder; a file of weights can be used by eval and predict',
  });
}

/** The model weights of a checkpoint or of a file of weights, by parameter name. */
export function weightsOf({ tensors }: SafetensorsFile): Map<string, SafetensorsArray> {
  const own = [...tensors].filter(([name]) => name.startsWith(MODEL));
  return own.length > 0 ? new Map(own.map(([name, t]) => [name.slice(MODEL.length), t])) : new Map(tensors);
}

/** Options of {@link saveWeights}. */
export interface SaveOptions {
  /** dtype in the file; default float32. */
  readonly dtype?: WeightDtype;
  /** Format of the file; default: PyTorch if the name ends in .pth or .pt, else safetensors. */
  readonly format?: 'pth' | 'safetensors';
  /** Names in the file, keyed by the parameter's own name; default: its own name. */
  readonly names?: ReadonlyMap<string, string>;
}

/**
 * Writes the weights of a model: a file for `torch.load` if the path ends in .pth or .pt, else safetensors.
 *
 * @param metadata strings to store beside the weights; safetensors only
 * @returns the number of bytes written
 * @throws CheckpointError for a disk error
 * @example
 * await saveWeights('model.pth', model);
 */
export async function saveWeights(
  file: string,
  model: Module,
  metadata: Record<string, string> = {},
  options: SaveOptions = {},
): Promise<number> {
  if (typeof file !== 'string' || !(model instanceof Module))
    throw new UsageError({
      what: 'saveWeights needs a file path and a model',
      expected: "saveWeights('weights.safetensors', model)",
      got: `${shown(file)} and ${shown(model)}`,
    });
  checkOptionNames('saveWeights', options, ['dtype', 'format', 'names']);
  const { dtype = 'float32', format = /\.pth?$/i.test(file) ? 'pth' : 'safetensors', names } = options;
  if (!WEIGHT_DTYPES.includes(dtype))
    throw new UsageError({
      what: 'saveWeights got a bad dtype',
      expected: WEIGHT_DTYPES.join(', '),
      got: shown(dtype),
    });
  const weights = modelWeights(model, { format: dtype, ...(names ? { names } : {}) });
  return format === 'pth'
    ? writeFileAtomic(file, pytorchPieces(weights))
    : writeSafetensors(file, weights, { format: 'pt', ...metadata });
}
