import { existsSync } from 'node:fs';
import path from 'node:path';
import koffi from 'koffi';
import { DeviceError } from '../../../errors/errors.js';
import { installCommand } from '../../../errors/install-command.js';
import { openLibc } from './libc.js';

export type Lib = ReturnType<typeof koffi.load>;

/** A loaded oneDNN. */
export interface OneDnnLibrary {
  readonly lib: Lib;
  readonly path: string;
  readonly version: string;
}

/** In the order in which they are tried: version 2 is faster, since it has Winograd convolutions. */
const CANDIDATES: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  linux: ['libdnnl.so.2', 'libdnnl.so.3', 'libdnnl.so'],
  darwin: ['/opt/homebrew/lib', '/usr/local/lib'].flatMap((folder) => [
    `${folder}/libdnnl.2.dylib`,
    `${folder}/libdnnl.3.dylib`,
  ]),
  // Found through PATH; the file name has no version.
  win32: ['dnnl.dll'],
};

/** The libraries to look for on this system: the one that `PAPERWEIGHT_ONEDNN` names, or the usual names. */
export function candidates(): readonly string[] {
  const named = process.env.PAPERWEIGHT_ONEDNN;
  return named ? [named] : (CANDIDATES[process.platform] ?? []);
}

/** The command that installs oneDNN on this system, or advice if the system is not known. */
export function installOneDnn(): string {
  const command = installCommand({
    homebrew: 'onednn',
    debian: ['libdnnl2', 'libdnnl3'],
    fedora: 'onednn',
    arch: 'onednn',
    alpine: 'onednn',
  });
  if (command) return command;
  return process.platform === 'linux'
    ? 'install oneDNN with your package manager'
    : 'see the oneDNN project’s installation guide, and set PAPERWEIGHT_ONEDNN to its library file';
}

/**
 * Loads the first candidate that is installed.
 * @throws DeviceError if none is installed, or the first one has an unsupported version or build
 */
export function loadOneDnn(): OneDnnLibrary {
  pinOpenMp();
  const files = candidates();
  const broken: string[] = [];
  for (const file of files) {
    let lib: Lib;
    try {
      lib = koffi.load(file);
    } catch (error) {
      const { message } = error as Error;
      // If the file exists but one of its dependencies is missing, the message names the dependency; on Windows, nothing.
      const absent = path.isAbsolute(file)
        ? !existsSync(file)
        : /library: cannot open.*No such file/.test(message) || process.platform === 'win32';
      if (!absent) broken.push(`${file}: ${message}`);
      continue;
    }
    return { lib, path: file, version: readVersion(lib, file) };
  }
  const named = process.env.PAPERWEIGHT_ONEDNN;
  throw new DeviceError({
    what: 'The oneDNN library, which device "onednn" computes with, is not installed',
    expected: named
      ? `a library at ${named} (PAPERWEIGHT_ONEDNN)`
      : 'oneDNN 2 or 3 among the system’s libraries',
    got:
      broken.length > 0
        ? `a library that does not load (${broken.join('; ')})`
        : files.length > 0
          ? `none of ${files.join(', ')}`
          : `no known name for it on ${process.platform}`,
    next: `run: ${installOneDnn()}   (or use --device wasm, which is slower and needs no library)`,
  });
}

/** The first 2.x whose batch normalisation has separate scale and shift arguments, as in version 3. */
const OLDEST_MINOR_OF_2 = 4;
/** Builds that need a queue or a thread pool from the caller, and may still compute when a call has returned. */
const FOREIGN_RUNTIMES: Readonly<Record<number, string>> = { 8: 'a thread pool', 512: 'SYCL' };

const VERSION = koffi.struct({
  major: 'int',
  minor: 'int',
  patch: 'int',
  hash: 'void *',
  cpuRuntime: 'uint',
  gpuRuntime: 'uint',
});

function readVersion(lib: Lib, path: string): string {
  const refuse = (expected: string, got: string): never => {
    throw new DeviceError({
      what: `The library ${path} cannot be used`,
      expected,
      got,
      next: 'install another one (Debian, Ubuntu: libdnnl2 or libdnnl3), or set PAPERWEIGHT_ONEDNN to its library file',
    });
  };
  let versionOf: () => unknown;
  try {
    versionOf = lib.func('void *dnnl_version()');
  } catch {
    return refuse('a oneDNN', 'another library: it has no function dnnl_version');
  }
  const { major, minor, patch, cpuRuntime } = koffi.decode(versionOf(), VERSION);
  const version = `${major}.${minor}.${patch}`;
  if (major !== 3 && (major !== 2 || minor < OLDEST_MINOR_OF_2))
    refuse(`version 2.${OLDEST_MINOR_OF_2} or a newer 2.x, or version 3`, version);
  const foreign = FOREIGN_RUNTIMES[cpuRuntime];
  if (foreign) refuse('a build for OpenMP', `${version} for ${foreign}`);
  return version;
}

/**
 * Keeps the OpenMP runtime loaded until the process ends: its threads outlive oneDNN's handle, and the process would
 * crash at exit if their code were unloaded.
 */
function pinOpenMp(): void {
  if (process.platform !== 'linux') return;
  const RTLD_NOW = 0x2;
  const RTLD_GLOBAL = 0x100;
  const RTLD_NODELETE = 0x1000;
  const dlopen = openLibc().func('void *dlopen(const char *, int)');
  dlopen('libgomp.so.1', RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
}
