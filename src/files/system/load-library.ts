import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import koffi from 'koffi';

/** Folders in which Linux's loader finds libraries by name, besides those of LD_LIBRARY_PATH. */
const FOLDERS = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
  .flatMap((machine) => [`/lib/${machine}`, `/usr/lib/${machine}`])
  .concat('/lib64', '/usr/lib64', '/lib', '/usr/lib', '/usr/local/lib');

/** The number of a processor in an ELF header, by Node's name. */
const MACHINES: Readonly<Partial<Record<NodeJS.Architecture, number>>> = { x64: 62, arm64: 183 };
const [ELF, HEADER, SEGMENT, LOADED] = [0x464c457f, 64, 56, 1];

/**
 * Loads a native library. Linux maps its file without a look at its length, and the process ends without a message when it
 * touches a page behind the end: so a file that an interrupted installation has cut off is refused.
 *
 * @param name a path, or a name that the system's loader searches for
 * @throws Error that says why it does not load
 */
export function loadLibrary(name: string): ReturnType<typeof koffi.load> {
  const problem = libraryProblem(name);
  if (problem) throw new Error(problem);
  return koffi.load(name);
}

/** Why a library must not be loaded; undefined if nothing is known against it. */
export function libraryProblem(name: string): string | undefined {
  if (process.platform !== 'linux') return undefined;
  if (name.includes('/')) return elfProblem(name);
  const folders = [...(process.env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean), ...FOLDERS];
  for (const file of folders.map((folder) => path.join(folder, name))) {
    const problem = existsSync(file) ? elfProblem(file) : undefined;
    // The loader passes over libraries for other processors.
    if (problem?.startsWith(CUT)) return problem;
  }
  return undefined;
}

const CUT = 'the file is cut off';

/** Why a file is not loaded; undefined where the loader's own message says it, or nothing is wrong. */
function elfProblem(file: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch {
    return undefined;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return undefined;
    const read = (at: number, bytes: number): Buffer => {
      const buffer = Buffer.alloc(bytes);
      return buffer.subarray(0, readSync(fd, buffer, 0, bytes, at));
    };
    const header = read(0, HEADER);
    if (header.length < HEADER || header.readUInt32LE(0) !== ELF) return undefined;
    const [machine, wanted] = [header.readUInt16LE(18), MACHINES[process.arch]];
    if (wanted !== undefined && machine !== wanted)
      return `it is for another processor than this one, ${process.arch} (ELF machine ${machine} instead of ${wanted})`;
    const [table, count] = [Number(header.readBigUInt64LE(32)), header.readUInt16LE(56)];
    const segments = read(table, count * SEGMENT);
    let end = table + count * SEGMENT;
    for (let at = 0; at + SEGMENT <= segments.length; at += SEGMENT)
      if (segments.readUInt32LE(at) === LOADED)
        end = Math.max(
          end,
          Number(segments.readBigUInt64LE(at + 8)) + Number(segments.readBigUInt64LE(at + 32)),
        );
    return end > stat.size ? `${CUT}: ${file} has ${stat.size} bytes instead of ${end}` : undefined;
  } finally {
    closeSync(fd);
  }
}
