/** A byte range of a file. */
export interface FilePart {
  readonly file: string;
  /** Default: the whole file. */
  readonly range?: { readonly offset: number; readonly size: number };
}

/** Labelled image files in folders or archives. */
export interface ImageSource {
  /** Path of the images, for messages. */
  readonly place: string;
  readonly length: number;
  /** Class names. */
  readonly classes: readonly string[];
  /** A label for each image. */
  readonly labels: Int32Array;
  /** Messages for the user about skipped files. */
  readonly remarks: readonly string[];
  /** Name of an image file, for messages. */
  nameOf(index: number): string;
  /** File and byte range of an image. */
  partOf(index: number): FilePart;
  /** Hexadecimal hash of the names, sizes, labels and order of the files. */
  fingerprint(): Promise<string>;
}
