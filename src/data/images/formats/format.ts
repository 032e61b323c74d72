import { DataError } from '../../../errors/errors.js';

/** Supported formats. */
export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'tiff' | 'avif' | 'bmp' | 'pnm';

/** The `expected` part of error messages. */
export const FORMATS = 'a JPEG, PNG, WebP, GIF, TIFF, AVIF, BMP, PPM, PGM or PBM image';
/** Extensions of supported formats, to find images in folders. The format itself is detected from the first bytes. */
export const IMAGE_NAME = /\.(jpe?g|jpe|jfif|png|webp|tiff?|gif|avif|bmp|dib|p[pgbn]m)$/i;

const text = (bytes: Uint8Array, from: number, to: number): string =>
  String.fromCharCode(...bytes.subarray(from, to));

/** Whether an ISO media file (ISO 14496-12, 4.3) names a brand, among the first ones of its list. */
const hasBrand = (bytes: Uint8Array, brands: readonly string[]): boolean => {
  if (text(bytes, 4, 8) !== 'ftyp') return false;
  const end = Math.min((bytes[2]! << 8) | bytes[3]!, 128, bytes.length);
  for (let at = 8; at + 4 <= end; at += 4) if (brands.includes(text(bytes, at, at + 4))) return true;
  return false;
};

/** Sizes of a BMP's DIB header: Windows 2 to 5, OS/2 1 and 2. */
const BMP_HEADERS = [12, 16, 40, 52, 56, 64, 108, 124];

const isBmp = (bytes: Uint8Array): boolean =>
  text(bytes, 0, 2) === 'BM' &&
  bytes.length >= 18 &&
  bytes[15] === 0 &&
  bytes[16] === 0 &&
  bytes[17] === 0 &&
  BMP_HEADERS.includes(bytes[14]!);

const TIFF = ['II*\0', 'MM\0*', 'II+\0', 'MM\0+'];

/** Detects the format from the first bytes of a file; undefined if it is not supported. */
export function formatOf(bytes: Uint8Array): ImageFormat | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg';
  const start = text(bytes, 0, 12);
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (start.startsWith('RIFF') && start.endsWith('WEBP')) return 'webp';
  if (/^GIF8[79]a/.test(start)) return 'gif';
  if (TIFF.includes(start.slice(0, 4))) return 'tiff';
  if (hasBrand(bytes, ['avif', 'avis'])) return 'avif';
  if (isBmp(bytes)) return 'bmp';
  if (/^P[1-6][\s#]/.test(start)) return 'pnm';
  return undefined;
}

/** Formats often mistaken for images, for messages: offset of the signature, signature, name. */
const OTHERS: readonly (readonly [at: number, mark: string, what: string])[] = [
  [0, '\x1f\x8b', 'a gzip archive or a compressed SVG drawing'],
  [0, 'version https://git-lfs', 'a Git LFS pointer, not the file itself'],
  [0, '%PDF', 'a PDF document'],
  [0, '8BPS', 'a Photoshop document'],
  [4, 'ftyphe', 'a HEIC image, which is not supported'],
  [4, 'ftypm', 'a HEIC image or a video, which are not supported'],
  [4, 'ftyp', 'a video'],
  [0, 'P7', 'a PAM image, which is not supported'],
  [0, '\xff\x0a', 'a JPEG XL image, which is not supported'],
  [4, 'JXL ', 'a JPEG XL image, which is not supported'],
  [4, 'jP  ', 'a JPEG 2000 image, which is not supported'],
  [0, '\xff\x4f\xff\x51', 'a JPEG 2000 image, which is not supported'],
  [0, 'PK\x03\x04', 'a ZIP archive'],
  [0, '\0\0\x01\0', 'an icon'],
];
/** The same for text formats. */
const TEXTS: readonly (readonly [RegExp, string])[] = [
  [/<svg[\s>]/i, 'an SVG drawing, which has no pixels'],
  [/^\s*(<!doctype html|<html)/i, 'an HTML page'],
];

/** Number of leading bytes that are searched for the text formats. */
const LOOKED_AT = 1000;

/** What bytes of no {@link ImageFormat} are, for messages. */
export function kindOf(bytes: Uint8Array): string {
  const start = text(bytes, 0, LOOKED_AT);
  return (
    OTHERS.find(([at, mark]) => start.startsWith(mark, at))?.[2] ??
    TEXTS.find(([pattern]) => pattern.test(start))?.[1] ??
    (bytes.length === 0 ? 'an empty file' : 'another format')
  );
}

/** The error for bytes of no {@link ImageFormat}; the caller adds the name. */
export const noImage = (bytes: Uint8Array): DataError =>
  new DataError({ what: 'the image cannot be decoded', expected: FORMATS, got: kindOf(bytes) });
