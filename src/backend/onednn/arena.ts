import { KernelPool } from '../simd/pool.js';
import { PAGE_BYTES, shareMemory } from '../simd/webassembly.js';
import { addressOf, adviseHugePages, allocate, type Block, discard } from './library/memory.js';

/** All that a WebAssembly memory can address. Pages are real only once they are touched. */
const PAGES = 65_536;
/** Virtual room for plans that need more than that. */
const LARGE_BYTES = 32 * 1024 ** 3;

/**
 * Memory for the intermediate values of plans, which share it as they run one after another. It is a WebAssembly
 * memory, so that vector kernels work on it beside oneDNN's primitives; a plan that needs more gets memory that they
 * cannot reach.
 */
export class Arena {
  /** Undefined if the system cannot reserve a WebAssembly memory. */
  readonly pool: KernelPool | undefined;
  readonly #base: number = 0;
  readonly #bytes: number = 0;
  #large: Block | undefined;

  constructor(threads: number) {
    const memory = shareMemory(PAGES);
    if (!memory) return;
    this.pool = new KernelPool(memory, PAGES, threads);
    this.#base = addressOf(memory.buffer);
    this.#bytes = PAGES * PAGE_BYTES;
    adviseHugePages(this.#base, this.#bytes);
  }

  /** Largest plan that there is memory for. */
  static readonly maxBytes = LARGE_BYTES;

  /** Whether the vector kernels reach all of a plan of this size. */
  holds(bytes: number): boolean {
    return this.pool !== undefined && bytes <= this.#bytes;
  }

  /** Where a plan of this size has its memory. */
  addressFor(bytes: number): number {
    if (this.holds(bytes)) return this.#base;
    this.#large ??= allocate(LARGE_BYTES);
    return this.#large.address;
  }

  /** The place of an address in the kernels' memory. */
  offsetOf(address: number): number {
    return address - this.#base;
  }

  close(): void {
    this.pool?.close();
    if (this.#bytes > 0) discard(this.#base, this.#bytes);
    this.#large?.free();
    this.#large = undefined;
  }
}
