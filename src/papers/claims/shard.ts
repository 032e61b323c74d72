import { createHash } from 'node:crypto';
import { UsageError } from '../../errors/errors.js';
import { type Job, jobName } from './job.js';

/** A part of a paper's training runs, for one of several machines. */
export interface Shard {
  /** From 1 to `count`. */
  readonly index: number;
  readonly count: number;
}

const MOST = 10_000;

/** Parses `2/8`. @throws UsageError */
export function parseShard(text: string): Shard {
  const [, index, count] = (/^(\d{1,5})\/(\d{1,5})$/.exec(text) ?? []).map(Number);
  if (index !== undefined && count !== undefined && index >= 1 && index <= count && count <= MOST)
    return { index, count };
  throw new UsageError({
    what: `--shard ${text} cannot be used`,
    expected: `the number of this part and the number of parts, such as 1/4 to 4/4; at most ${MOST} parts`,
    got: `"${text}"`,
    next: 'give another value, or leave --shard out for all training runs',
  });
}

/**
 * The part of a task of a Slurm job array (`sbatch --array=1-8`); undefined outside of an array.
 * @throws UsageError for an array with gaps, whose tasks cannot be counted
 */
export function slurmShard(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Shard | undefined {
  const read = (name: string): number | undefined => {
    const text = env[`SLURM_ARRAY_TASK_${name}`];
    return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  };
  const [id, count, least = 0, stride = 1] = [read('ID'), read('COUNT'), read('MIN'), read('STEP')];
  if (id === undefined || count === undefined) return undefined;
  const index = 1 + (id - least) / stride;
  if (Number.isInteger(index) && index >= 1 && index <= count && count <= MOST) return { index, count };
  throw new UsageError({
    what: 'The tasks of this Slurm array cannot be counted',
    expected: `an array without gaps, such as --array=1-8, of at most ${MOST} tasks`,
    got: `task ${id} of ${count}, the first of which is ${least}`,
    next: 'give the part itself, such as --shard 1/8; --shard 1/1 starts all training runs',
  });
}

/** Whether a training belongs to a part. It depends on its name alone, so machines agree without communication. */
export function isIn({ index, count }: Shard, job: Job): boolean {
  const hash = createHash('sha256').update(jobName(job)).digest().readUInt32BE();
  return hash % count === index - 1;
}
