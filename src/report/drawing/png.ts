import { crc32 } from '../../files/crc32.js';

/** An image as height × width × 3 bytes (red, green, blue). */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Maximum length of a stored deflate block. */
const BLOCK = 65_535;

/** Makes zlib's format of bytes. */
export type Compress = (data: Uint8Array) => Uint8Array;

const GREYSCALE = 0;
const RGB = 2;

/**
 * Encodes a PNG (RFC 2083), by default without compression: fast enough for small images, and it runs in browsers too.
 * An image without colours has one channel.
 */
export function encodePng({ width, height, rgb }: Pixels, compress: Compress = stored): Uint8Array {
  const isGrey = rgb.every((value, i) => value === rgb[i - (i % 3)]);
  const pixels = isGrey ? rgb.filter((_, i) => i % 3 === 0) : rgb;
  const row = width * (isGrey ? 1 : 3);
  // Each row begins with a filter byte: 0, none.
  const raw = new Uint8Array(height * (1 + row));
  for (let y = 0; y < height; y++) raw.set(pixels.subarray(row * y, row * (y + 1)), y * (1 + row) + 1);
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  // Eight bits per channel.
  header.set([8, isGrey ? GREYSCALE : RGB, 0, 0, 0], 8);
  const parts = [
    Uint8Array.from(SIGNATURE),
    chunk('IHDR', header),
    chunk('IDAT', compress(raw)),
    chunk('IEND', new Uint8Array(0)),
  ];
  return joined(parts);
}

/** An image as a data URI, for `href`. */
export function pngUri(pixels: Pixels, compress?: Compress): string {
  return `data:image/png;base64,${base64(encodePng(pixels, compress))}`;
}

/** zlib format with stored blocks (RFC 1950, 1951). */
function stored(data: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(0x78, 0x01)];
  for (let from = 0; from === 0 || from < data.length; from += BLOCK) {
    const piece = data.subarray(from, from + BLOCK);
    const length = piece.length;
    const last = from + BLOCK >= data.length ? 1 : 0;
    parts.push(Uint8Array.of(last, length & 255, length >> 8, ~length & 255, (~length >> 8) & 255), piece);
  }
  let [a, b] = [1, 0];
  for (const byte of data) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  parts.push(Uint8Array.of(b >> 8, b & 255, a >> 8, a & 255));
  return joined(parts);
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function base64(bytes: Uint8Array): string {
  let text = '';
  // In pieces, because the number of call arguments is limited.
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}
