import type { ArrayInfo, FileArray } from './numbers.js';

/** An open file of weights: the list of its arrays, which are read one at a time. */
export interface TensorFile {
  /** Format, for messages: "a PyTorch file". */
  readonly format: string;
  readonly tensors: ReadonlyMap<string, ArrayInfo>;
  /** Metadata strings of the file. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Messages for the user: the entry of the file that holds the weights, removed prefixes. */
  readonly notes: readonly string[];
  /** The file may contain its own checksum (`src/files/checksum.ts`), verified if the whole file is read. */
  readonly checksummed?: boolean;
  /** Reads one array without reading the others. */
  read(name: string): Promise<FileArray>;
}
