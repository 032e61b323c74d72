import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { FOLDER_SIDE, imageRules } from '../../data/images/rules.js';
import { CheckpointError } from '../../errors/errors.js';
import { writeFileAtomic } from '../../files/atomic.js';
import { diskError } from '../../files/disk-error.js';
import { makeFolder } from '../../files/make-folder.js';
import { type TrainConfig, trainConfigSchema } from '../../run/config.js';
import { type Job, jobName, type Variant } from './job.js';

const number = z.number();

/** One epoch of a training. Errors and accuracies are percent. */
const epochSchema = z.object({
  epoch: number.int(),
  step: number.int(),
  /** Averaged over the epoch's batches during training, with dropout and augmentation active. */
  trainLoss: number,
  /** Errors: of classifiers. */
  trainError: number.optional(),
  testLoss: number.optional(),
  testError: number.optional(),
  testTop5Error: number.optional(),
  /** The paper's additional metrics, by name. */
  trainMetrics: z.record(z.string(), number).optional(),
  testMetrics: z.record(z.string(), number).optional(),
});
export type EpochResult = z.infer<typeof epochSchema>;

const resultSchema = z.object({
  version: z.literal(1),
  paper: z.string(),
  variant: z.string(),
  seed: number.int(),
  /** Hash of everything that affects the numbers; results with another hash are ignored. */
  configHash: z.string(),
  config: trainConfigSchema.omit({ machine: true, data: true }),
  epochs: z.array(epochSchema),
  /** The loss became NaN or infinite before the last epoch. */
  diverged: z.boolean(),
  /** Total time of all steps and evaluations. */
  seconds: number,
  /** Median milliseconds of a step. */
  stepMs: number,
  testImages: number.int(),
  machine: z.record(z.string(), z.unknown()),
  paperweight: z.string(),
});
/** Result of training a variant with one seed: one file in the paper's `results/`. */
export type Result = z.infer<typeof resultSchema>;

/** The available results. */
export interface Results {
  /** The result of a job, if its hash matches the variant's current definition. */
  get(variant: Variant, seed: number): Result | undefined;
}

/** The configuration of a job's run, without machine-dependent fields. */
export function jobConfig(paper: string, { variant, seed }: Job, classes: readonly string[]): TrainConfig {
  return {
    version: 1,
    recipe: variant.recipe ?? variant.id,
    model: {
      paper,
      classes: [...classes],
      ...variant.model,
      ...(variant.dataset === 'imagefolder' ? { images: imageRules(FOLDER_SIDE) } : {}),
    },
    dataset: variant.dataset,
    ...variant.training,
    seed,
  };
}

/** Hash of everything that affects a job's numbers, independent of key order. */
export function configHash(paper: string, { variant, seed }: Job): string {
  // Intervals of checkpoints and log lines do not affect the numbers.
  const { checkpointEvery: _, logEvery: __, ...training } = variant.training;
  const { dataset, model } = variant;
  const text = JSON.stringify(sorted({ paper, dataset, model, training, seed }));
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, v]) => v !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, sorted(v)]));
}

/** A folder of result files, each validated. */
export class ResultFolder implements Results {
  readonly #found = new Map<string, Result>();

  private constructor(
    readonly path: string,
    readonly paper: string,
  ) {}

  /** @throws CheckpointError if a file is not a valid result */
  static async open(path: string, paper: string): Promise<ResultFolder> {
    const folder = new ResultFolder(path, paper);
    for (const name of await namesIn(path)) {
      const result = await readResult(join(path, name));
      folder.#found.set(`${result.variant}-seed${result.seed}`, result);
    }
    return folder;
  }

  get(variant: Variant, seed: number): Result | undefined {
    const job = { variant, seed };
    const result = this.#found.get(jobName(job));
    return result?.configHash === configHash(this.paper, job) ? result : undefined;
  }

  async add(result: Result): Promise<void> {
    await makeFolder(this.path);
    const name = `${result.variant}-seed${result.seed}`;
    await writeFileAtomic(join(this.path, `${name}.json`), `${JSON.stringify(result, null, 1)}\n`);
    this.#found.set(name, result);
  }
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).filter((name) => name.endsWith('.json')).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw diskError(error, `cannot read ${path}`, CheckpointError);
  }
}

async function readResult(file: string): Promise<Result> {
  const text = await readFile(file, 'utf8').catch((error) => {
    throw diskError(error, `cannot read ${file}`, CheckpointError);
  });
  return parseResult(file, text);
}

/** Parses a result. @throws CheckpointError if the text is not valid */
export function parseResult(file: string, text: string): Result {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Text that is not JSON is rejected below.
  }
  const parsed = resultSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new CheckpointError({
    what: `${file} is not a valid result`,
    expected: 'JSON written by reproduce',
    got: z.prettifyError(parsed.error).replaceAll(/\s*\n\s*/g, ' '),
    next: 'restore the file from a copy, or delete it to measure again',
  });
}
