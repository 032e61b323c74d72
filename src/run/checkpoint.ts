import { z } from 'zod';
import type { Kernels } from '../backend/backend.js';
import { checkOptionNames, shown } from '../errors/arguments.js';
import { CheckpointError, PaperweightError, UsageError } from '../errors/errors.js';
import { writeFileAtomic } from '../files/atomic.js';
import type { TypedArray } from '../graph/types.js';
import { modelWeights, sourceOf, WEIGHT_DTYPES, type WeightDtype } from '../interop/model-weights.js';
import { FORMAT_OF, floats } from '../interop/numbers.js';
import { pytorchPieces } from '../interop/pytorch/index.js';
import {
  type SafetensorsArray,
  type SafetensorsFile,
  type SafetensorsSource,
  writeSafetensors,
} from '../interop/safetensors/checked.js';
import type { Weight } from '../interop/weights.js';
import { Module, type SavedTensor } from '../nn/module.js';
import type { Optimizer } from '../optim/optimizer.js';
import { inSpellingOf } from '../tensor/names.js';
import type { Parameter } from '../tensor/parameter.js';
import { randomState, setRandomState } from '../tensor/random.js';
import { optimizerOptionSchema } from './config.js';
import { bestSchema } from './run-files.js';

const count = z.number().int().nonnegative();
const word = count.max(2 ** 32 - 1);

/** The options of an optimizer's group; the optimizer checks them. */
const optionsSchema = z.object({ lr: z.number() }).catchall(optimizerOptionSchema);
const memorySchema = z.record(z.string(), z.record(z.string(), z.number()));

/** The state of an optimizer. */
const optimizerSchema = z
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
  });

type OptimizerProgress = z.infer<typeof optimizerSchema>;

const averageSchema = z.object({ weight: z.number().nonnegative() });
const scheduleSchema = z.record(z.string(), z.any());

/** Progress of a run. Stored in the metadata of the checkpoint, so that one rename publishes tensors and progress. */
const progressSchema = z.object({
  epoch: count,
  /** Number of completed batches of the epoch. */
  batch: count,
  /** Number of completed steps of the run. */
  step: count,
  /** Losses of the steps since the last printed line. */
  running: z.array(z.number()),
  /** Sums over the epoch so far. */
  epochLoss: z.number(),
  epochCorrect: z.number(),
  epochImages: count,
  /**
   * Of each metric of the paper's own step: its sum over the epoch so far, and the number of images for which it was
   * finite.
   */
  epochMetrics: z.record(z.string(), z.object({ sum: z.number(), images: count })).optional(),
  /** The best weights so far; older files have them only in `state.json`. */
  best: bestSchema.optional(),
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
  /** Of the optimizer that the configuration describes; the paper's additional optimizers are in `optimizers`. */
  optimizer: optimizerSchema.optional(),
  optimizers: z.record(z.string(), optimizerSchema).optional(),
  schedule: scheduleSchema.nullable(),
  /** The paper's additional schedules, after the first. */
  schedules: z.array(scheduleSchema).optional(),
  /** State of the weight average; see WeightAverage. */
  average: averageSchema.optional(),
  /** Of the paper's additional optimizers. */
  averages: z.record(z.string(), averageSchema).optional(),
});
export type Progress = z.infer<typeof progressSchema>;
export type Best = NonNullable<Progress['best']>;
/** The parts of a checkpoint that are the state of other objects. */
type StateKey =
  | 'best'
  | 'kernels'
  | 'random'
  | 'optimizer'
  | 'optimizers'
  | 'schedule'
  | 'schedules'
  | 'average'
  | 'averages';
export type Position = Omit<Progress, StateKey>;

interface SavedSchedule {
  stateDict(): unknown;
  loadStateDict(state: never): void;
}

/** Whole tensors by the parameter that has this rank's part. */
export type Wholes = ReadonlyMap<Parameter, { readonly shape: number[]; readonly data: TypedArray }>;

