import { z } from 'zod';
import { CheckpointError } from '../errors.js';
import type { Module } from '../nn/module.js';
import type { SGD } from '../optim/sgd.js';
import { randomState, setRandomState } from '../tensor/random.js';
import type { Parameter } from '../tensor/tensor.js';
import {
  readSafetensors,
  type SafetensorsArray,
  type SafetensorsFile,
  writeSafetensors,
} from './safetensors.js';

/** Where a run stands, beside its tensors. Travels inside the checkpoint, so that one rename makes both real. */
const progressSchema = z.object({
  epoch: z.number().int().nonnegative(),
  /** Batches of the epoch that are done. */
  batch: z.number().int().nonnegative(),
  /** Steps of the run that are done. */
  step: z.number().int().nonnegative(),
  /** Losses since the last printed line. */
  running: z.array(z.number()),
  /** Sums over the epoch so far. */
  epochLoss: z.number(),
  epochCorrect: z.number(),
  epochImages: z.number().int().nonnegative(),
  random: z.object({ key: z.tuple([z.number(), z.number()]), counter: z.number(), init: z.any() }),
  optimizer: z.object({ steps: z.number().int(), groups: z.array(z.any()) }),
  schedule: z.any(),
});
export type Progress = z.infer<typeof progressSchema>;
export type Position = Omit<Progress, 'random' | 'optimizer' | 'schedule'>;

interface Trained {
  readonly model: Module;
  readonly optimizer: SGD;
  readonly schedule: { stateDict(): unknown; loadStateDict(state: never): void } | undefined;
}

const MODEL = 'model.';

/** Writes everything that a run needs to continue bit for bit: weights, momentum, random state and position. */
export async function saveCheckpoint(
  file: string,
  { model, optimizer, schedule }: Trained,
  position: Position,
): Promise<void> {
  const { tensors, state } = optimizer.stateDict();
  const arrays = new Map<string, SafetensorsArray>();
  for (const [name, parameter] of model.stateDict()) arrays.set(MODEL + name, await arrayOf(parameter));
  for (const [name, parameter] of tensors) arrays.set(name, await arrayOf(parameter));
  const progress = {
    ...position,
    random: randomState(),
    optimizer: state,
    schedule: schedule?.stateDict() ?? null,
  } as Progress;
  await writeSafetensors(file, arrays, {
    format: 'paperweight-checkpoint',
    progress: JSON.stringify(progress),
  });
}

/** Puts a checkpoint back into a model, its optimizer, its schedule and the random state. */
export async function loadCheckpoint(
  file: string,
  { model, optimizer, schedule }: Trained,
): Promise<Position> {
  const { tensors, metadata } = await readSafetensors(file);
  const progress = parseProgress(file, metadata.progress);
  model.loadStateDict(weightsOf({ tensors, metadata }));
  optimizer.loadStateDict({
    tensors: new Map([...tensors].filter(([name]) => name.startsWith('momentum.'))),
    state: progress.optimizer as never,
  });
  if (schedule) schedule.loadStateDict(progress.schedule as never);
  setRandomState(progress.random as never);
  return progress;
}

function parseProgress(file: string, text: string | undefined): Progress {
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

/** Writes a model's weights alone, under PyTorch's names. */
export async function saveWeights(
  file: string,
  model: Module,
  metadata: Record<string, string> = {},
): Promise<void> {
  const arrays = new Map<string, SafetensorsArray>();
  for (const [name, parameter] of model.stateDict()) arrays.set(name, await arrayOf(parameter));
  await writeSafetensors(file, arrays, { format: 'pt', ...metadata });
}

async function arrayOf(parameter: Parameter): Promise<SafetensorsArray> {
  return { dtype: 'F32', shape: [...parameter.shape], data: (await parameter.data()) as Float32Array };
}
