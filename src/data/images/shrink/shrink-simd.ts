/*
 * The two inner loops of `shrink.ts` in WebAssembly with 128-bit SIMD, assembled by hand; several times as fast as in
 * JavaScript. Bytes of two neighbouring pixels are interleaved and widened to 16 bits, so that one instruction
 * multiplies them by two weights and adds the products in 32 bits. Opcodes: WebAssembly 2.0 specification, section 5.4.
 */

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
/** Missing in the types of Node.js. */
declare const WebAssembly: {
  validate(bytes: Uint8Array): boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/** Functions of the module; all addresses are byte offsets in `memory`. Weights are 16-bit numbers, see `taps.ts`. */
export interface SimdShrink {
  readonly memory: Memory;
  /**
   * Weighted sum of rows of bytes: `to[i] = (sum over k of from[i + k stride] weight[k] + half) >> bits` for `bytes`
   * bytes, 16 at a time. The weights lie from `weights` to `end`; their number is even.
   */
  down(
    from: number,
    stride: number,
    to: number,
    bytes: number,
    weights: number,
    end: number,
    bits: number,
  ): void;
  /** {@link down} of four rows, which is enough to shrink by up to 2. */
  readonly downFour: SimdShrink['down'];
  /**
   * Scales a row of 4-byte pixels to `count` pixels (a multiple of 4) in three planes, `plane` bytes apart. For each
   * output pixel, `starts` has the 32-bit address of its first input pixel and `weights` has `size` bytes of weights,
   * whose number is a multiple of 4.
   */
  across(
    starts: number,
    weights: number,
    to: number,
    plane: number,
    count: number,
    size: number,
    bits: number,
  ): void;
  /** {@link across} with four weights for each output pixel. */
  readonly acrossFour: SimdShrink['across'];
}

/** Size of a memory page in bytes. */
export const PAGE = 65536;

type Code = readonly (number | Code)[];

const flat = (code: Code): number[] => code.flatMap((part) => (typeof part === 'number' ? part : flat(part)));

/** An unsigned number in LEB128. */
function leb(value: number): number[] {
  const low = value & 127;
  const rest = value >>> 7;
  return rest === 0 ? [low] : [low | 128, ...leb(rest)];
}

/** Prefixes contents with their length or count. */
const sized = (code: Code): number[] => {
  const bytes = flat(code);
  return [...leb(bytes.length), ...bytes];
};
const listed = (items: readonly Code[]): number[] => [...leb(items.length), ...flat(items)];
const section = (id: number, items: readonly Code[]): number[] => [id, ...sized(listed(items))];
const text = (name: string): number[] => sized([...new TextEncoder().encode(name)]);

const [I32, V128, FUNCTION] = [0x7f, 0x7b, 0x60];

const get = (local: number): Code => [0x20, leb(local)];
const set = (local: number, value: Code): Code => [value, 0x21, leb(local)];
const number = (value: number): Code => [0x41, ...signed(value)];
const add = (a: Code, b: Code): Code => [a, b, 0x6a];
/** A signed number in LEB128, for small values that are not negative. */
function signed(value: number): number[] {
  const bytes = leb(value);
  return (bytes.at(-1)! & 64) === 0 ? bytes : [...bytes.slice(0, -1), bytes.at(-1)! | 128, 0];
}
/** A loop that repeats `body` until one local equals another. */
const until = (local: number, end: number, body: Code): Code => [
  [0x03, 0x40, body],
  [get(local), get(end), 0x49, 0x0d, 0x00, 0x0b],
];

const simd = (opcode: number): Code => [0xfd, leb(opcode)];
const load = (address: Code): Code => [address, simd(0), 0, 0];
/** Loads 32 bits into all four lanes. */
const loadSplat = (address: Code, offset: number): Code => [address, simd(9), 0, leb(offset)];
const store = (address: Code, value: Code): Code => [address, value, simd(11), 0, 0];
const storeLane = (address: Code, value: Code, lane: number): Code => [address, value, simd(90), 0, 0, lane];
const load32 = (address: Code, offset: number): Code => [address, 0x28, 0, leb(offset)];
/** i8x16.shuffle: selects bytes of two vectors by index. */
const shuffle = (a: Code, b: Code, places: readonly number[]): Code => [a, b, simd(13), ...places];
const low16 = (bytes: Code): Code => [bytes, simd(137)];
const high16 = (bytes: Code): Code => [bytes, simd(138)];
const add32 = (a: Code, b: Code): Code => [a, b, simd(174)];
/** i32x4.dot_i16x8_s: sums of the products of two neighbouring words. */
const dot = (a: Code, b: Code): Code => [a, b, simd(186)];
/** Shifts the words of four vectors right and narrows them to the 16 bytes of one. */
const narrowed = (sums: readonly number[], bits: Code): Code => {
  const [a, b, c, d] = sums.map((sum): Code => [get(sum), bits, simd(173)]) as [Code, Code, Code, Code];
  return [a, b, simd(133), c, d, simd(133), simd(102)];
};
/** One half in units of 2^-bits, in all four lanes. */
const half = (bits: Code): Code => [number(1), bits, number(1), 0x6b, 0x74, simd(17)];

/** Shuffle indices: the first eight bytes of two vectors alternately, and the second eight. */
const LOWER = [0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23];
const UPPER = LOWER.map((place) => place + 8);

/** @param four for four rows, without an inner loop */
function down(four: boolean): Code {
  const [from, stride, to, end, weights, last, bits] = [0, 1, 2, 3, 4, 5, 6];
  const [row, weight] = [7, 8];
  const [rounding, p, q, pair] = [9, 10, 11, 12];
  const sums = [13, 14, 15, 16];
  const factors = 17;
  /** Adds two rows of eight bytes to two sums. */
  const eight = (places: readonly number[], first: number, second: number, by: number): Code => [
    set(pair, shuffle(get(p), get(q), places)),
    set(first, add32(get(first), dot(low16(get(pair)), get(by)))),
    set(second, add32(get(second), dot(high16(get(pair)), get(by)))),
  ];
  const addRows = (by: number): Code => [
    set(p, load(get(row))),
    set(row, add(get(row), get(stride))),
    set(q, load(get(row))),
    set(row, add(get(row), get(stride))),
    eight(LOWER, sums[0]!, sums[1]!, by),
    eight(UPPER, sums[2]!, sums[3]!, by),
  ];
  const pairs = four ? [0, 1] : [];
  return [
    set(rounding, half(get(bits))),
    pairs.map((k) => set(factors + k, loadSplat(get(weights), 4 * k))),
    // Turn the number of bytes into the end address.
    set(end, add(get(to), get(end))),
    until(to, end, [
      set(row, get(from)),
      sums.map((sum) => set(sum, get(rounding))),
      four
        ? pairs.map((k) => addRows(factors + k))
        : [
            set(weight, get(weights)),
            until(weight, last, [
              set(factors, loadSplat(get(weight), 0)),
              set(weight, add(get(weight), number(4))),
              addRows(factors),
            ]),
          ],
      store(get(to), narrowed(sums, get(bits))),
      set(from, add(get(from), number(16))),
      set(to, add(get(to), number(16))),
    ]),
  ];
}

/** Shuffle indices: four RGBX pixels as two pairs, each with the two reds first, then greens, blues and the rest. */
const PAIRS = [0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15];
/** Shuffle indices: from four RGBX pixels to four reds, four greens and four blues. */
const BY_COLOUR = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];

