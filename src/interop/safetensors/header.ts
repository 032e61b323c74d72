import { isInteger } from '../../errors/arguments.js';
import { CheckpointError } from '../../errors/errors.js';
import { excerpt } from '../../errors/excerpt.js';
import { isRecord } from '../../errors/is-record.js';
import { ARRAYS, countOf, type NumberFormat, widthOf } from '../numbers.js';

/** Maximum size of a header in bytes, as in the reference implementation. */
export const MAX_HEADER = 100_000_000;

/** A tensor as described by the header. */
export interface Entry {
  name: string;
  dtype: NumberFormat;
  shape: number[];
  /** Number of elements: the product of the shape. */
  count: number;
  /** Byte offset from the end of the header. */
  begin: number;
  end: number;
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => isInteger(n));
}

/**
 * Reads and checks the header of a safetensors file.
 *
 * @param file the path, for messages
 * @param text the bytes of the header
 * @param dataBytes number of bytes after the header
 * @returns the tensors in the order of their bytes, which cover the data without gaps or overlaps
 * @throws CheckpointError for a header that is not valid
 */
export function parseHeader(
  file: string,
  text: Uint8Array,
  dataBytes: number,
): { entries: Entry[]; metadata: Record<string, string> } {
  const broken = (what: string, expected?: string, got?: string, next = 'fetch or write the file again') =>
    new CheckpointError({ what: `${file} is not a valid safetensors file: ${what}`, expected, got, next });

  if (text[0] !== 0x7b) throw broken('its header is not JSON', 'a first byte of "{"', `byte ${text[0]}`);
  let json = '';
  let header: unknown;
  try {
    json = new TextDecoder('utf-8', { fatal: true }).decode(text);
    header = JSON.parse(json);
  } catch (error) {
    throw broken('its header is not JSON', undefined, (error as Error).message);
  }
  if (!isRecord(header)) throw broken('its header is not a JSON object');
  const twice = repeatedKey(json);
  if (twice !== undefined) throw broken(`its header names "${twice}" twice`);

  const metadata: Record<string, string> = {};
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (!isRecord(value)) throw broken(`"${name}" in its header is not an object`);
    if (name === '__metadata__') {
      for (const [key, note] of Object.entries(value)) {
        if (typeof note !== 'string')
          throw broken(`metadata "${key}" is not a string`, 'a string', typeof note);
        Object.defineProperty(metadata, key, {
          value: note,
          enumerable: true,
          writable: true,
          configurable: true,
        });
      }
      continue;
    }
    entries.push(parseEntry(name, value, broken));
  }

  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of entries) {
    if (begin < at)
      throw broken(`"${name}" overlaps another tensor`, `it to begin at byte ${at}`, `byte ${begin}`);
    if (begin > at)
      throw broken(`there is a gap before "${name}"`, `it to begin at byte ${at}`, `byte ${begin}`);
    at = end;
  }
  if (at > dataBytes) throw broken('it is truncated', `${at} bytes of data`, `${dataBytes} bytes`);
  if (at < dataBytes)
    throw broken('bytes follow the last tensor', `${at} bytes of data`, `${dataBytes} bytes`);
  return { entries, metadata };
}

/**
 * The first key that occurs twice in an object of a valid JSON text. `JSON.parse` keeps the last of two, other readers
 * the first, so programs would read such a file differently.
 */
function repeatedKey(json: string): string | undefined {
  const keys: (Set<string> | undefined)[] = [];
  const tokens = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g;
  for (const [token, colon] of json.matchAll(tokens)) {
    if (token === '{') keys.push(new Set());
    else if (token === '[') keys.push(undefined);
    else if (token === '}' || token === ']') keys.pop();
    else if (colon !== undefined) {
      const key = JSON.parse(token.slice(0, -colon.length)) as string;
      if (keys.at(-1)!.has(key)) return key;
      keys.at(-1)!.add(key);
    }
  }
  return undefined;
}

type Broken = (what: string, expected?: string, got?: string, next?: string) => CheckpointError;

function parseEntry(name: string, value: Record<string, unknown>, broken: Broken): Entry {
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !Object.hasOwn(ARRAYS, dtype)) {
    throw broken(
      `"${name}" has a dtype that is not supported`,
      Object.keys(ARRAYS).join(', '),
      excerpt(dtype),
      'convert the tensor to float32 (in PyTorch: tensor.float()) and save it again',
    );
  }
  if (!isSizes(shape)) {
    throw broken(`"${name}" has no valid shape`, 'an array of whole numbers', excerpt(shape));
  }
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw broken(`"${name}" has no valid data_offsets`, '[begin, end]', excerpt(offsets));
  }
  const [begin, end] = offsets as [number, number];
  const info = { dtype: dtype as NumberFormat, shape };
  const count = countOf(info);
  const bytes = count * widthOf(info);
  // Beyond 2^53 the product is inexact, but no file is that long.
  if (!Number.isSafeInteger(bytes) || bytes !== end - begin) {
    throw broken(
      `the size of "${name}" does not fit its shape`,
      `${bytes} bytes for ${dtype} [${shape}]`,
      `${end - begin} bytes`,
    );
  }
  return { name, ...info, count, begin, end };
}
