/** Wire types of protocol buffers. */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/**
 * Writes one protocol-buffer message, field by field: the few kinds that event files need.
 *
 * @example
 * const image = new Message().integer(1, height).integer(2, width).bytes(4, png);
 * const value = new Message().text(1, 'kernels').message(4, image);
 */
export class Message {
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  #add(piece: Uint8Array): this {
    this.#pieces.push(piece);
    this.#length += piece.length;
    return this;
  }

  #key(field: number, type: number): this {
    return this.#add(varint(field * 8 + type));
  }

  /** int32, int64 and enum, not below 0. */
  integer(field: number, value: number): this {
    return this.#key(field, VARINT).#add(varint(value));
  }

  float(field: number, value: number): this {
    const piece = new DataView(new ArrayBuffer(4));
    piece.setFloat32(0, value, true);
    return this.#key(field, FIXED32).#add(new Uint8Array(piece.buffer));
  }

  double(field: number, value: number): this {
    return this.#key(field, FIXED64).#add(doubles([value]));
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#key(field, BYTES).#add(varint(value.length)).#add(value);
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  /** `repeated double`, packed. */
  packedDoubles(field: number, values: readonly number[]): this {
    return this.bytes(field, doubles(values));
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.encode());
  }

  encode(): Uint8Array {
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }
}

/** Seven bits a byte, the lowest first. Not with shifts, which know 32 bits only. */
function varint(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`${value} is no whole number from 0 on`);
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Uint8Array.of(...bytes, rest);
}

function doubles(values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * values.length));
  for (const [i, value] of values.entries()) view.setFloat64(8 * i, value, true);
  return new Uint8Array(view.buffer);
}
