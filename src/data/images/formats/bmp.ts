import { DataError } from '../../../errors/errors.js';
import type { Size } from '../shrink/shrink.js';

/** The parsed headers and palette of a BMP. */
export interface BmpHeader extends Size {
  readonly topDown: boolean;
  readonly bits: number;
  readonly compression: number;
  /** Byte offset of the pixels. */
  readonly pixels: number;
  /** Palette: 0xBBGGRR by index. */
  readonly palette: Int32Array;
  /** Bit masks of red, green and blue in pixels of 16 or 32 bits. */
  readonly masks: readonly [red: number, green: number, blue: number];
}

const [RGB, RLE8, RLE4, BITFIELDS, JPEG, PNG, ALPHA_BITFIELDS] = [0, 1, 2, 3, 4, 5, 6];
/** Size of OS/2's header version 1, whose palette entries have three bytes. */
const CORE = 12;
const INFO = 40;
const FILE_HEADER = 14;

const broken = (got: string): DataError =>
  new DataError({ what: 'the image cannot be decoded', expected: 'a complete BMP', got });

/** Reads the headers and the palette of a BMP. @throws DataError if damaged or of an unknown kind */
export function bmpHeader(bytes: Uint8Array): BmpHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const need = (end: number) => {
    if (end > bytes.length) throw broken(`a file that ends inside the header, after ${bytes.length} bytes`);
  };
  need(FILE_HEADER + 4);
  const pixels = view.getUint32(10, true);
  const size = view.getUint32(14, true);
  need(FILE_HEADER + size);
  const core = size === CORE;
  // OS/2's header version 2 may be shortened after any field.
  const field = (at: number): number => (at + 4 <= FILE_HEADER + size ? view.getUint32(at, true) : 0);
  const width = core ? view.getUint16(18, true) : view.getInt32(18, true);
  const tall = core ? view.getUint16(20, true) : view.getInt32(22, true);
  const bits = view.getUint16(core ? 24 : 28, true);
  const compression = core ? RGB : field(30);
  const height = Math.abs(tall);
  if (width < 1 || height < 1) throw broken(`a size of ${width} × ${tall}`);
  if (size === 64 && compression === BITFIELDS) throw broken('Huffman coding, which is not supported');
  checkKind(bits, compression, tall < 0);
  const masks = masksOf(bits, compression);
  if (masks === 'file') need(54 + 12);
  const behind =
    FILE_HEADER +
    size +
    (masks === 'file' && size === INFO ? (compression === ALPHA_BITFIELDS ? 16 : 12) : 0);
  return {
    width,
    height,
    topDown: tall < 0,
    bits,
    compression,
    pixels,
    palette:
      bits > 8
        ? new Int32Array(0)
        : readPalette(bytes, behind, core ? 3 : 4, 2 ** bits, core ? 0 : field(46), pixels),
    masks:
      masks === 'file'
        ? [view.getUint32(54, true), view.getUint32(58, true), view.getUint32(62, true)]
        : masks,
  };
}

function checkKind(bits: number, compression: number, topDown: boolean): void {
  const fits: Readonly<Record<number, readonly number[]>> = {
    [RGB]: [1, 2, 4, 8, 16, 24, 32],
    [RLE8]: [8],
    [RLE4]: [4],
    [BITFIELDS]: [16, 32],
    [ALPHA_BITFIELDS]: [16, 32],
  };
  if (compression === JPEG || compression === PNG)
    throw broken(`a ${compression === JPEG ? 'JPEG' : 'PNG'} inside, which is not supported`);
  if (!fits[compression]?.includes(bits))
    throw broken(`${bits} bits per pixel with compression ${compression}`);
  if (topDown && (compression === RLE8 || compression === RLE4))
    throw broken('run-length encoding with rows stored top-down');
}

function masksOf(bits: number, compression: number): BmpHeader['masks'] | 'file' {
  if (compression === BITFIELDS || compression === ALPHA_BITFIELDS) return 'file';
  return bits === 16 ? [0x7c00, 0x3e0, 0x1f] : [0xff0000, 0xff00, 0xff];
}

function readPalette(
  bytes: Uint8Array,
  at: number,
  entry: number,
  most: number,
  declared: number,
  pixels: number,
): Int32Array {
  const room = Math.floor((Math.min(pixels, bytes.length) - at) / entry);
  const count = Math.min(declared === 0 ? most : declared, most, Math.max(0, room));
  return Int32Array.from({ length: count }, (_, i) => {
    const from = at + i * entry;
    return bytes[from + 2]! | (bytes[from + 1]! << 8) | (bytes[from]! << 16);
  });
}

