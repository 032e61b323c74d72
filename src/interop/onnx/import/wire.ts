import { quoted, refuse } from './refuse.js';

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

const WHOLE = 'fetch or write the file again';
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The largest field number that Protocol Buffers allow. */
const MAX_FIELD = 2 ** 29 - 1;
/** Values of a repeated field, fields of a message: more than any network has, and a few megabytes. */
const MAX_ITEMS = 1_000_000;

/** Reads one message's bytes from front to back, and never beyond their end. */
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
   * A 64-bit integer, signed. One beyond 2^53 loses its last digits: such numbers stand for "to the end" in
   * ONNX, and as a size nothing accepts them.
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

  /** A negative number, whose two's complement wants all of its bits. */
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

/** One field of a message, as the wire has it; reading it as something else is refused. */
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

  /** A text that names something: short, and without control characters. */
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

  /** Appends one integer, or a packed list of them. */
  ints(to: number[]): void {
    if (this.wire === VARINT) to.push(this.int());
    else for (const cursor = new Cursor(this.bytes(), this.what); !cursor.done; ) to.push(cursor.varint());
  }

  /** Appends one single-precision number, or a packed list of them. */
  floats(to: number[]): void {
    this.#reals(to, FIXED32, 4, (bytes, at) => bytes.getFloat32(at, true));
  }

  /** Appends one double-precision number, or a packed list of them. */
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
 * The fields of a message in Google's Protocol Buffers encoding, one after another.
 *
 * @param what the message, as errors call it
 * @throws CheckpointError for bytes that are no message: nothing outside of them is read
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
    // Groups, 3 and 4, which nobody has written for many years.
    else refuse(`field ${number} of ${what}`, 'wire type 0, 1, 2 or 5', String(wire), WHOLE);
  }
}

/** Adds to a list that a file makes as long as it likes, up to a limit. */
export function append<T>(list: T[], item: T, what: string): void {
  if (list.length >= MAX_ITEMS) refuse(`${what} has too many parts`, `at most ${MAX_ITEMS}`, 'more');
  list.push(item);
}
