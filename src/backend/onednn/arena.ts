import { availableParallelism } from 'node:os';
import { MAX_PAGES, makeMemory, PAGE_BYTES, type SharedMemory } from '../../webassembly/runtime.js';
import { Heap } from '../plan/memory/heap.js';
import { KernelPool } from '../simd/pool.js';
import { startNodeThreads } from '../simd/threads/node.js';
import {
  addressOf,
  adviseHugePages,
  type Block,
  discard,
  outOfMemory,
  type Reservation,
  reserve,
} from './library/memory.js';
import { executeOf } from './native/execute.js';
import { loadWith } from './native/load.js';

/** Pages (16 MiB) with which the memory begins. */
const FIRST_PAGES = 256;
/** The first part of the memory holds storages, as many as fit (64 MiB); they take memory only once they are written. */
const STORED_BYTES = 1024 * PAGE_BYTES;
/** Address space for plans that need more. */
const LARGE_BYTES = 32 * 1024 ** 3;

/**
 * Memory for storages and for the intermediate values of all plans; plans share it, since they run one after another. It
 * is a WebAssembly memory, so that both vector kernels and oneDNN's primitives can use it. A plan or a storage that needs
 * more gets native memory, which vector kernels cannot access.
 */
export class Arena {
  /** Undefined if the system cannot reserve a WebAssembly memory. */
  readonly pool: KernelPool | undefined;
  readonly #memory: SharedMemory | undefined;
  readonly #base: number = 0;
  readonly #bytes: number = 0;
  readonly #stored = new Heap(0, STORED_BYTES);
  #large: Reservation | undefined;

  /** @param library file of the library, for threads that call its primitives */
  constructor(threads: number, library: string) {
    // It grows in place: some systems count all of it as used from the start.
    const memory = makeMemory({ initial: FIRST_PAGES, maximum: MAX_PAGES, shared: true }) as
      | SharedMemory
      | undefined;
    if (!memory) return;
    this.#memory = memory;
    // More threads than cores would only use memory. Results do not depend on the number of threads.
    this.pool = new KernelPool(
      memory,
      MAX_PAGES,
      Math.min(threads, availableParallelism()),
      startNodeThreads(new URL('./native/worker.js', import.meta.url), { library }),
      undefined,
      loadWith(() => executeOf(library)),
    );
    this.#base = addressOf(memory.buffer);
    this.#bytes = MAX_PAGES * PAGE_BYTES;
    adviseHugePages(this.#base, this.#bytes);
  }

  /** Largest memory of a plan. */
  static readonly maxBytes = LARGE_BYTES;

  /** Whether vector kernels can access all memory of a plan of this size. */
  holds(bytes: number): boolean {
    return this.pool !== undefined && bytes <= this.#bytes - STORED_BYTES;
  }

  /**
   * Address of the memory for a plan of this size.
   * @throws DeviceError if the system is out of memory
   */
  addressFor(bytes: number): number {
    if (this.#memory && this.holds(bytes)) {
      grow(this.#memory, STORED_BYTES + bytes);
      return this.#base + STORED_BYTES;
    }
    if (this.#large && this.#large.bytes < bytes) {
      this.#large.free();
      this.#large = undefined;
    }
    this.#large ??= reserveAtLeast(bytes);
    this.#large.commit(bytes);
    return this.#large.address;
  }

  /** Memory of zeros for a storage that vector kernels can access; undefined if there is none left. */
  allocate(bytes: number): Block | undefined {
    const offset = this.#memory && this.#stored.allocate(bytes);
    if (offset === undefined) return undefined;
    grow(this.#memory!, offset + bytes);
    new Uint8Array(this.#memory!.buffer, offset, bytes).fill(0);
    return { address: this.#base + offset, bytes, free: () => this.#stored.free(offset) };
  }

  /** The WebAssembly memory as it is now; it may grow. */
  get buffer(): SharedArrayBuffer | undefined {
    return this.#memory?.buffer;
  }

  /** Offset of an address in the WebAssembly memory. */
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

/** As many addresses as the system gives: its limit (`ulimit -v`) may be below what most systems have to spare. */
function reserveAtLeast(bytes: number): Reservation {
  for (let size = LARGE_BYTES; ; size /= 2)
    try {
      return reserve(Math.max(size, bytes));
    } catch (error) {
      if (size <= bytes) throw error;
    }
}

/** Makes the memory at least as large as this. */
function grow(memory: SharedMemory, bytes: number): void {
  const more = Math.ceil(bytes / PAGE_BYTES) - memory.buffer.byteLength / PAGE_BYTES;
  if (more <= 0) return;
  try {
    memory.grow(more);
  } catch {
    throw outOfMemory(bytes);
  }
}