/**
 * Decodes a BMP of 1, 2, 4, 8, 16, 24 or 32 bits per pixel, also run-length encoded; alpha is dropped.
 *
 * @param into receives width × height pixels, 0xBBGGRR
 * @throws DataError if the file is truncated or uses a colour that its palette lacks
 */
export function decodeBmp(bytes: Uint8Array, header: BmpHeader, into: Int32Array): void {
  if (header.compression === RLE8 || header.compression === RLE4) decodeRuns(bytes, header, into);
  else decodeRows(bytes, header, into);
}

function colourOf({ palette }: BmpHeader, index: number): number {
  const colour = palette[index];
  if (colour === undefined) throw broken(`colour ${index} with a palette of ${palette.length} colours`);
  return colour;
}

function decodeRows(bytes: Uint8Array, header: BmpHeader, into: Int32Array): void {
  const { width, height, bits, topDown, pixels } = header;
  // Rows are padded to a multiple of four bytes.
  const stride = 4 * Math.ceil((width * bits) / 32);
  const missing = pixels + stride * (height - 1) + Math.ceil((width * bits) / 8) - bytes.length;
  if (missing > 0) throw broken(`a file that is ${missing} bytes too short`);
  const pixel = pixelReader(bytes, header);
  for (let y = 0; y < height; y++) {
    const row = pixels + stride * (topDown ? y : height - 1 - y);
    for (let x = 0, to = y * width; x < width; x++) into[to++] = pixel(row, x);
  }
}

function pixelReader(bytes: Uint8Array, header: BmpHeader): (row: number, x: number) => number {
  const { bits, masks } = header;
  if (bits === 24)
    return (row, x) => {
      const at = row + 3 * x;
      return bytes[at + 2]! | (bytes[at + 1]! << 8) | (bytes[at]! << 16);
    };
  if (bits > 8) {
    const [red, green, blue] = masks.map(channelReader) as [Channel, Channel, Channel];
    const step = bits / 8;
    return (row, x) => {
      const at = row + step * x;
      const low = bytes[at]! | (bytes[at + 1]! << 8);
      const word = bits === 16 ? low : low | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      return red(word) | (green(word) << 8) | (blue(word) << 16);
    };
  }
  const [perByte, mask] = [8 / bits, 2 ** bits - 1];
  return (row, x) => {
    const shift = 8 - bits * (1 + (x % perByte));
    return colourOf(header, (bytes[row + Math.floor(x / perByte)]! >> shift) & mask);
  };
}

type Channel = (word: number) => number;

/** Reads the bits under a mask, scaled to 0…255. */
function channelReader(mask: number): Channel {
  if (mask === 0) return () => 0;
  const shift = 31 - Math.clz32(mask & -mask);
  const most = mask >>> shift;
  return (word) => Math.trunc((((word & mask) >>> shift) * 255) / most);
}

/** Run-length encoding (RLE8, RLE4). Skipped pixels get the first colour of the palette, as in Pillow. */
function decodeRuns(bytes: Uint8Array, header: BmpHeader, into: Int32Array): void {
  const { width, height, bits, pixels } = header;
  into.fill(header.palette[0] ?? 0, 0, width * height);
  let [at, x, y] = [pixels, 0, 0];
  const next = (): number => {
    if (at >= bytes.length) throw broken('a file that ends inside the pixels');
    return bytes[at++]!;
  };
  const put = (index: number) => {
    if (x >= width || y >= height) throw broken('a run that extends beyond the image');
    into[(height - 1 - y) * width + x++] = colourOf(header, index);
  };
  // RLE4 has two pixels per byte, the high nibble first.
  const half = (byte: number, i: number) => (bits === 8 ? byte : i % 2 === 0 ? byte >> 4 : byte & 15);
  for (;;) {
    const [count, value] = [next(), next()];
    if (count > 0) for (let i = 0; i < count; i++) put(half(value, i));
    else if (value === 1) return;
    else if (value === 0) {
      x = 0;
      y++;
    } else if (value === 2) {
      x += next();
      y += next();
    } else {
      const start = at;
      for (let i = 0, byte = 0; i < value; i++) {
        if (bits === 8 || i % 2 === 0) byte = next();
        put(half(byte, i));
      }
      // Padded to an even number of bytes.
      if ((at - start) % 2 === 1) next();
    }
    // The end marker may be missing once all rows are complete.
    if (y >= height || (at >= bytes.length && y === height - 1 && x === width)) return;
  }
}
