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
  /** Over the epoch's own batches as they were trained on, dropout and augmentation included. */
  trainLoss: number,
  trainError: number,
  testLoss: number,
  testError: number,
  testTop5Error: number,
});
export type EpochResult = z.infer<typeof epochSchema>;

const resultSchema = z.object({
  version: z.literal(1),
  paper: z.string(),
  variant: z.string(),
  seed: number.int(),
  /** Of everything that decides the numbers; a result of another definition does not count. */
  configHash: z.string(),
  config: trainConfigSchema.omit({ machine: true, data: true }),
  epochs: z.array(epochSchema),
  /** The loss stopped being a number before the last epoch. */
  diverged: z.boolean(),
  /** Time of all steps and evaluations. */
  seconds: number,
  /** Milliseconds of a step, the median. */
  stepMs: number,
  testImages: number.int(),
  machine: z.record(z.string(), z.unknown()),
  paperweight: z.string(),
});
/** What a training of a variant with a seed came to: one file in the paper's `results/`. */
export type Result = z.infer<typeof resultSchema>;

/** What has been measured so far. */
export interface Results {
  /** The result of a job, if it belongs to the variant as it is defined now. */
  get(variant: Variant, seed: number): Result | undefined;
}

/** The configuration of a job's run, without what depends on the machine. */
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

/** Of everything that decides a job's numbers, whatever the order of its keys. */
export function configHash(paper: string, { variant, seed }: Job): string {
  // How often a checkpoint is written or a line printed decides no number.
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

/** The results in a folder, each checked. */
export class ResultFolder implements Results {
  readonly #found = new Map<string, Result>();

  private constructor(
    readonly path: string,
    readonly paper: string,
  ) {}

  /** @throws CheckpointError for a file that is not a result */
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

/** The result in a text. @throws CheckpointError for a text that is none */
export function parseResult(file: string, text: string): Result {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // What is no JSON is no result either.
  }
  const parsed = resultSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new CheckpointError({
    what: `${file} is not a result`,
    expected: 'JSON, as reproduce writes it',
    got: z.prettifyError(parsed.error).replaceAll(/\s*\n\s*/g, ' '),
    next: 'restore the file from a copy, or delete it to measure again',
  });
}
