import type { Generator } from '../src/random.js';
import { bytesOf, joined } from './bytes.js';

/** Boundary values of number types. */
const EDGES = [
  0n,
  1n,
  2n,
  16n,
  127n,
  128n,
  255n,
  256n,
  32767n,
  65535n,
  65536n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  (1n << 53n) - 1n,
  1n << 53n,
  (1n << 63n) - 1n,
  1n << 63n,
  (1n << 64n) - 1n,
];

export const pick = <T>(random: Generator, from: readonly T[]): T => from[random.integer(from.length)]!;

/** A position to change; half of them near the beginning, where most formats store lengths and types. */
function place(random: Generator, length: number): number {
  return random.integer(2) === 0 ? random.integer(Math.min(length, 64)) : random.integer(length);
}

type Change = (bytes: Uint8Array, random: Generator, context: Context) => Uint8Array;

export interface Context {
  readonly words: readonly Uint8Array[];
  /** Another input, to cross with. */
  readonly other: () => Uint8Array;
  readonly most: number;
}

const cut = (bytes: Uint8Array, from: number, to: number, by: Uint8Array): Uint8Array =>
  joined(bytes.subarray(0, from), by, bytes.subarray(to));

function range(bytes: Uint8Array, random: Generator): [from: number, to: number] {
  const from = place(random, bytes.length);
  const longest = Math.min(bytes.length - from, random.integer(2) === 0 ? 8 : bytes.length);
  return [from, from + 1 + random.integer(longest)];
}

const CHANGES: readonly Change[] = [
  function flipBit(bytes, random) {
    bytes[place(random, bytes.length)]! ^= 1 << random.integer(8);
    return bytes;
  },
  function setByte(bytes, random) {
    bytes[place(random, bytes.length)] = random.integer(256);
    return bytes;
  },
  function nudge(bytes, random) {
    bytes[place(random, bytes.length)]! += random.integer(33) - 16;
    return bytes;
  },
  function edgeNumber(bytes, random) {
    const width = pick(random, [1, 2, 4, 8]);
    if (bytes.length < width) return bytes;
    const at = Math.min(place(random, bytes.length), bytes.length - width);
    const [big, value] = [random.integer(2) === 0, pick(random, EDGES)];
    for (let i = 0; i < width; i++)
      bytes[at + i] = Number((value >> BigInt(8 * (big ? width - 1 - i : i))) & 255n);
    return bytes;
  },
  function remove(bytes, random) {
    return cut(bytes, ...range(bytes, random), new Uint8Array(0));
  },
  function truncate(bytes, random) {
    return bytes.slice(0, random.integer(bytes.length + 1));
  },
  function repeat(bytes, random) {
    const [from, to] = range(bytes, random);
    return cut(bytes, to, to, bytes.slice(from, to));
  },
  function move(bytes, random) {
    const [from, to] = range(bytes, random);
    const at = random.integer(bytes.length);
    return cut(bytes, at, Math.min(bytes.length, at + to - from), bytes.slice(from, to));
  },
  function insertNoise(bytes, random) {
    const at = random.integer(bytes.length + 1);
    return cut(
      bytes,
      at,
      at,
      Uint8Array.from({ length: 1 + random.integer(16) }, () => random.integer(256)),
    );
  },
  function word(bytes, random, { words }) {
    if (words.length === 0) return bytes;
    const by = pick(random, words);
    const at = random.integer(bytes.length + 1);
    return cut(bytes, at, random.integer(2) === 0 ? at : Math.min(bytes.length, at + by.length), by);
  },
  function edgeInDigits(bytes, random) {
    // Replaces the next run of digits by another number.
    let from = place(random, bytes.length);
    const digit = (at: number): boolean => bytes[at]! >= 0x30 && bytes[at]! <= 0x39;
    while (from < bytes.length && !digit(from)) from++;
    let to = from;
    while (to < bytes.length && digit(to)) to++;
    const sign = random.integer(4) === 0 ? '-' : '';
    return cut(bytes, from, to, bytesOf(`${sign}${pick(random, EDGES)}`));
  },
  function splice(bytes, random, { other }) {
    const more = other();
    const [a, b] = [random.integer(bytes.length + 1), random.integer(more.length + 1)];
    return joined(bytes.subarray(0, a), more.subarray(b));
  },
  function implant(bytes, random, { other }) {
    const more = other();
    if (more.length === 0) return bytes;
    const [from, to] = range(more, random);
    const at = random.integer(bytes.length + 1);
    return cut(bytes, at, at, more.subarray(from, to));
  },
];

/** Sometimes repeats a short piece many times, to detect quadratic running time. */
function swell(bytes: Uint8Array, random: Generator, most: number): Uint8Array {
  const [from, to] = range(bytes, random);
  const piece = bytes.slice(from, Math.min(to, from + 1 + random.integer(16)));
  const times = Math.floor((most - bytes.length) / piece.length);
  if (times < 1) return bytes;
  const swollen = Uint8Array.from({ length: times * piece.length }, (_, i) => piece[i % piece.length]!);
  return cut(bytes, to, to, swollen);
}

/** Applies several random changes. */
export function mutate(input: Uint8Array, random: Generator, context: Context): Uint8Array {
  let bytes: Uint8Array = input.slice();
  for (let left = 1 << random.integer(4); left > 0; left--) {
    if (bytes.length === 0) bytes = Uint8Array.of(random.integer(256));
    bytes = pick(random, CHANGES)(bytes, random, context);
    if (bytes.length > context.most) bytes = bytes.slice(0, context.most);
  }
  if (bytes.length > 0 && random.integer(1024) === 0) bytes = swell(bytes, random, context.most);
  return bytes;
}
