import { faultOfNames } from '../data/class-order.js';
import { CheckpointError } from '../errors/errors.js';
import { isRecord } from '../errors/is-record.js';

/** Keys of an ONNX file's metadata under which programs store class names; `names` is that of Ultralytics' YOLO. */
const KEYS = ['classes', 'class_names', 'names', 'labels'] as const;

export interface NamesInFile {
  /** In the order of the outputs. */
  readonly names?: readonly string[];
  /** Messages about metadata that cannot be used. */
  readonly notes: readonly string[];
}

/**
 * The class names in the metadata of an ONNX file: a JSON or Python list, or a dictionary from numbers to names.
 *
 * @param count number of the model's classes
 * @throws CheckpointError if there is such a list, but not of one valid name for each class
 */
export function namesInFile(path: string, metadata: ReadonlyMap<string, string>, count: number): NamesInFile {
  const notes: string[] = [];
  for (const key of KEYS) {
    const text = metadata.get(key)?.trim();
    if (!text) continue;
    const names = listIn(text);
    if (!names) {
      notes.push(`The metadata "${key}" of ${path} is not a list of class names, and is not used.`);
      continue;
    }
    const fault = faultOfNames(names) ?? (names.length === count ? undefined : `${names.length} names`);
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
  const names = new Map(entries);
  const first = Math.min(...entries.map(([number]) => number ?? Number.NaN));
  if (names.size !== entries.length || (first !== 0 && first !== 1)) return undefined;
  const sorted = entries.map((_, i) => names.get(first + i));
  return sorted.every((name) => name !== undefined) ? sorted : undefined;
}

type Entry = readonly [number: number | undefined, name: string];

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
  return pairs.every(([number, name]) => /^\d{1,9}$/.test(number) && typeof name === 'string')
    ? pairs.map(([number, name]) => [Number(number), name as string])
    : undefined;
}

/** A list, tuple or dictionary as Python's `str()` writes it: `{0: 'cat', 1: "cat's dog"}`. */
function inPython(text: string): Entry[] | undefined {
  const token = /\s*(?:(\d{1,9})\s*:\s*)?(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*(?:,|(?=[\]})]$))/y;
  token.lastIndex = 1;
  const entries: Entry[] = [];
  while (token.lastIndex < text.length - 1) {
    const at = token.lastIndex;
    const found = token.exec(text);
    if (!found) return /^\s*$/.test(text.slice(at, -1)) ? entries : undefined;
    const [, number, single, double] = found;
    entries.push([number === undefined ? undefined : Number(number), unescaped(single ?? double ?? '')]);
  }
  return entries;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };
const unescaped = (text: string): string =>
  text.replaceAll(/\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|(.))/g, (_, byte, code, other) =>
    other === undefined ? String.fromCharCode(Number.parseInt(byte ?? code, 16)) : (ESCAPES[other] ?? other),
  );
