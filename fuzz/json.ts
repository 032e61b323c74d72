import type { Generator } from '../src/random.js';
import { bytesOf, textOf } from './bytes.js';
import { pick } from './mutate.js';

type Json = string | number | boolean | null | Json[] | Raw | Pair[];
/** Raw text in place of a value, for text that JSON.stringify would not produce. */
class Raw {
  constructor(readonly text: string) {}
}
/** A member of an object. Objects are lists of members here, so that keys may repeat or be `__proto__`. */
class Pair {
  constructor(
    public key: string,
    public value: Json,
  ) {}
}

const isObject = (value: Json): value is Pair[] => Array.isArray(value) && value[0] instanceof Pair;

const KEYS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'length',
  'then',
  '',
  '0',
];
const SCALARS: readonly Json[] = [
  null,
  true,
  false,
  '',
  'a',
  '__proto__',
  'NaN',
  'Infinity',
  '../../x',
  '\u0000',
  '\ud800',
  '1e999',
  0,
  -1,
  1,
  0.5,
  -0.5,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  1e21,
  1e300,
  1e308,
  5e-324,
  new Raw('-0'),
  new Raw('1e999'),
  new Raw('-1e999'),
  new Raw('0.1e-400'),
  new Raw('12345678901234567890'),
  new Raw('[]'),
  new Raw('{}'),
  new Raw('{"__proto__":{"polluted":1}}'),
  new Raw('{"constructor":{"prototype":{"polluted":1}}}'),
  new Raw('{"toString":1,"toJSON":2,"length":-1}'),
];

/** Deeply nested or very long JSON. */
function large(random: Generator, most: number): Json {
  const length = 1 << random.integer(Math.max(1, Math.floor(Math.log2(most))));
  switch (random.integer(5)) {
    case 0:
      return new Raw('['.repeat(length / 2) + ']'.repeat(length / 2));
    case 1:
      return new Raw(`${'{"a":'.repeat(length / 6)}1${'}'.repeat(length / 6)}`);
    case 2:
      return new Raw(`[${'0,'.repeat(length / 2)}1]`);
    case 3:
      return 'x'.repeat(length);
    default:
      return new Raw(`{${Array.from({ length: length / 8 }, (_, i) => `"k${i}":${i}`).join()}}`);
  }
}

/** JSON nested more deeply is mutated as bytes. */
const DEEPEST = 64;

function fromValue(value: unknown, depth = 0): Json {
  if (depth > DEEPEST) throw new RangeError('too deep');
  if (Array.isArray(value)) return value.map((inner) => fromValue(inner, depth + 1));
  if (typeof value !== 'object' || value === null) return value as Json;
  const pairs = Object.entries(value).map(([key, inner]) => new Pair(key, fromValue(inner, depth + 1)));
  return pairs.length > 0 ? pairs : new Raw('{}');
}

function write(value: Json): string {
  if (value instanceof Raw) return value.text;
  if (!Array.isArray(value)) return JSON.stringify(value);
  const entries = value as (Json | Pair)[];
  // Mutations may have put a value among members, or a member among values.
  return isObject(value)
    ? `{${entries.flatMap((e) => (e instanceof Pair ? `${JSON.stringify(e.key)}:${write(e.value)}` : [])).join()}}`
    : `[${entries.map((e) => write(e instanceof Pair ? e.value : e)).join()}]`;
}

/** A value in a document, and a function that replaces it. */
interface Place {
  readonly value: Json;
  readonly set: (value: Json) => void;
  readonly list?: Json[] | Pair[];
  readonly index?: number;
}

function placesOf(root: Json, setRoot: (value: Json) => void): Place[] {
  const places: Place[] = [{ value: root, set: setRoot }];
  const visit = (value: Json): void => {
    if (!Array.isArray(value)) return;
    for (const [index, entry] of value.entries()) {
      const inner = entry instanceof Pair ? entry.value : entry;
      const set = (by: Json): void => {
        if (entry instanceof Pair) entry.value = by;
        else (value as Json[])[index] = by;
      };
      places.push({ value: inner, set, list: value as Json[] | Pair[], index });
      visit(inner);
    }
  };
  visit(root);
  return places;
}

function parse(bytes: Uint8Array): Json | undefined {
  try {
    return fromValue(JSON.parse(textOf(bytes)));
  } catch {
    return undefined;
  }
}

/** Mutates the structure of a JSON document; undefined if the bytes are not valid JSON. */
export function mutateJson(
  input: Uint8Array,
  random: Generator,
  { other, most, words }: { other: () => Uint8Array; most: number; words: readonly string[] },
): Uint8Array | undefined {
  let root = parse(input);
  if (root === undefined) return undefined;
  // A place may have been moved or removed by an earlier change; changing it then has no effect.
  const places = placesOf(root, (value) => {
    root = value;
  });
  for (let left = 1 << random.integer(3); left > 0; left--) {
    const { value, set, list, index } = pick(random, places);
    const key = (): string => pick(random, random.integer(2) === 0 || words.length === 0 ? KEYS : words);
    switch (random.integer(9)) {
      case 0:
      case 1:
        set(pick(random, SCALARS));
        break;
      case 2:
        if (typeof value === 'number')
          set(value * pick(random, [-1, 0.5, 2, 10, 1e10]) + random.integer(3) - 1);
        else set(words.length > 0 ? pick(random, words) : pick(random, SCALARS));
        break;
      case 3:
        if (list) list.splice(index!, 1);
        break;
      case 4:
        if (list && index! < list.length)
          (list as Json[]).splice(random.integer(list.length + 1), 0, list[index!] as Json);
        break;
      case 5:
        if (list?.[index!] instanceof Pair) list[index!] = new Pair(key(), value);
        break;
      case 6:
        if (isObject(value)) value.push(new Pair(key(), pick(random, SCALARS)));
        else if (Array.isArray(value)) (value as Json[]).push(pick(random, SCALARS));
        break;
      case 7: {
        const more = parse(other());
        if (more !== undefined)
          set(
            pick(
              random,
              placesOf(more, () => {}),
            ).value,
          );
        break;
      }
      default:
        if (random.integer(64) === 0) set(large(random, most));
        else set(pick(random, SCALARS));
    }
  }
  const bytes = bytesOf(write(root));
  return bytes.length > most ? bytes.slice(0, most) : bytes;
}
