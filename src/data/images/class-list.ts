import { counted } from '../../errors/counted.js';
import { DataError } from '../../errors/errors.js';
import { excerpt } from '../../errors/excerpt.js';

/** `1 cat`, `2: dog`, `3. ship`, `4, bird`, `5) deer`. */
const NUMBERED = /^(\d{1,6})(?:\s+|\s*[:.,;)]\s*)(\S.*)$/;
/** `cat 1`, `dog: 2`, `ship, 3`, `bird = 4`. */
const NUMBERED_LAST = /^(.*[^\s:.,;=])(?:\s*[:.,;=]\s*|\s+)(\d{1,6})$/;
/** CUB-200 calls its folders `001.Black_footed_Albatross`. */
const PREFIX = /^\d+[\s._-]+(?=\S)/;
/** The first names of a list, for error messages. */
const SHOWN = 5;

const bare = (name: string): string => name.replace(PREFIX, '');
const isNumber = (name: string): boolean => /^\d{1,9}$/.test(name);

/** Names keyed by number if every line begins, or ends, with its number, counted from 0 or 1; otherwise undefined. */
const byNumber = (lines: readonly string[]): ReadonlyMap<number, string> | undefined =>
  keyed(lines, (line) => {
    const [, number, name] = NUMBERED.exec(line) ?? [];
    return [number, name];
  }) ?? byLastNumber(lines);

/** Numbers at the end of lines; different names, since `name 1`, `name 2` are names themselves. */
function byLastNumber(lines: readonly string[]): ReadonlyMap<number, string> | undefined {
  const names = keyed(lines, (line) => {
    const [, name, number] = NUMBERED_LAST.exec(line) ?? [];
    return [number, name];
  });
  return names && new Set(names.values()).size === names.size ? names : undefined;
}

function keyed(
  lines: readonly string[],
  parts: (line: string) => readonly [number: string | undefined, name: string | undefined],
): ReadonlyMap<number, string> | undefined {
  const names = new Map<number, string>();
  for (const line of lines) {
    const [number, name] = parts(line);
    if (number === undefined || name === undefined || names.has(Number(number))) return undefined;
    names.set(Number(number), name);
  }
  const first = Math.min(...names.keys());
  const whole = first <= 1 && Math.max(...names.keys()) === first + names.size - 1;
  return whole && names.size > 0 ? names : undefined;
}

/** The names of a list, ordered by their numbers if it has them, otherwise by line. */
export function listed(lines: readonly string[]): readonly string[] {
  const numbered = byNumber(lines);
  if (!numbered) return lines;
  return [...numbered].sort(([a], [b]) => a - b).map(([, name]) => name);
}

/** Maps the first word of each line to the rest of the line: `n01440764 tench, Tinca tinca`. */
export function parseSynsets(lines: readonly string[]): Map<string, string> {
  const synsets = new Map<string, string>();
  for (const line of lines) {
    // A single regular expression for word and name would backtrack over every space.
    const gap = line.search(/\s/);
    if (gap > 0) synsets.set(line.slice(0, gap).normalize('NFC'), line.slice(gap).trim());
  }
  return synsets;
}

/** Names of folders called by numbers, looked up by the list's numbers or lines; undefined if that does not fit. */
function byFolderNumber(classes: readonly string[], lines: readonly string[]): string[] | undefined {
  if (!classes.every(isNumber)) return undefined;
  const numbers = classes.map(Number);
  const first = Math.min(...numbers);
  // A list without numbers must have exactly one line per folder; folders count from 0 or 1.
  const whole =
    first <= 1 && Math.max(...numbers) === first + lines.length - 1 && classes.length === lines.length;
  const names = byNumber(lines) ?? (whole ? new Map(lines.map((name, i) => [first + i, name])) : undefined);
  const found = numbers.flatMap((number) => names?.get(number) ?? []);
  return found.length === classes.length ? found : undefined;
}

/**
 * Display names of class folders from a list of names. A folder is matched by its name, or by its number if it is called
 * by a number; never by its position alone.
 *
 * @param classes names of the folders @param lines lines of the list
 * @throws DataError if the list does not name each folder
 */
export function namesFromList(
  file: string,
  classes: readonly string[],
  lines: readonly string[],
): readonly string[] {
  const own = lines.map((line) => line.normalize('NFC'));
  const names = listed(own);
  const has = (list: readonly string[], name: (folder: string) => string = (folder) => folder) => {
    const all = new Set(list);
    return classes.every((folder) => all.has(name(folder)));
  };
  if (has(own) || has(names)) return classes;
  const words = parseSynsets(own);
  if (has([...words.keys()])) return classes.map((folder) => words.get(folder)!);
  const numbered = byFolderNumber(classes, own);
  if (numbered) return numbered;
  if (has(names, bare) && new Set(classes.map(bare)).size === classes.length) return classes.map(bare);
  if (has(names.map(bare))) return classes;
  const missing = classes.filter((folder) => !names.includes(folder));
  const few = (list: readonly string[]) => excerpt(list.slice(0, SHOWN)) + (list.length > SHOWN ? ' …' : '');
  throw new DataError({
    what: `${file} does not name the class folders`,
    expected: `a line for each of the ${classes.length} folders, such as ${few(missing)}`,
    got: `${counted(lines.length, 'line')}: ${few(lines)}`,
    next: 'write FOLDER NAME on each line, or remove the file; the order of lines alone does not identify folders',
  });
}