/** The objects that a checkpoint saves and restores. */
export interface Trained {
  readonly model: Module;
  /** By name; `main` is the one that the configuration describes. */
  readonly optimizers: Readonly<Record<string, Optimizer>>;
  readonly schedules: readonly SavedSchedule[];
  /** Whole values of the parameters of which this rank has only a part; they are written instead. */
  readonly wholes?: Wholes;
}

/** The name of the optimizer that a configuration describes; its tensors have no prefix. */
export const MAIN = 'main';
const MODEL = 'model.';
const AVERAGE = 'ema.';
/** Prefix of the names of an optimizer's tensors. */
const prefixOf = (name: string): string => (name === MAIN ? '' : `${name}/`);

/** Writes everything needed for a bit-exact resume: weights, the optimizers' state, random state and position. */
export async function saveCheckpoint(
  file: string,
  { model, optimizers, schedules, wholes }: Trained,
  position: Position,
  best?: Best,
  kernels?: Kernels,
): Promise<void> {
  const arrays = new Map<string, SafetensorsSource | SafetensorsArray>();
  const source = (parameter: Parameter) => wholeOf(parameter, wholes);
  const all = Object.entries(optimizers);
  // During evaluation the model may hold averaged weights; save its own weights.
  const own = (parameter: Parameter): Parameter => {
    for (const [, { average }] of all) {
      const before = average?.ownOf(parameter) ?? parameter;
      if (before !== parameter) return before;
    }
    return parameter;
  };
  for (const [name, parameter] of model.stateDict()) arrays.set(MODEL + name, source(own(parameter)));
  const states = new Map<string, unknown>();
  const averages = new Map<string, unknown>();
  for (const [name, optimizer] of all) {
    const { tensors, state } = optimizer.stateDict();
    const average = optimizer.average?.stateDict();
    for (const [key, parameter] of [...tensors, ...(average?.tensors ?? [])])
      arrays.set(prefixOf(name) + key, source(parameter));
    states.set(name, state);
    if (average) averages.set(name, average.state);
  }
  const others = (map: ReadonlyMap<string, unknown>) =>
    Object.fromEntries([...map].filter(([name]) => name !== MAIN));
  const [schedule, ...more] = schedules.map((one) => one.stateDict());
  const progress = {
    ...position,
    ...(best ? { best } : {}),
    ...(kernels && Object.keys(kernels).length > 0 ? { kernels } : {}),
    random: randomState(),
    ...(states.has(MAIN) ? { optimizer: states.get(MAIN) } : {}),
    ...(states.has(MAIN) && states.size === 1 ? {} : { optimizers: others(states) }),
    schedule: schedule ?? null,
    ...(more.length > 0 ? { schedules: more } : {}),
    ...(averages.has(MAIN) ? { average: averages.get(MAIN) } : {}),
    ...(averages.size > Number(averages.has(MAIN)) ? { averages: others(averages) } : {}),
  } as Progress;
  await writeSafetensors(file, arrays, {
    format: 'paperweight-checkpoint',
    progress: JSON.stringify(progress),
  });
}

/** A parameter as it is written. */
function wholeOf(parameter: Parameter, wholes: Wholes | undefined): SafetensorsSource | SafetensorsArray {
  const whole = wholes?.get(parameter);
  if (!whole) return sourceOf(parameter);
  return { dtype: FORMAT_OF[parameter.dtype], ...whole } as SafetensorsArray;
}

