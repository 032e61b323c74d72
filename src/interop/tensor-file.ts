import type { ArrayInfo, FileArray } from './numbers.js';

/** An open file of weights: its list, and its arrays one by one. */
export interface TensorFile {
  /** What the file is, for people: "a PyTorch file". */
  readonly format: string;
  readonly tensors: ReadonlyMap<string, ArrayInfo>;
  /** Texts that the file keeps beside its tensors. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What had to be found out: where in the file the weights are, which names were shortened. */
  readonly notes: readonly string[];
  /** It may carry a checksum of itself (`src/files/checksum.ts`), which is compared when the file is read as a whole. */
  readonly checksummed?: boolean;
  /** One array, without reading the others. */
  read(name: string): Promise<FileArray>;
}
