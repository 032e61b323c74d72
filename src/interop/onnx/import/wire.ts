import { quoted } from '../../../errors/excerpt.js';
import { refuse } from './refuse.js';

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

const WHOLE = 'fetch or write the file again';
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The largest field number that Protocol Buffers allow. */
const MAX_FIELD = 2 ** 29 - 1;
/** Maximum number of values of a repeated field, and of fields of a message; far more than any network has. */
const MAX_ITEMS = 1_000_000;

/** Reads the bytes of a message sequentially, with bounds checks. */
class Cursor {
  #at = 0;

  constructor(
    readonly bytes: Uint8Array,
    readonly what: string,
  ) {}

  get done(): boolean {
    return this.#at >= this.bytes.length;
  }

  /**
   * Reads a signed 64-bit varint. Beyond 2^53 it is inexact: ONNX uses such values for "to the end" of an axis, and as a
   * size they are rejected anyway.
   */
  varint(): number {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const byte = this.bytes[this.#at + i];
      if (byte === undefined) refuse(`${this.what} ends inside a number`, undefined, undefined, WHOLE);
      if (i === 9 && byte > 1) break;
      value += (byte & 127) * 2 ** (7 * i);
      if (byte >= 128) continue;
      this.#at += i + 1;
      return value < 2 ** 63 ? value : this.#exact(i + 1);
    }
    return refuse(`a number in ${this.what} is too long`, 'at most 64 bits', 'more', WHOLE);
  }

  /** A negative number, which needs all 64 bits of its two's complement. */
  #exact(length: number): number {
    let bits = 0n;
    for (let i = length - 1; i >= 0; i--)
      bits = (bits << 7n) | BigInt(this.bytes[this.#at - length + i]! & 127);
    return Number(BigInt.asIntN(64, bits));
  }

  take(count: number): Uint8Array {
    const left = this.bytes.length - this.#at;
    if (!(count >= 0 && count <= left))
      refuse(`a part of ${this.what} is longer than the rest`, `at most ${left} bytes`, `${count}`, WHOLE);
    this.#at += count;
    return this.bytes.subarray(this.#at - count, this.#at);
  }
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A field of a message; reading it as another wire type is an error. */
export class Field {
  constructor(
    readonly number: number,
    readonly wire: number,
    readonly value: number | Uint8Array,
    readonly what: string,
  ) {}

  #bytes(wire: number): Uint8Array {
    if (this.wire !== wire || typeof this.value === 'number')
      refuse(`field ${this.number} of ${this.what}`, `wire type ${wire}`, String(this.wire), WHOLE);
    return this.value;
  }

  bytes(): Uint8Array {
    return this.#bytes(DELIMITED);
  }

  text(): string {
    try {
      return utf8.decode(this.bytes());
    } catch (error) {
      if (error instanceof TypeError)
        refuse(`field ${this.number} of ${this.what}`, 'UTF-8 text', 'other bytes', WHOLE);
      throw error;
    }
  }

  /** Reads a name: short, without control characters. */
  name(): string {
    const text = this.text();
    if (text.length > 1000 || /\p{Cc}/u.test(text))
      refuse(`a name in ${this.what}`, 'at most 1000 characters that can be printed', quoted(text));
    return text;
  }

  int(): number {
    if (this.wire !== VARINT || typeof this.value !== 'number')
      refuse(`field ${this.number} of ${this.what}`, 'an integer', `wire type ${this.wire}`, WHOLE);
    return this.value;
  }

  float(): number {
    return view(this.#bytes(FIXED32)).getFloat32(0, true);
  }

  /** Appends an integer or a packed list of integers. */
  ints(to: number[]): void {
    if (this.wire === VARINT) to.push(this.int());
    else for (const cursor = new Cursor(this.bytes(), this.what); !cursor.done; ) to.push(cursor.varint());
  }

  /** Appends a float32 or a packed list of them. */
  floats(to: number[]): void {
    this.#reals(to, FIXED32, 4, (bytes, at) => bytes.getFloat32(at, true));
  }

  /** Appends a float64 or a packed list of them. */
  doubles(to: number[]): void {
    this.#reals(to, FIXED64, 8, (bytes, at) => bytes.getFloat64(at, true));
  }

  #reals(to: number[], wire: number, width: number, read: (bytes: DataView, at: number) => number): void {
    const bytes = this.#bytes(this.wire === wire ? wire : DELIMITED);
    if (bytes.length % width !== 0)
      refuse(
        `field ${this.number} of ${this.what}`,
        `numbers of ${width} bytes`,
        `${bytes.length} bytes`,
        WHOLE,
      );
    for (let at = 0; at < bytes.length; at += width) to.push(read(view(bytes), at));
  }
}

/**
 * Iterates over the fields of a message in the Protocol Buffers encoding.
 *
 * @param what name of the message, for errors
 * @throws CheckpointError for bytes that are not a valid message
 */
export function* fields(bytes: Uint8Array, what: string): Generator<Field, void, void> {
  const cursor = new Cursor(bytes, what);
  while (!cursor.done) {
    const tag = cursor.varint();
    const number = Math.floor(tag / 8);
    if (number < 1 || number > MAX_FIELD)
      refuse(`${what} has an impossible field`, `a number from 1 to ${MAX_FIELD}`, String(number), WHOLE);
    const wire = tag % 8;
    if (wire === VARINT) yield new Field(number, wire, cursor.varint(), what);
    else if (wire === DELIMITED) yield new Field(number, wire, cursor.take(cursor.varint()), what);
    else if (wire === FIXED32) yield new Field(number, wire, cursor.take(4), what);
    else if (wire === FIXED64) yield new Field(number, wire, cursor.take(8), what);
    // Wire types 3 and 4, groups, are deprecated and not supported.
    else refuse(`field ${number} of ${what}`, 'wire type 0, 1, 2 or 5', String(wire), WHOLE);
  }
}

/** Appends to a list whose length is controlled by the file. @throws CheckpointError above a limit */
export function append<T>(list: T[], item: T, what: string): void {
  if (list.length >= MAX_ITEMS) refuse(`${what} has too many parts`, `at most ${MAX_ITEMS}`, 'more');
  list.push(item);
}