/** The weights that a model has at present, as they are written. */
export const weightsIn = ({
  model,
  wholes,
}: Pick<Trained, 'model' | 'wholes'>): Map<string, SafetensorsSource | SafetensorsArray> =>
  new Map([...model.stateDict()].map(([name, parameter]) => [name, wholeOf(parameter, wholes)]));

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
  { model, optimizers, schedules }: Trained,
): Restored {
  const progress = parseProgress(file, metadata.progress);
  const other = (expected: string, got: string): never => {
    throw new CheckpointError({
      what: `${file} belongs to another run`,
      expected,
      got,
      next: 'resume from a checkpoint of this run',
    });
  };
  const states: Record<string, OptimizerProgress> = {
    ...progress.optimizers,
    ...(progress.optimizer ? { [MAIN]: progress.optimizer } : {}),
  };
  const averages: Record<string, { weight: number }> = {
    ...progress.averages,
    ...(progress.average ? { [MAIN]: progress.average } : {}),
  };
  const names = Object.keys(optimizers);
  if (names.some((name) => !states[name]) || Object.keys(states).length !== names.length)
    other(`the state of the optimizers ${names.join(', ')}`, Object.keys(states).join(', ') || 'none');
  const weights = weightsOf({ tensors, metadata });
  const own = model.stateDict();
  const spelled = inSpellingOf(own.keys(), weights);
  for (const [name, { dtype }] of own) {
    const format = spelled.get(name)?.dtype;
    if (format !== undefined && format !== FORMAT_OF[dtype])
      other(`${name} in ${dtype} (${FORMAT_OF[dtype]}), as this model has it`, format);
  }
  // Check the tensors of the configuration's optimizer against the weights before anything is changed.
  const stray = [...tensorsOf(tensors, MAIN)].find(
    ([name, { shape }]) =>
      !name.startsWith(AVERAGE) &&
      String(weights.get(name.slice(name.indexOf('.') + 1))?.shape) !== String(shape),
  );
  if (stray)
    throw new CheckpointError({
      what: `${file} is not a consistent checkpoint`,
      expected: 'optimizer state, such as momentum, with the names and shapes of the weights',
      got: `${stray[0]} [${stray[1].shape}] without weights of that shape`,
      next: 'resume from another checkpoint, or start a new run',
    });
  const saved = [...(progress.schedule ? [progress.schedule] : []), ...(progress.schedules ?? [])];
  if (saved.length < schedules.length)
    other('the state of a schedule, which this run has', saved.length === 0 ? 'none' : `${saved.length}`);
  for (const [name, { average }] of Object.entries(optimizers))
    if (average && !averages[name]) other('averages of the weights, which this run has', 'none');
  putWeights(file, model, weights);
  return inFile(file, () => {
    for (const [name, optimizer] of Object.entries(optimizers)) {
      const own = tensorsOf(tensors, name);
      const state = new Map([...own].filter(([key]) => !key.startsWith(AVERAGE)));
      optimizer.loadStateDict({ tensors: valuesOf(state), state: states[name]! });
      optimizer.average?.loadStateDict({ tensors: valuesOf(own), state: averages[name]! });
    }
    for (const [i, schedule] of schedules.entries()) schedule.loadStateDict(saved[i] as never);
    const { best, kernels, random, optimizer, optimizers: _, schedule, schedules: __, ...rest } = progress;
    const { average, averages: ___, ...position } = rest;
    setRandomState(random);
    return { position, best, kernels };
  });
}

/** The tensors of an optimizer, under their own names. */
function tensorsOf(tensors: SafetensorsFile['tensors'], name: string): Map<string, SafetensorsArray> {
  const prefix = prefixOf(name);
  return new Map(
    [...tensors].flatMap(([key, array]) =>
      !key.startsWith(MODEL) && key.startsWith(prefix) && (name !== MAIN || !/^[\w-]+\//.test(key))
        ? [[key.slice(prefix.length), array] as const]
        : [],
    ),
  );
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
  /** Type to which floats are rounded in the file; by default all numbers are written exactly, in the model's types. */
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
  const { dtype, format = /\.pth?$/i.test(file) ? 'pth' : 'safetensors', names } = options;
  if (dtype !== undefined && !WEIGHT_DTYPES.includes(dtype))
    throw new UsageError({
      what: 'saveWeights got a bad dtype',
      expected: WEIGHT_DTYPES.join(', '),
      got: shown(dtype),
    });
  if (names !== undefined && !(names instanceof Map))
    throw new UsageError({
      what: 'saveWeights got bad names',
      expected: 'a Map from names of the model to names in the file',
      got: shown(names),
    });
  const weights = modelWeights(model, { rounded: dtype, ...(names ? { names } : {}) });
  return format === 'pth'
    ? writeFileAtomic(file, pytorchPieces(weights))
    : writeSafetensors(file, weights, { format: 'pt', ...metadata });
}
