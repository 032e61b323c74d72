/** Wire types of Google's Protocol Buffers encoding (protobuf.dev/programming-guides/encoding). */
const VARINT = 0;
const DELIMITED = 2;
const FLOAT = 5;

const text = new TextEncoder();

/** A message as pieces of bytes, so that tensors of hundreds of megabytes are never copied together. */
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
    return this.#push(varint((field << 3) | wire));
  }

  /** An integer; a negative one takes ten bytes, as int64 does. */
  int(field: number, value: number): this {
    return this.#tag(field, VARINT).#push(varint(value));
  }

  /** A single-precision number. */
  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#tag(field, FLOAT).#push(bytes);
  }

  /** Bytes, which must not change until the message is written. */
  bytes(field: number, data: Uint8Array): this {
    return this.#tag(field, DELIMITED).#push(varint(data.length)).#push(data);
  }

  string(field: number, value: string): this {
    return this.bytes(field, text.encode(value));
  }

  message(field: number, inner: Message): this {
    this.#tag(field, DELIMITED).#push(varint(inner.length));
    for (const piece of inner.pieces) this.#push(piece);
    return this;
  }

  /** A repeated integer in the packed form. */
  ints(field: number, values: readonly number[]): this {
    return values.length === 0 ? this : this.bytes(field, joined(values.map(varint)));
  }
}

/** Seven bits a byte, the lowest first; all but the last byte have the eighth bit set. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/** Pieces as one array. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((total, piece) => total + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
