import { readdirSync, readFileSync } from 'node:fs';
import { type Launcher, launcherOf, launcherProcess } from './launcher.js';

/** Libraries of MPI among the files that a process has loaded: `libmpi.so.40`, `libmpich.so.12`, `libmpi_abi.so.1`. */
const LIBRARY = /\/libp?mpi(ch|_abi)?\.(so|dylib)/;

/** Why a rank of this job, which has not joined the others, is missing. */
export interface Missing {
  readonly rank: number;
  /** Such as "rank 1 is stopped (process 4711)". */
  readonly text: string;
}

/**
 * The ranks of this job that do not wait for the others, as far as this machine can tell; empty if it cannot, as on
 * systems without /proc.
 */
export function missingRanks({ size = 0 }: Launcher): Missing[] {
  const job = launcherProcess()?.pid;
  if (job === undefined) return [];
  const found = new Map<number, string | undefined>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const pid = Number(name);
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      const rank = launcherOf(
        Object.fromEntries(
          environment.map((line) => [line.split('=', 1)[0]!, line.slice(line.indexOf('=') + 1)]),
        ),
      )?.rank;
      if (rank === undefined || launcherProcess(pid)?.pid !== job) continue;
      const reason = reasonOf(pid);
      // A script may have started the program, and only looks as if it did not join.
      const known = found.has(rank) && (found.get(rank) === undefined || reason?.includes('open()'));
      if (!known) found.set(rank, reason);
    } catch {
      // The process has ended, or belongs to someone else.
    }
  }
  return Array.from({ length: size }, (_, rank) => rank).flatMap((rank) => {
    const reason = found.has(rank) ? found.get(rank) : 'has ended, or is on another machine';
    return reason === undefined ? [] : { rank, text: `rank ${rank} ${reason}` };
  });
}

/** Undefined if the process waits for the other ranks. */
function reasonOf(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const state = stat.slice(stat.lastIndexOf(')') + 2)[0];
  if (state === 'T' || state === 't') return `is stopped (process ${pid})`;
  if (LIBRARY.test(readFileSync(`/proc/${pid}/maps`, 'utf8'))) return undefined;
  return `has not called distributed.open() (process ${pid})`;
}
