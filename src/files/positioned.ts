/** Bytes that are read by position: an open file (`FileHandle`), or whatever reads like one. */
export interface Positioned {
  /** @returns how many bytes came; 0 at the end */
  read(
    into: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
}
