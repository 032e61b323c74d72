import { DataError } from '../../../errors/errors.js';
import type { Size } from '../shrink/shrink.js';

/** Header of a PPM, PGM or PBM. */
export interface PnmHeader extends Size {
  /** 1 to 6: the digit after the P. */
  readonly kind: number;
  /** The value of full brightness (maxval); 1 for bitmaps. */
  readonly most: number;
  /** Byte offset of the pixels. */
  readonly pixels: number;
}

const MOST = 65_535;
const [SPACE, HASH, ZERO, NINE] = [0x20, 0x23, 0x30, 0x39];

const broken = (got: string): DataError =>
  new DataError({ what: 'the image cannot be decoded', expected: 'a complete PPM, PGM or PBM image', got });

const isSpace = (byte: number | undefined): boolean => byte === SPACE || (byte! >= 9 && byte! <= 13);

/** Reads whitespace-separated tokens; # starts a comment until the end of the line. */
class Reader {
  constructor(
    readonly bytes: Uint8Array,
    public at: number,
  ) {}

  skip(): void {
    for (;;) {
      if (isSpace(this.bytes[this.at])) this.at++;
      else if (this.bytes[this.at] === HASH) {
        while (this.at < this.bytes.length && this.bytes[this.at] !== 10 && this.bytes[this.at] !== 13)
          this.at++;
      } else return;
    }
  }

  /** Reads an integer of at most nine digits. */
  number(name: string): number {
    this.skip();
    const from = this.at;
    let value = 0;
    for (; ; this.at++) {
      const byte = this.bytes[this.at];
      if (byte === undefined || byte < ZERO || byte > NINE) break;
      value = 10 * value + byte - ZERO;
      if (value > 1e9) throw broken(`a ${name} of more than nine digits`);
    }
    if (this.at > from) return value;
    throw broken(
      this.at >= this.bytes.length ? 'a file that ends before all pixels' : `a ${name} that is not a number`,
    );
  }

  /** Reads a 0 or 1; bits need no whitespace between them. */
  bit(): number {
    this.skip();
    const byte = this.bytes[this.at++];
    if (byte === ZERO || byte === ZERO + 1) return byte - ZERO;
    throw broken(byte === undefined ? 'a file that ends before all pixels' : 'a bit that is neither 0 nor 1');
  }
}

/** Reads the header of a PBM, PGM or PPM, plain or raw. @throws DataError if it is damaged */
export function pnmHeader(bytes: Uint8Array): PnmHeader {
  const reader = new Reader(bytes, 2);
  const kind = bytes[1]! - ZERO;
  const [width, height] = [reader.number('width'), reader.number('height')];
  const most = kind === 1 || kind === 4 ? 1 : reader.number('largest value');
  if (width < 1 || height < 1) throw broken(`a size of ${width} × ${height}`);
  if (most < 1 || most > MOST) throw broken(`a largest value of ${most}, not 1 to ${MOST}`);
  // Exactly one whitespace character ends the header; the next byte is a pixel even if it looks like whitespace.
  if (kind > 3 && !isSpace(bytes[reader.at++])) throw broken('a header that does not end with whitespace');
  return { width, height, kind, most, pixels: reader.at };
}

/**
 * Decodes a PBM, PGM or PPM; values are scaled from 0…maxval to 0…255.
 *
 * @param into receives width × height pixels, 0xBBGGRR
 * @throws DataError if the file is truncated or has a value above maxval
 */
export function decodePnm(bytes: Uint8Array, header: PnmHeader, into: Int32Array): void {
  const { width, height, kind, most } = header;
  if (kind === 4) {
    decodeBits(bytes, header, into);
    return;
  }
  const colours = kind % 3 === 0 ? 3 : 1;
  const next = kind < 4 ? textReader(bytes, header) : rawReader(bytes, header, colours);
  const level = (): number => {
    const value = next();
    if (value > most) throw broken(`a value of ${value} above the largest one, ${most}`);
    return most === 255 ? value : Math.round((255 * value) / most);
  };
  for (let i = 0; i < width * height; i++) {
    const first = level();
    into[i] = colours === 1 ? first * 0x010101 : first | (level() << 8) | (level() << 16);
  }
}

function textReader(bytes: Uint8Array, { kind, pixels }: PnmHeader): () => number {
  const reader = new Reader(bytes, pixels);
  // In a bitmap, 1 is black.
  return kind === 1 ? () => 1 - reader.bit() : () => reader.number('value');
}

function rawReader(bytes: Uint8Array, { width, height, most, pixels }: PnmHeader, colours: number) {
  const wide = most > 255 ? 2 : 1;
  need(bytes, pixels + width * height * colours * wide);
  let at = pixels;
  return wide === 1
    ? () => bytes[at++]!
    : () => {
        at += 2;
        return (bytes[at - 2]! << 8) | bytes[at - 1]!;
      };
}

function decodeBits(bytes: Uint8Array, { width, height, pixels }: PnmHeader, into: Int32Array): void {
  const stride = Math.ceil(width / 8);
  need(bytes, pixels + stride * height);
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const black = (bytes[pixels + y * stride + (x >> 3)]! >> (7 - (x & 7))) & 1;
      into[to++] = black ? 0 : 0xffffff;
    }
}

function need(bytes: Uint8Array, end: number): void {
  if (end > bytes.length) throw broken(`a file that is ${end - bytes.length} bytes too short`);
}
