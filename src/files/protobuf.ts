/** Wire types of Protocol Buffers (protobuf.dev/programming-guides/encoding). */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

const utf8 = new TextEncoder();

/**
 * Writes one Protocol Buffers message, field by field. The message is a list of byte arrays, so that tensors of
 * hundreds of megabytes are not copied into one buffer.
 *
 * @example
 * const image = new Message().int(1, height).int(2, width).bytes(4, png);
 * const value = new Message().string(1, 'kernels').message(4, image);
 */
export class Message {
  readonly pieces: Uint8Array[] = [];
  /** Bytes of all pieces. */
  length = 0;

  #push(piece: Uint8Array): this {
    this.pieces.push(piece);
    this.length += piece.length;
    return this;
  }

  #tag(field: number, wire: number): this {
    return this.#push(varint(field * 8 + wire));
  }

  /** int32, int64 or enum; a negative value takes ten bytes. */
  int(field: number, value: number): this {
    return this.#tag(field, VARINT).#push(varint(value));
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#tag(field, FIXED32).#push(bytes);
  }

  double(field: number, value: number): this {
    return this.#tag(field, FIXED64).#push(doubles([value]));
  }

  /** @param data must not change until the message is written */
  bytes(field: number, data: Uint8Array): this {
    return this.#tag(field, BYTES).#push(varint(data.length)).#push(data);
  }

  string(field: number, value: string): this {
    return this.bytes(field, utf8.encode(value));
  }

  message(field: number, inner: Message): this {
    this.#tag(field, BYTES).#push(varint(inner.length));
    for (const piece of inner.pieces) this.#push(piece);
    return this;
  }

  /** `repeated int64`, packed. */
  ints(field: number, values: readonly number[]): this {
    return values.length === 0 ? this : this.bytes(field, concatenated(values.map(varint)));
  }

  /** `repeated double`, packed. */
  doubles(field: number, values: readonly number[]): this {
    return values.length === 0 ? this : this.bytes(field, doubles(values));
  }

  /** The whole message as one array. */
  encode(): Uint8Array {
    return concatenated(this.pieces);
  }
}

/** Base-128 varint: 7 bits per byte, lowest first; the high bit is set in all bytes but the last. */
function varint(value: number): Uint8Array {
  if (!Number.isInteger(value)) throw new RangeError(`${value} is not an integer`);
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

function doubles(values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * values.length));
  for (const [i, value] of values.entries()) view.setFloat64(8 * i, value, true);
  return new Uint8Array(view.buffer);
}

function concatenated(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((total, piece) => total + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
