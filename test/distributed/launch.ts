import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A launcher of MPI programs on this machine. */
export interface Launcher {
  readonly name: string;
  readonly command: string;
  readonly flags: readonly string[];
  /** Library to load instead of the launcher's own. */
  readonly library?: string | undefined;
}

/**
 * The launchers of Debian, or those that PAPERWEIGHT_TEST_MPI names, with another library after an equals sign:
 * `/opt/openmpi/bin/mpirun,/opt/mpich/bin/mpiexec=/opt/mpich/lib/libmpi_abi.so.1`.
 */
const NAMED = (process.env.PAPERWEIGHT_TEST_MPI || 'mpirun.openmpi,mpiexec.mpich').split(',');
const OPEN_MPI_FLAGS = ['--oversubscribe', '--bind-to', 'none'];

/** Those that are installed. */
export const launchers: readonly Launcher[] = NAMED.flatMap((text) => {
  const [command = '', library] = text.split('=');
  const { error, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  if (error) return [];
  const isOpen = /Open ?MPI|OpenRTE|prte/i.test(stdout);
  const name = isOpen ? 'Open MPI' : /Intel/.test(stdout) ? 'Intel MPI' : 'MPICH';
  return [{ name, command, library, flags: isOpen ? OPEN_MPI_FLAGS : [] }];
});

/** For `skip` of a test that needs a launcher. */
export const skip = launchers.length > 0 ? false : 'neither mpirun.openmpi nor mpiexec.mpich is installed';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

export interface Job {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** What has been printed so far. */
  readonly output: () => string;
}

/** Open MPI needs two variables to run as root. */
const ENVIRONMENT = {
  OMPI_ALLOW_RUN_AS_ROOT: '1',
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
  OMPI_MCA_rmaps_base_oversubscribe: '1',
  PAPERWEIGHT_KERNELS: 'fixed',
};

/** Variables of launchers, which a test's own process may have. */
const strange = /^(OMPI|PMI|PMIX|SLURM|PRTE|HYDRA)/;

export function start(
  { command, flags, library }: Launcher,
  ranks: number,
  args: readonly string[],
  { cwd, env = {} }: { readonly cwd?: string; readonly env?: Record<string, string> } = {},
): Job {
  const clean = Object.entries(process.env).filter(([name]) => !strange.test(name));
  const child = spawn(command, [...flags, '-n', String(ranks), process.execPath, ...args], {
    cwd,
    env: {
      ...Object.fromEntries(clean),
      ...ENVIRONMENT,
      ...(library ? { PAPERWEIGHT_MPI: library } : {}),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const began = performance.now();
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({ code, stdout, stderr, seconds: (performance.now() - began) / 1000 }),
    );
  });
  return { pid: child.pid!, ended, output: () => stdout + stderr };
}

/** Runs a program of `children/` on several ranks. */
export const runChild = (
  launcher: Launcher,
  ranks: number,
  name: string,
  args: readonly string[] = [],
  options: Parameters<typeof start>[3] = {},
): Promise<Ended> => start(launcher, ranks, [child(name), ...args], options).ended;

export const child = (name: string): string =>
  fileURLToPath(new URL(`./children/${name}.js`, import.meta.url));

/** The command line of the package. */
export const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
