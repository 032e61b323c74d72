import { faultOfNames } from '../../data/class-order.js';
import { listed } from '../../data/images/class-list.js';
import { counted } from '../../errors/counted.js';
import { CheckpointError } from '../../errors/errors.js';
import { isRecord } from '../../errors/is-record.js';

/**
 * Keys of an ONNX file's metadata under which programs store class names, without capitals and separators; `names` is that
 * of Ultralytics' YOLO, `id2label` that of Hugging Face, `class_to_idx` that of torchvision's folders.
 */
const KEYS = [
  'classes',
  'classnames',
  'names',
  'labels',
  'labelnames',
  'classlabels',
  'categories',
  'id2label',
  'label2id',
  'idxtoclass',
  'classtoidx',
];

export interface NamesInFile {
  /** In the order of the outputs. */
  readonly names?: readonly string[];
  /** Messages about metadata that cannot be used. */
  readonly notes: readonly string[];
}

/**
 * The class names in the metadata of an ONNX file: a JSON or Python list, a dictionary from numbers to names or from names to
 * numbers, or text with a name on each line or between commas.
 *
 * @param count number of the model's classes
 * @throws CheckpointError if there is such a list, but not of one valid name for each class
 */
export function namesInFile(path: string, metadata: ReadonlyMap<string, string>, count: number): NamesInFile {
  const notes: string[] = [];
  const rank = (key: string): number => KEYS.indexOf(key.toLowerCase().replaceAll(/[^a-z0-9]/g, ''));
  const keys = [...metadata.keys()].filter((key) => rank(key) >= 0).sort((a, b) => rank(a) - rank(b));
  for (const key of keys) {
    const text = metadata.get(key)!.trim();
    if (!text) continue;
    const names = listIn(text) ?? linesIn(text, count);
    if (!names) {
      notes.push(`The metadata "${key}" of ${path} is not a list of class names, and is not used.`);
      continue;
    }
    const fault = faultOfNames(names) ?? (names.length === count ? undefined : counted(names.length, 'name'));
    if (fault !== undefined)
      throw new CheckpointError({
        what: `The metadata "${key}" of ${path} does not name its classes`,
        expected: `${count} different names`,
        got: fault,
        next: 'give the names with --class-names, in the order of the outputs',
      });
    return { names, notes };
  }
  return { notes };
}

function listIn(text: string): string[] | undefined {
  if (!/^[[{(]/.test(text)) return undefined;
  const entries = inJson(text) ?? inPython(text);
  if (!entries || entries.length === 0) return undefined;
  if (!entries.some(([number]) => number !== undefined)) return entries.map(([, name]) => name);
  // A dictionary of one number says something else.
  if (entries.length === 1) return undefined;
  const names = new Map(entries);
  const first = Math.min(...entries.map(([number]) => number ?? Number.NaN));
  if (names.size !== entries.length || (first !== 0 && first !== 1)) return undefined;
  const sorted = entries.map((_, i) => names.get(first + i));
  return sorted.every((name) => name !== undefined) ? sorted : undefined;
}

/** Names on lines, perhaps numbered, or else between commas or semicolons; undefined unless there is one for each class. */
function linesIn(text: string, count: number): readonly string[] | undefined {
  if (/^[[{(]/.test(text)) return undefined;
  const parts = (separator: RegExp): string[] => text.split(separator).map((part) => unquoted(part.trim()));
  const splits = [parts(/\r?\n/), parts(/,/), parts(/;/)];
  const names = splits.find(({ length }) => length === count && count > 1);
  return names && listed(names);
}

const unquoted = (text: string): string => /^(["'])(.*)\1$/.exec(text)?.[2] ?? text;

type Entry = readonly [number: number | undefined, name: string];

const isNumber = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 1e9;

function inJson(text: string): Entry[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (Array.isArray(value))
    return value.every((name) => typeof name === 'string')
      ? value.map((name) => [undefined, name])
      : undefined;
  if (!isRecord(value)) return undefined;
  const pairs = Object.entries(value);
  if (pairs.every(([, number]) => isNumber(number)))
    return pairs.map(([name, number]) => [number as number, name]);
  return pairs.every(([number, name]) => /^\d{1,9}$/.test(number) && typeof name === 'string')
    ? pairs.map(([number, name]) => [Number(number), name as string])
    : undefined;
}

/** A list, tuple or dictionary as Python's `str()` writes it: `{0: 'cat', 1: "cat's dog"}`, `{'cat': 0}`. */
function inPython(text: string): Entry[] | undefined {
  const token =
    /\s*(?:(\d{1,9})\s*:\s*)?(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")(?:\s*:\s*(\d{1,9}))?\s*(?:,|(?=[\]})]$))/y;
  token.lastIndex = 1;
  const entries: Entry[] = [];
  while (token.lastIndex < text.length - 1) {
    const at = token.lastIndex;
    const found = token.exec(text);
    if (!found) return /^\s*$/.test(text.slice(at, -1)) ? entries : undefined;
    const [, before, single, double, after] = found;
    if (before !== undefined && after !== undefined) return undefined;
    const number = before ?? after;
    entries.push([number === undefined ? undefined : Number(number), unescaped(single ?? double ?? '')]);
  }
  return entries;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };
const unescaped = (text: string): string =>
  text.replaceAll(/\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|(.))/g, (_, byte, code, other) =>
    other === undefined ? String.fromCharCode(Number.parseInt(byte ?? code, 16)) : (ESCAPES[other] ?? other),
  );
