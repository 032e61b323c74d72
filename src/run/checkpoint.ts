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
import type { SGD } from '../optim/sgd.js';
import { randomState, setRandomState } from '../tensor/random.js';

const count = z.number().int().nonnegative();
const word = count.max(2 ** 32 - 1);

/** Where a run stands, beside its tensors. Travels inside the checkpoint, so that one rename makes both real. */
const progressSchema = z.object({
  epoch: count,
  /** Batches of the epoch that are done. */
  batch: count,
  /** Steps of the run that are done. */
  step: count,
  /** Losses since the last printed line. */
  running: z.array(z.number()),
  /** Sums over the epoch so far. */
  epochLoss: z.number(),
  epochCorrect: z.number(),
  epochImages: count,
  /** The best weights so far. Older files leave them to `state.json`. */
  best: z.object({ file: z.string(), accuracy: z.number() }).optional(),
  /** Which kernels computed it: the same ones give the same bits. */
  kernels: z.record(z.string(), z.string()).optional(),
  /** Steps left out in a row up to here, and how often the run went back to a checkpoint; 0 where they are not there. */
  skipped: count.optional(),
  rollbacks: count.optional(),
  /** The last step up to which the loss has stayed that of guessing; -1 once it has not. */
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
  optimizer: z.object({
    steps: count,
    groups: z.array(
      z.object({
        lr: z.number(),
        momentum: z.number(),
        dampening: z.number(),
        weightDecay: z.number(),
        nesterov: z.boolean(),
        // Older files do not have it.
        rateInVelocity: z.boolean().default(false),
        lrScale: z.number().default(1),
      }),
    ),
    rates: z.record(z.string(), z.number()).optional(),
  }),
  schedule: z.record(z.string(), z.any()).nullable(),
  /** Of a run that averages its weights: see WeightAverage. */
  average: z.object({ weight: z.number().nonnegative() }).optional(),
});
export type Progress = z.infer<typeof progressSchema>;
export type Best = NonNullable<Progress['best']>;
export type Position = Omit<Progress, 'best' | 'kernels' | 'random' | 'optimizer' | 'schedule' | 'average'>;

/** What a checkpoint is taken from and put back into. */
export interface Trained {
  readonly model: Module;
  readonly optimizer: SGD;
  readonly schedule: { stateDict(): unknown; loadStateDict(state: never): void } | undefined;
}

const MODEL = 'model.';
const MOMENTUM = 'momentum.';

/** Writes everything that a run needs to continue bit for bit: weights, momentum, random state and position. */
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
  // The averages may stand in the model's place for an evaluation; a run goes on from the model's own values.
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
  } as Progress;
  await writeSafetensors(file, arrays, {
    format: 'paperweight-checkpoint',
    progress: JSON.stringify(progress),
  });
}

/** What a checkpoint says of the run, beside the tensors that it puts back. */
export interface Restored {
  readonly position: Position;
  readonly best: Best | undefined;
  /** For the device, before it computes. */
  readonly kernels: Kernels | undefined;
}

/**
 * Puts a checkpoint back into a model, its optimizer, its schedule and the random state.
 *
 * @param file where `saved` was read from, for messages
 * @throws CheckpointError or ShapeError, with the file's name, for one that is of another run, or none; the model
 *   is then as before
 */
export function restoreCheckpoint(
  file: string,
  { tensors, metadata }: SafetensorsFile,
  { model, optimizer, schedule }: Trained,
): Restored {
  const progress = parseProgress(file, metadata.progress);
  const momentum = new Map([...tensors].filter(([name]) => name.startsWith(MOMENTUM)));
  const weights = weightsOf({ tensors, metadata });
  // Before anything is written: what fits the weights fits the model that they fit.
  const stray = [...momentum].find(
    ([name, { shape }]) => String(weights.get(name.slice(MOMENTUM.length))?.shape) !== String(shape),
  );
  if (stray)
    throw new CheckpointError({
      what: `${file} is not the checkpoint of one run`,
      expected: 'the momentum of its own weights',
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
    optimizer.loadStateDict({ tensors: valuesOf(momentum), state: progress.optimizer });
    average?.loadStateDict({ tensors: valuesOf(tensors), state: progress.average! });
    if (schedule) schedule.loadStateDict(progress.schedule as never);
    const { best, kernels, random, optimizer: _, schedule: __, ...position } = progress;
    setRandomState(random);
    return { position, best, kernels };
  });
}

/** Reads a checkpoint and puts it back, as {@link restoreCheckpoint}. */
export async function loadCheckpoint(file: string, trained: Trained): Promise<Restored> {
  return restoreCheckpoint(file, await readSafetensors(file), trained);
}

/**
 * Puts a file's weights into a model.
 * @throws CheckpointError or ShapeError, with the file's name, where they do not fit; the model is then as before
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

/** Adds the file's name to an error; one about bad numbers is the file's fault, not the user's. */
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

/** What a checkpoint says beside its tensors. @throws CheckpointError for a text that train did not write */
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
    what: `${file} is not a checkpoint that a run can continue from`,
    expected: 'a file that train wrote into checkpoints/, with its progress',
    got: text === undefined ? 'weights only' : z.prettifyError(parsed.error),
    next: 'resume from a run folder; weights alone can be used by eval and predict',
  });
}

/** A file's model weights by parameter name: of a checkpoint, or of a file that holds nothing else. */
export function weightsOf({ tensors }: SafetensorsFile): Map<string, SafetensorsArray> {
  const own = [...tensors].filter(([name]) => name.startsWith(MODEL));
  return own.length > 0 ? new Map(own.map(([name, t]) => [name.slice(MODEL.length), t])) : new Map(tensors);
}

/** How {@link saveWeights} writes. */
export interface SaveOptions {
  /** Number format; float32 unless given. */
  readonly dtype?: WeightDtype;
  /** What the file is; .pth or .pt in its name mean PyTorch's, everything else safetensors, unless given. */
  readonly format?: 'pth' | 'safetensors';
  /** What a parameter is called in the file, where that is not its own name. */
  readonly names?: ReadonlyMap<string, string>;
}

/**
 * Writes a model's weights alone: a .pth or .pt file for `torch.load` where the path ends so, else safetensors.
 *
 * @param metadata texts kept beside the weights, for which only safetensors has a place
 * @returns how many bytes were written
 * @throws CheckpointError when the disk refuses
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
      what: 'saveWeights got something else than a file and a model',
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
