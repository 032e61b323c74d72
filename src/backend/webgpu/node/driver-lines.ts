import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What drivers have written to standard error, as entries of one or more lines. */
type Entries = readonly string[];

/** Mesa names a folder that only windows need, and Dawn the limits that it lowers and the drivers that it refuses. */
const KNOWN = /^(Warning: |error: XDG_RUNTIME_DIR )/;

/** Entries that say something new: others are not worth a reader's time where the adapter works. */
export const unknownEntries = (entries: Entries): Entries => entries.filter((entry) => !KNOWN.test(entry));

/** Why there is no adapter, as far as Dawn has written it. */
export const reasonsOf = (entries: Entries): string =>
  [
    ...new Set(entries.flatMap((entry) => /^Warning: (.*)/.exec(entry)?.[1]?.replace(/[\s.!]+$/, '') ?? [])),
  ].join('; ');

/** Divides text at lines that are not indented. */
export const entriesOf = (text: string): Entries =>
  text.split(/\n(?=\S)/).flatMap((entry) => (entry.trim() === '' ? [] : [entry.trimEnd()]));

/**
 * Runs a function that calls drivers, and keeps what native code writes to standard error meanwhile. JavaScript cannot
 * write in this time, since the function is not asynchronous. Where it cannot be kept, it is written as usual.
 */
export async function keepingDriverLines<T>(
  body: () => T,
): Promise<{ readonly result: T; readonly entries: Entries }> {
  const begun = await beginKeeping();
  if (!begun) return { result: body(), entries: [] };
  let text = '';
  let result: T;
  try {
    result = body();
  } finally {
    text = begun();
  }
  return { result, entries: entriesOf(text) };
}

/** Sends standard error to a file. @returns a function that ends it and returns the file's text */
async function beginKeeping(): Promise<(() => string) | undefined> {
  if (process.platform === 'win32') return undefined;
  try {
    const { openLibc } = await import('../../../files/system/libc.js');
    const libc = openLibc();
    const dup = libc.func('int dup(int)');
    const dup2 = libc.func('int dup2(int, int)');
    const folder = mkdtempSync(join(tmpdir(), 'paperweight-driver-'));
    const file = openSync(join(folder, 'lines'), 'wx+', 0o600);
    rmSync(folder, { recursive: true });
    const own = dup(2) as number;
    if (own < 0 || (dup2(file, 2) as number) < 0) return undefined;
    return () => {
      dup2(own, 2);
      closeSync(own);
      const bytes = Buffer.alloc(Math.min(fstatSync(file).size, 2 ** 20));
      readSync(file, bytes, 0, bytes.length, 0);
      closeSync(file);
      return bytes.toString('utf8');
    };
  } catch {
    return undefined;
  }
}
