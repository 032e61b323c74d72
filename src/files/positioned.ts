/** Reads bytes by position: an open file (`FileHandle`), or an object with the same `read`. */
export interface Positioned {
  /** @returns the number of bytes read; 0 at the end */
  read(
    into: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
}
