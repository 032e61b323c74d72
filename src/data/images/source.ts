/** Bytes of a file. */
export interface FilePart {
  readonly file: string;
  /** From the beginning to the end of the file, unless given. */
  readonly range?: { readonly offset: number; readonly size: number };
}

/** Labelled files of images, wherever they lie. */
export interface ImageSource {
  /** Where the images come from, for people. */
  readonly place: string;
  readonly length: number;
  /** Names of the classes, as folders or files name them. */
  readonly classes: readonly string[];
  /** A label for each image. */
  readonly labels: Int32Array;
  /** What was passed over while looking for images, for people. */
  readonly remarks: readonly string[];
  /** The file of an image, for messages. */
  nameOf(index: number): string;
  /** Where the bytes of an image lie. */
  partOf(index: number): FilePart;
  /** Hexadecimal; changes with the names, the sizes, the labels or the order of the files. */
  fingerprint(): Promise<string>;
}
