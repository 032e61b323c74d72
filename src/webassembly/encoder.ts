/* Encoder for a part of WebAssembly's binary format (webassembly.github.io/spec, section 5). */

import { I, V } from './instructions.js';

const I32 = 0x7f;
const V128 = 0x7b;
const EMPTY = 0x40;

/** Unsigned LEB128: 7 bits per byte, lowest first. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}

/** Signed LEB128 of a 32-bit integer. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 127;
    rest >>= 7;
    if ((rest === 0 && !(low & 64)) || (rest === -1 && low & 64)) return [...bytes, low];
    bytes.push(low | 128);
  }
}

const vector = (items: readonly (readonly number[])[]): number[] => [
  ...unsigned(items.length),
  ...items.flat(),
];
const section = (id: number, content: readonly number[]): number[] => [
  id,
  ...unsigned(content.length),
  ...content,
];
const name = (text: string): number[] => vector([...new TextEncoder().encode(text)].map((byte) => [byte]));

/** Builds the code of one function whose parameters are 32-bit integers. */
export class Code {
  readonly #bytes: number[] = [];
  readonly #locals: number[] = [];
  #isRare = false;
  #hasRareParts = false;
  readonly #constants = new Map<string, { readonly local: number; readonly bytes: readonly number[] }>();

  constructor(readonly parameters: number) {}

  #local(type: number): number {
    this.#locals.push(type);
    return this.parameters + this.#locals.length - 1;
  }

  /** A new i32 variable, for an address or a count. */
  integer(): number {
    return this.#local(I32);
  }

  /** A new v128 variable. */
  vector(): number {
    return this.#local(V128);
  }

  get(local: number): this {
    this.#bytes.push(0x20, ...unsigned(local));
    return this;
  }

  set(local: number): this {
    this.#bytes.push(0x21, ...unsigned(local));
    return this;
  }

  i32(value: number): this {
    this.#bytes.push(0x41, ...signed(value));
    return this;
  }

  /** An integer instruction without immediates. */
  i(instruction: number): this {
    this.#bytes.push(instruction);
    return this;
  }

  add(): this {
    return this.i(I.add);
  }

  sub(): this {
    return this.i(I.sub);
  }

  mul(): this {
    return this.i(I.mul);
  }

  /** i32.lt_s: 1 if the first integer on the stack is less than the second, else 0. */
  less(): this {
    return this.i(I.less);
  }

  /** Loads the integer at the address on the stack plus `offset`. */
  loadInteger(offset = 0): this {
    this.#bytes.push(0x28, 2, ...unsigned(offset));
    return this;
  }

  /** Stores the integer on the stack at the address below it plus `offset`. */
  storeInteger(offset = 0): this {
    this.#bytes.push(0x36, 2, ...unsigned(offset));
    return this;
  }

  /** The first of two values on the stack if the integer above them is not 0, else the second. */
  select(): this {
    this.#bytes.push(0x1b);
    return this;
  }

  /** Calls another function of the module; the arguments are on the stack. */
  call(index: number): this {
    this.#bytes.push(0x10, ...unsigned(index));
    return this;
  }

  /** Runs `then` if the integer on the stack is not 0, else `otherwise`. */
  if(then: () => void, otherwise?: () => void): void {
    this.#bytes.push(0x04, EMPTY);
    then();
    if (otherwise) {
      this.#bytes.push(0x05);
      otherwise();
    }
    this.#bytes.push(0x0b);
  }

  /** Runs `body`, and again while `condition` leaves a non-zero integer on the stack. */
  repeat(body: () => void, condition: () => void): void {
    this.#bytes.push(0x03, EMPTY);
    body();
    condition();
    this.#bytes.push(0x0d, 0, 0x0b);
  }

  /** Repeats `body` while `condition` leaves a non-zero integer on the stack. */
  while(condition: () => void, body: () => void): void {
    this.#bytes.push(0x02, EMPTY, 0x03, EMPTY);
    condition();
    this.#bytes.push(0x45, 0x0d, 1);
    body();
    this.#bytes.push(0x0c, 0, 0x0b, 0x0b);
  }

  /** A vector instruction without immediates. */
  v(instruction: number): this {
    this.#bytes.push(0xfd, ...unsigned(instruction));
    return this;
  }

  /** Loads from, or stores to, the address on the stack plus `offset`. Addresses need not be aligned. */
  memory(instruction: number, offset = 0, lane?: number): this {
    // The alignment is a hint, but may not be larger than the number.
    const alignment = instruction === V.load16Splat || instruction === V.store16Lane ? 1 : 2;
    this.#bytes.push(0xfd, ...unsigned(instruction), alignment, ...unsigned(offset));
    if (lane !== undefined) this.#bytes.push(lane);
    return this;
  }

  /** The same 32 bits in all four lanes. */
  bits(value: number): this {
    const word = new Uint8Array(Uint32Array.of(value).buffer);
    return this.#constant([...word, ...word, ...word, ...word]);
  }

  /** Emits code that hardly ever runs: its constants are loaded where they are used, so that they occupy no registers. */
  rarely(emit: () => void): void {
    const before = this.#isRare;
    this.#isRare = true;
    this.#hasRareParts = true;
    emit();
    this.#isRare = before;
  }

  /** Whether {@link rarely} was called. */
  get hasRareParts(): boolean {
    return this.#hasRareParts;
  }

  /** Constants are loaded once, before all loops: each `v128.const` compiles to several machine instructions. */
  #constant(bytes: readonly number[]): this {
    if (this.#isRare) {
      this.#bytes.push(0xfd, V.const, ...bytes);
      return this;
    }
    const key = bytes.join();
    let constant = this.#constants.get(key);
    if (!constant) this.#constants.set(key, (constant = { local: this.vector(), bytes }));
    return this.get(constant.local);
  }

  /** The same float32 in all four lanes. */
  f32(value: number): this {
    return this.bits(new Uint32Array(Float32Array.of(value).buffer)[0]!);
  }

  /** The same float64 in both lanes. */
  f64(value: number): this {
    const word = new Uint8Array(Float64Array.of(value).buffer);
    return this.#constant([...word, ...word]);
  }

  /** i8x16.shuffle: selects 16 bytes from the two vectors on the stack; bytes of the second count from 16. */
  shuffle(bytes: readonly number[]): this {
    this.#bytes.push(0xfd, V.shuffle, ...bytes);
    return this;
  }

  /** One lane of the vector on the stack, as an integer. */
  extract(lane: number): this {
    this.#bytes.push(0xfd, 0x1b, lane);
    return this;
  }

  encode(): number[] {
    const locals = vector(this.#locals.map((type) => [1, type]));
    const constants = [...this.#constants.values()].flatMap(({ local, bytes }) => [
      ...[0xfd, V.const, ...bytes],
      ...[0x21, ...unsigned(local)],
    ]);
    const body = [...locals, ...constants, ...this.#bytes, 0x0b];
    return [...unsigned(body.length), ...body];
  }
}

