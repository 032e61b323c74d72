const ALIGN = 64;

interface Block {
  readonly offset: number;
  readonly bytes: number;
}

/** Gives out ranges of an address space, the lowest that fits, and takes them back. */
export class Heap {
  /** Sorted by offset; adjacent ranges are one. */
  #free: readonly Block[];
  readonly #taken = new Map<number, number>();
  #used = 0;

  /** The range from `start` to `end`, in bytes. */
  constructor(start: number, end: number) {
    this.#free = [{ offset: start, bytes: end - start }];
  }

  /** Bytes given out. */
  get used(): number {
    return this.#used;
  }

  /** The offset of a new range, a multiple of 64; undefined if none is free. */
  allocate(bytes: number): number | undefined {
    const size = Math.max(ALIGN, Math.ceil(bytes / ALIGN) * ALIGN);
    const at = this.#free.findIndex((block) => block.bytes >= size);
    const block = this.#free[at];
    if (!block) return undefined;
    const rest = { offset: block.offset + size, bytes: block.bytes - size };
    this.#free = this.#free.toSpliced(at, 1, ...(rest.bytes > 0 ? [rest] : []));
    this.#taken.set(block.offset, size);
    this.#used += size;
    return block.offset;
  }

  free(offset: number): void {
    const bytes = this.#taken.get(offset);
    if (bytes === undefined) return;
    this.#taken.delete(offset);
    this.#used -= bytes;
    const joined: { offset: number; bytes: number }[] = [];
    for (const block of [...this.#free, { offset, bytes }].sort((a, b) => a.offset - b.offset)) {
      const last = joined.at(-1);
      if (last && last.offset + last.bytes === block.offset) last.bytes += block.bytes;
      else joined.push({ ...block });
    }
    this.#free = joined;
  }
}
