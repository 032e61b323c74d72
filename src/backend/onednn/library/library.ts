import { existsSync } from 'node:fs';
import path from 'node:path';
import koffi from 'koffi';
import { DeviceError } from '../../../errors/errors.js';
import { installCommand } from '../../../errors/install-command.js';
import { loadLibrary } from '../../../files/system/load-library.js';
import { missingImports } from './dll.js';
import { pin } from './openmp.js';
import { oneDnnPlaces } from './places.js';

export type Lib = ReturnType<typeof koffi.load>;

/** A loaded oneDNN. */
export interface OneDnnLibrary {
  readonly lib: Lib;
  readonly path: string;
  readonly version: string;
}

/** The wheel of oneDNN that setup fetches for Windows; `pip install` puts the library where it is found too. */
const WINDOWS_WHEEL = 'onednn-cpu-vcomp==2022.2.1';
/** Installs the Microsoft runtime with which the library for Windows was built. */
const RUNTIME_FILE = /^(vcomp|msvcp|vcruntime)\d/;
const WINDOWS_RUNTIME = 'winget install --exact --id Microsoft.VCRedist.2015+.x64';

/** The command that installs oneDNN on this system; undefined if the system is not known. */
export const oneDnnCommand = (): string | undefined =>
  installCommand({
    homebrew: 'onednn',
    debian: ['libdnnl2', 'libdnnl3'],
    fedora: 'onednn',
    arch: 'onednn',
    alpine: 'onednn',
    ...(process.arch === 'x64' && { windows: `python -m pip install ${WINDOWS_WHEEL}` }),
  });

function installAdvice(): string {
  const command = oneDnnCommand();
  if (command) return `run: ${command}`;
  return process.platform === 'linux'
    ? 'install oneDNN with your package manager'
    : 'install oneDNN, and set PAPERWEIGHT_ONEDNN to its library file';
}

/**
 * Loads the first library of {@link oneDnnPlaces} that is installed.
 * @throws DeviceError if none is installed, or the first one has an unsupported version or build
 */
export function loadOneDnn(): OneDnnLibrary {
  const files = oneDnnPlaces();
  const broken: Problem[] = [];
  for (const file of files) {
    let lib: Lib;
    try {
      lib = loadLibrary(file);
    } catch (error) {
      const problem = loadProblem(file, error as Error);
      if (problem) broken.push(problem);
      continue;
    }
    pin(file);
    return { lib, path: file, version: readVersion(lib, file) };
  }
  const named = process.env.PAPERWEIGHT_ONEDNN;
  if (broken.length > 0)
    throw new DeviceError({
      what: 'The oneDNN library, which device "onednn" computes with, does not load',
      expected: named ? `the library at ${named} (PAPERWEIGHT_ONEDNN)` : 'oneDNN 2 or 3',
      got: `a library that does not load (${broken.map(({ text }) => text).join('; ')})`,
      next: `${broken.some(({ runtime }) => runtime) ? `run: ${WINDOWS_RUNTIME}` : 'install what it needs, or remove it and install another'}   ${OTHER_DEVICE}`,
    });
  throw new DeviceError({
    what: 'The oneDNN library, which device "onednn" computes with, is not installed',
    expected: named
      ? `a library at ${named} (PAPERWEIGHT_ONEDNN)`
      : 'oneDNN 2 or 3 among the system’s libraries',
    got: files.length > 0 ? `none of ${files.join(', ')}` : `no known name for it on ${process.platform}`,
    // As long as the variable names a file, no other one is looked for.
    next: `${named ? 'correct PAPERWEIGHT_ONEDNN; or leave it unset, and ' : ''}${installAdvice()}   ${OTHER_DEVICE}`,
  });
}

/** Advice at the end of both errors above. */
export const OTHER_DEVICE = '(or use --device wasm, which is slower and needs no library)';

/** Why a library does not load. */
interface Problem {
  readonly text: string;
  /** Whether Microsoft's runtime is missing. */
  readonly runtime: boolean;
}

/** Undefined if there is no such file. */
function loadProblem(file: string, { message }: Error): Problem | undefined {
  // If the file exists but one of its dependencies is missing, the message names the dependency, except on Windows.
  const absent = path.isAbsolute(file)
    ? !existsSync(file)
    : // glibc's and musl's words.
      /library: cannot open.*No such file/.test(message) ||
      message.includes(`${file}: No such file`) ||
      process.platform === 'win32';
  if (absent) return undefined;
  const missing = process.platform === 'win32' ? missingImports(file) : [];
  const reason = missing.length > 0 ? `it needs ${missing.join(' and ')}, which is not installed` : message;
  return { text: `${file}: ${reason}`, runtime: missing.some((name) => RUNTIME_FILE.test(name)) };
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

/** @throws DeviceError that says why a library is not used */
export function refuseLibrary(path: string, expected: string, got: string): never {
  throw new DeviceError({
    what: `The library ${path} cannot be used`,
    expected,
    got,
    next: `set PAPERWEIGHT_ONEDNN to the file of another one, or ${installAdvice()}`,
  });
}

function readVersion(lib: Lib, path: string): string {
  const refuse = (expected: string, got: string): never => refuseLibrary(path, expected, got);
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
