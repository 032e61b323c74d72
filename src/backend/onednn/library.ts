import { existsSync } from 'node:fs';
import koffi from 'koffi';
import { DeviceError } from '../../errors.js';

export type Lib = ReturnType<typeof koffi.load>;

const CANDIDATES: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  linux: ['libdnnl.so.2', 'libdnnl.so'],
  darwin: ['/opt/homebrew/lib/libdnnl.2.dylib', '/usr/local/lib/libdnnl.2.dylib'],
};

/** The command that installs oneDNN on this kind of system. */
export function installCommand(): string {
  if (process.platform === 'darwin') return 'brew install onednn';
  if (process.platform !== 'linux') return 'see the oneDNN project’s installation guide';
  const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
  if (existsSync('/etc/debian_version')) return `${sudo}apt-get install -y libdnnl2`;
  if (existsSync('/etc/fedora-release')) return `${sudo}dnf install -y onednn`;
  if (existsSync('/etc/arch-release')) return `${sudo}pacman -S onednn`;
  return 'install oneDNN 2.x with your package manager';
}

/** Loads oneDNN; `PAPERWEIGHT_ONEDNN` names a library file to use instead of the system's. */
export function loadOneDnn(): { lib: Lib; path: string } {
  pinOpenMp();
  const named = process.env.PAPERWEIGHT_ONEDNN;
  const tried: string[] = [];
  for (const path of named ? [named] : (CANDIDATES[process.platform] ?? [])) {
    try {
      return { lib: koffi.load(path), path };
    } catch {
      tried.push(path);
    }
  }
  throw new DeviceError({
    what: 'The oneDNN library, which device "onednn" computes with, is not installed',
    expected: named
      ? `a library at ${named} (PAPERWEIGHT_ONEDNN)`
      : 'oneDNN 2.x among the system’s libraries',
    got: tried.length > 0 ? `none of ${tried.join(', ')}` : `no known name for it on ${process.platform}`,
    next: `run: ${installCommand()}   (or use --device reference for small things)`,
  });
}

/**
 * Keeps the OpenMP runtime loaded until the process ends: its threads outlive oneDNN's handle, and unloading
 * the code that they run crashes the exit.
 */
function pinOpenMp(): void {
  if (process.platform !== 'linux') return;
  const RTLD_NOW = 0x2;
  const RTLD_GLOBAL = 0x100;
  const RTLD_NODELETE = 0x1000;
  const dlopen = koffi.load('libc.so.6').func('void *dlopen(const char *, int)');
  dlopen('libgomp.so.1', RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
}

/** Sets the number of threads that oneDNN's parallel regions use when started from this thread. */
export function setThreads(threads: number): void {
  if (process.platform === 'linux') koffi.load('libgomp.so.1').func('void omp_set_num_threads(int)')(threads);
}