/** What a module exports, and the memory that it uses. */
export interface ModuleInterface {
  /** Positions of functions, by name. */
  readonly exports: Readonly<Record<string, number>>;
  /**
   * 'own' is a memory that is not shared, which the module exports as `memory`. Otherwise the memory is imported as
   * `m.memory`: `sharedPages` is the maximum size of a shared one in pages of 64 KiB, 0 for one that is not shared.
   */
  readonly memory: 'own' | { readonly sharedPages: number };
}

const NOT_SHARED = 0;
const SHARED_WITH_MAXIMUM = 3;
const ONE_PAGE = [NOT_SHARED, 1];
const [FUNCTION_KIND, MEMORY_KIND] = [0, 2];

/** A module of functions, which call each other by their positions. */
export function encodeModule(
  codes: readonly Code[],
  { exports, memory }: ModuleInterface,
): Uint8Array<ArrayBuffer> {
  const counts = [...new Set(codes.map(({ parameters }) => parameters))];
  const types = counts.map((count) => [0x60, ...vector(Array.from({ length: count }, () => [I32])), 0]);
  const exported = Object.entries(exports).map(([text, index]) => [
    ...name(text),
    FUNCTION_KIND,
    ...unsigned(index),
  ]);
  const limits = ({ sharedPages }: { readonly sharedPages: number }): number[] =>
    sharedPages === 0 ? ONE_PAGE : [SHARED_WITH_MAXIMUM, 1, ...unsigned(sharedPages)];
  const isOwn = memory === 'own';
  const imported = isOwn ? [] : [[...name('m'), ...name('memory'), MEMORY_KIND, ...limits(memory)]];
  if (isOwn) exported.push([...name('memory'), MEMORY_KIND, 0]);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(2, vector(imported)),
    ...section(3, vector(codes.map(({ parameters }) => unsigned(counts.indexOf(parameters))))),
    ...section(5, vector(isOwn ? [ONE_PAGE] : [])),
    ...section(7, vector(exported)),
    ...section(10, vector(codes.map((code) => code.encode()))),
  ]);
}
