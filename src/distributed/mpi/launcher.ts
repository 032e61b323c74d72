import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/** The launcher that started this process as one of several ranks. */
export interface Launcher {
  /** Whose variables are in the environment; `slurm` and `pmix` start programs that use any MPI library. */
  readonly kind: 'openmpi' | 'mpich' | 'slurm' | 'pmix';
  /** This process's rank, from the environment; undefined if it is not there. */
  readonly rank: number | undefined;
  /** Number of ranks, from the environment; undefined if it is not there. */
  readonly size: number | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Variables of each launcher: rank and size. The first that is set decides. */
const VARIABLES: readonly (readonly [kind: Launcher['kind'], rank: string, size: string])[] = [
  ['openmpi', 'OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE'],
  ['mpich', 'PMI_RANK', 'PMI_SIZE'],
  ['pmix', 'PMIX_RANK', 'SLURM_STEP_NUM_TASKS'],
  ['slurm', 'SLURM_PROCID', 'SLURM_STEP_NUM_TASKS'],
];

/** The launcher of this process, from its environment; undefined for a process that no launcher started. */
export function launcherOf(env: Environment = process.env): Launcher | undefined {
  for (const [kind, rankName, sizeName] of VARIABLES) {
    const rank = count(env[rankName]);
    const size = count(env[sizeName]);
    if (rank === undefined || (size === undefined && kind !== 'pmix')) continue;
    // Slurm sets its variables in every step; a step with one task is a single process.
    if (kind === 'slurm' && size === 1) continue;
    // Under Slurm, these are the variables of its library for process management, which serves any MPI.
    const through = kind === 'mpich' && env.SLURM_STEP_ID !== undefined ? 'slurm' : kind;
    return { kind: through, rank, size };
  }
  return undefined;
}

function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** Programs that start ranks. */
const PROGRAMS = /^(mpirun|mpiexec|orterun|orted|prterun|prted|hydra_pmi_proxy)([.-].*)?$|^mpiexec\.hydra$/;
const MOST_ANCESTORS = 16;

/**
 * The launcher's process among the ancestors of a process, and its program file, such as `/usr/bin/orterun`, whose
 * library lies beside it; undefined if none is found or the system has no /proc.
 */
export function launcherProcess(
  of: number = process.pid,
): { readonly pid: number; readonly program: string } | undefined {
  let pid = of;
  for (let i = 0; i < MOST_ANCESTORS && pid > 1; i++) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // After the program's name in parentheses: state, then the parent.
      pid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      const program = readlinkSync(`/proc/${pid}/exe`);
      if (PROGRAMS.test(basename(program))) return { pid, program };
    } catch {
      return undefined;
    }
  }
  return undefined;
}
