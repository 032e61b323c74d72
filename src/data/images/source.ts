import { DataError } from '../../errors.js';

/** Labelled files of pictures, wherever they lie. */
export interface ImageSource {
  /** Where the pictures come from, for people. */
  readonly place: string;
  readonly length: number;
  /** Names of the classes, as folders or files name them. */
  readonly classes: readonly string[];
  /** A label for each picture. */
  readonly labels: Int32Array;
  /** What was passed over while looking for pictures, for people. */
  readonly remarks: readonly string[];
  /** The file of a picture, for messages. */
  nameOf(index: number): string;
  /** @throws DataError when the file cannot be read */
  bytes(index: number): Promise<Uint8Array>;
  /** Hexadecimal; changes with the names, the sizes, the labels or the order of the files. */
  fingerprint(): Promise<string>;
}

/** What the decoder reads, by the end of the name. */
export const PICTURE = /\.(jpe?g|png|webp|tiff?|gif|avif)$/i;

/** Most bytes of a picture's file. */
const MAX_BYTES = 2 ** 28;

/** @throws DataError for a file too large to be a picture */
export function checkBytes(name: string, bytes: number): void {
  if (bytes <= MAX_BYTES) return;
  throw new DataError({
    what: `${name} is too large a file for a picture`,
    expected: `at most ${MAX_BYTES} bytes`,
    got: `${bytes} bytes`,
  });
}