/** @param four for four weights per output pixel, without an inner loop */
function across(four: boolean): Code {
  const [starts, weights, to, plane, end, size, bits] = [0, 1, 2, 3, 4, 5, 6];
  const [from, last] = [7, 8];
  const [rounding, p, ...sums] = [9, 10, 11, 12, 13, 14];
  /** Adds four input pixels to the colours of an output pixel. */
  const addPixels = (sum: number): Code => [
    set(p, load(get(from))),
    set(p, shuffle(get(p), get(p), PAIRS)),
    set(sum, add32(get(sum), dot(low16(get(p)), loadSplat(get(weights), 0)))),
    set(sum, add32(get(sum), dot(high16(get(p)), loadSplat(get(weights), 4)))),
    set(weights, add(get(weights), number(8))),
  ];
  /** The colours of an output pixel; moves `weights` to the next one. */
  const pixel = (sum: number, i: number): Code => [
    set(from, load32(get(starts), 4 * i)),
    set(sum, get(rounding)),
    four
      ? addPixels(sum)
      : [
          set(last, add(get(weights), get(size))),
          until(weights, last, [addPixels(sum), set(from, add(get(from), number(16)))]),
        ],
  ];
  return [
    set(rounding, half(get(bits))),
    set(end, add(get(to), get(end))),
    until(to, end, [
      sums.map(pixel),
      set(p, narrowed(sums, get(bits))),
      set(p, shuffle(get(p), get(p), BY_COLOUR)),
      storeLane(get(to), get(p), 0),
      storeLane(add(get(to), get(plane)), get(p), 1),
      storeLane(add(add(get(to), get(plane)), get(plane)), get(p), 2),
      set(starts, add(get(starts), number(16))),
      set(to, add(get(to), number(4))),
    ]),
  ];
}

/** The binary module (specification, section 5.5). */
function moduleBytes(): Uint8Array<ArrayBuffer> {
  /** A function with two whole numbers and some vectors as locals. */
  const body = (vectors: number, code: Code): Code => sized([2, 2, I32, vectors, V128, code, 0x0b]);
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [[FUNCTION, listed(Array(7).fill([I32])), 0]]),
    ...section(3, [[0], [0], [0], [0]]),
    // A memory of at least one page of 64 KiB.
    ...section(5, [[0, 1]]),
    ...section(7, [
      [text('memory'), 2, 0],
      [text('down'), 0, 0],
      [text('across'), 0, 1],
      [text('downFour'), 0, 2],
      [text('acrossFour'), 0, 3],
    ]),
    ...section(10, [
      body(9, down(false)),
      body(6, across(false)),
      body(10, down(true)),
      body(6, across(true)),
    ]),
  ]);
}

/** Instantiates the module; undefined if WebAssembly has no SIMD here. */
export function simdShrink(): SimdShrink | undefined {
  const bytes = moduleBytes();
  if (!WebAssembly.validate(bytes)) return undefined;
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as SimdShrink;
}
