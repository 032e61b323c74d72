import { DataError } from '../../../errors/errors.js';
import type { Size } from '../shrink/shrink.js';

/** What the header of a PPM, PGM or PBM says. */
export interface PnmHeader extends Size {
  /** 1 to 6: the digit after the P. */
  readonly kind: number;
  /** The number that stands for full brightness; 1 for bits. */
  readonly most: number;
  /** Where the pixels begin. */
  readonly pixels: number;
}

const MOST = 65_535;
const [SPACE, HASH, ZERO, NINE] = [0x20, 0x23, 0x30, 0x39];

const broken = (got: string): DataError =>
  new DataError({ what: 'the image cannot be decoded', expected: 'a whole PPM, PGM or PBM image', got });

const isSpace = (byte: number | undefined): boolean => byte === SPACE || (byte! >= 9 && byte! <= 13);

/** Words of a text with comments from # to the end of the line. */
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

  /** A whole number of a few digits. */
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
      this.at >= this.bytes.length ? 'an end before all pixels' : `a ${name} that is not a number`,
    );
  }

  /** 0 or 1, which need no space between them. */
  bit(): number {
    this.skip();
    const byte = this.bytes[this.at++];
    if (byte === ZERO || byte === ZERO + 1) return byte - ZERO;
    throw broken(byte === undefined ? 'an end before all pixels' : 'a bit that is neither 0 nor 1');
  }
}

/** Reads the header of a PBM, PGM or PPM, plain or raw. @throws DataError for one that is damaged */
export function pnmHeader(bytes: Uint8Array): PnmHeader {
  const reader = new Reader(bytes, 2);
  const kind = bytes[1]! - ZERO;
  const [width, height] = [reader.number('width'), reader.number('height')];
  const most = kind === 1 || kind === 4 ? 1 : reader.number('largest value');
  if (width < 1 || height < 1) throw broken(`a size of ${width} × ${height}`);
  if (most < 1 || most > MOST) throw broken(`a largest value of ${most}, not 1 to ${MOST}`);
  // One blank ends the header; what comes then may look like one and is a pixel.
  if (kind > 3 && !isSpace(bytes[reader.at++])) throw broken('a header that does not end with a blank');
  return { width, height, kind, most, pixels: reader.at };
}

/**
 * Decodes a PBM, PGM or PPM; values are scaled from the file's largest one to 255.
 *
 * @param into width × height pixels, 0xBBGGRR
 * @throws DataError for one that ends early or has a value above its largest one
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
  // In a bitmap 1 is black.
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
  if (end > bytes.length) throw broken(`${end - bytes.length} bytes too few`);
}
