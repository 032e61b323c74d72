/** Bytes of a file. */
export interface FilePart {
  readonly file: string;
  /** From the beginning to the end of the file, unless given. */
  readonly range?: { readonly offset: number; readonly size: number };
}

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
  /** Where the bytes of a picture lie. */
  partOf(index: number): FilePart;
  /** Hexadecimal; changes with the names, the sizes, the labels or the order of the files. */
  fingerprint(): Promise<string>;
}

/** What the decoder reads, by the end of the name. */
export const PICTURE = /\.(jpe?g|png|webp|tiff?|gif|avif)$/i;
