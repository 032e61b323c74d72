import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { dirname, win32 } from 'node:path';

/*
 * What a Windows library needs. If one of these libraries is missing, the system says "module not found" without its
 * name, as if the file itself were missing.
 */

/** Header of a DLL: enough for the section table. */
const HEADER = 4096;
/** Longest table of imported libraries, and longest name, that are read. */
const [TABLE, NAME] = [20 * 256, 256];

interface Section {
  readonly address: number;
  readonly size: number;
  readonly offset: number;
}

/** The names of the libraries that a DLL imports; none if the file is not a 64-bit DLL. */
export function importsOf(file: string): string[] {
  const read = (at: number, bytes: number): Buffer => {
    const buffer = Buffer.alloc(bytes);
    return buffer.subarray(0, readSync(fd, buffer, 0, bytes, at));
  };
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch {
    return [];
  }
  try {
    const header = read(0, HEADER);
    const pe = header.readUInt32LE(0x3c);
    const optional = pe + 24;
    if (header.readUInt32LE(pe) !== 0x4550 || header.readUInt16LE(optional) !== 0x20b) return [];
    const table = optional + header.readUInt16LE(pe + 20);
    const sections = Array.from({ length: header.readUInt16LE(pe + 6) }, (_, i): Section => {
      const at = table + 40 * i;
      return {
        size: header.readUInt32LE(at + 16),
        address: header.readUInt32LE(at + 12),
        offset: header.readUInt32LE(at + 20),
      };
    });
    const offsetOf = (address: number): number | undefined => {
      const one = sections.find((s) => address >= s.address && address < s.address + s.size);
      return one && address - one.address + one.offset;
    };
    const at = offsetOf(header.readUInt32LE(optional + 120));
    if (at === undefined) return [];
    const entries = read(at, TABLE);
    const names: string[] = [];
    for (let i = 0; i + 20 <= entries.length; i += 20) {
      const name = offsetOf(entries.readUInt32LE(i + 12));
      if (name === undefined) break;
      const text = read(name, NAME).toString('latin1');
      names.push(text.slice(0, text.indexOf('\0')).toLowerCase());
    }
    return names;
  } catch {
    // Cut off, or no DLL.
    return [];
  } finally {
    closeSync(fd);
  }
}

/** The libraries that a DLL imports and that are in none of the folders where Windows looks for them. */
export function missingImports(file: string): string[] {
  const { SystemRoot = 'C:\\Windows', PATH = process.env.Path ?? '' } = process.env;
  const folders = [dirname(file), win32.join(SystemRoot, 'System32'), ...PATH.split(';')].filter(Boolean);
  return importsOf(file).filter(
    (name) =>
      // Names of system libraries that are not files.
      !/^(api|ext)-ms-/.test(name) && !folders.some((folder) => existsSync(win32.join(folder, name))),
  );
}

/** The OpenMP runtime that a DLL uses. */
export const openMpOf = (file: string): string | undefined =>
  importsOf(file).find((name) => /^(vcomp|libi?omp)/.test(name));
