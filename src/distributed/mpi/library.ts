import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { UsageError } from '../../errors/errors.js';
import { installCommand } from '../../errors/install-command.js';
import type { Launcher } from './launcher.js';

/** How a library represents handles: see bindings.ts. */
export type Abi = 'openmpi' | 'mpich' | 'standard';

/** Names under which systems have the libraries, by the launcher that they belong to. */
const NAMES: Readonly<Record<'openmpi' | 'mpich', readonly string[]>> = {
  openmpi: ['libmpi.so.40', 'libmpi.40.dylib'],
  mpich: [
    'libmpich.so.12',
    'libmpi.so.12',
    'libmpi_abi.so.1',
    'libmpi_abi.so.0',
    'libmpi.12.dylib',
    'libpmpi.12.dylib',
  ],
};

const NAMES_OF: Readonly<Record<Launcher['kind'], readonly string[]>> = {
  openmpi: NAMES.openmpi,
  mpich: NAMES.mpich,
  pmix: [...NAMES.openmpi, ...NAMES.mpich],
  slurm: [...NAMES.mpich, ...NAMES.openmpi],
};

/**
 * Files to try, in order. If `PAPERWEIGHT_MPI` is set, only the file that it names; otherwise the libraries beside the
 * launcher's program, then those of the system.
 */
export function candidates(launcher: Launcher, program: string | undefined): string[] {
  const named = process.env.PAPERWEIGHT_MPI;
  if (named) return [named];
  const names = NAMES_OF[launcher.kind];
  return [...(program ? beside(program, names) : []), ...names];
}

/** Libraries in `lib` and `lib64` beside the folder of a program, and in their subfolders for one architecture. */
function beside(program: string, names: readonly string[]): string[] {
  const prefix = dirname(dirname(program));
  // The system's libraries are found by name.
  if (prefix === '/usr' || prefix === '/') return [];
  const folders = ['lib', 'lib64'].flatMap((name) => {
    const folder = join(prefix, name);
    const inside = existsSync(folder) ? readdirSync(folder) : [];
    return [folder, ...inside.filter((one) => one.includes('-linux-')).map((one) => join(folder, one))];
  });
  return folders
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .filter((one) => existsSync(one));
}

/** How a library represents handles. @param hasSymbol whether the library exports a symbol */
export function abiOf(file: string, hasSymbol: (name: string) => boolean): Abi {
  if (hasSymbol('ompi_mpi_comm_world')) return 'openmpi';
  const name = isAbsolute(file) && existsSync(file) ? realpathSync(file) : file;
  return basename(name).startsWith('libmpi_abi') || basename(file).startsWith('libmpi_abi')
    ? 'standard'
    : 'mpich';
}

const MAKES: Readonly<Record<'openmpi' | 'mpich', string>> = { openmpi: 'Open MPI', mpich: 'MPICH' };

/**
 * Refuses a library that does not fit the launcher. The ranks would not find each other: each would be rank 0 of 1.
 * @throws UsageError
 */
export function checkPair({ kind, size }: Launcher, abi: Abi, file: string): void {
  if (kind !== 'openmpi' && kind !== 'mpich') return;
  if (abi === kind || abi === 'standard') return;
  throw new UsageError({
    what: `The launcher and the MPI library are of different makes, so that ${size ?? 'the'} ranks would not find each other`,
    expected: `a library of ${MAKES[kind]}, whose launcher has started this program`,
    got: `${file}, of ${MAKES[abi]}`,
    next: `use the launcher of that library, or name the right library with PAPERWEIGHT_MPI`,
  });
}

/** @returns the error that no library could be loaded */
export function noLibrary({ kind }: Launcher, tried: readonly string[], reason: string): UsageError {
  const make = kind === 'openmpi' ? 'Open MPI' : kind === 'mpich' ? 'MPICH' : 'MPI';
  const install = installCommand({
    homebrew: kind === 'openmpi' ? 'open-mpi' : 'mpich',
    debian: kind === 'openmpi' ? ['libopenmpi3', 'libopenmpi40'] : ['libmpich12'],
    fedora: kind === 'openmpi' ? 'openmpi' : 'mpich',
    arch: kind === 'openmpi' ? 'openmpi' : 'mpich',
    alpine: kind === 'openmpi' ? 'openmpi' : 'mpich',
  });
  return new UsageError({
    what: `This program was started as one of several ranks, but the library of ${make} does not load`,
    expected: `one of ${tried.join(', ')}`,
    got: reason,
    next: `${install ? `run: ${install}; or ` : ''}set PAPERWEIGHT_MPI to the library of the launcher`,
  });
}
