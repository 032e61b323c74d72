import { DeviceError } from '../../errors/errors.js';
import { bytesOf, type DType, makeArray, type TypedArray } from '../../graph/types.js';
import { MAX_PAGES, type Memory, makeMemory, PAGE_BYTES } from '../../webassembly/runtime.js';
import { Heap } from '../plan/memory/heap.js';

/** Addresses below this are never given out, so that a kernel whose address is 0 by mistake overwrites no values. */
const START = 1024;
/** Memory grows by at least this many pages (16 MiB), since views must be created again after each growth. */
const GROWTH = 256;
/** Sizes to ask for, in pages: a system may refuse to reserve 4 GiB of addresses. */
const SIZES = [MAX_PAGES, MAX_PAGES / 2, MAX_PAGES / 4, MAX_PAGES / 8];

interface Reserved {
  readonly memory: Memory;
  readonly maximum: number;
}

/** Memories of closed engines. The next engine reuses one that has not been garbage-collected yet. */
const idle = { shared: [] as WeakRef<Reserved>[], alone: [] as WeakRef<Reserved>[] };

/** One WebAssembly memory with all values of an engine: storages, and the arena that its plans share. */
export class WasmMemory {
  readonly #reserved: Reserved;
  readonly #heap: Heap;
  #pages: number;

  /**
   * @param shared whether several threads use it
   * @throws DeviceError if the system refuses
   */
  constructor(readonly shared: boolean) {
    this.#reserved = takeIdle(shared) ?? reserve(shared);
    this.#pages = this.memory.buffer.byteLength / PAGE_BYTES;
    this.#heap = new Heap(START, this.maxBytes);
  }

  get memory(): Memory {
    return this.#reserved.memory;
  }

  /** The largest size that it can grow to. */
  get maxBytes(): number {
    return this.#reserved.maximum * PAGE_BYTES;
  }

  /** Bytes in use. */
  get used(): number {
    return this.#heap.used;
  }

  /** The offset of new memory with undefined contents; undefined if there is not enough. */
  allocate(bytes: number): number | undefined {
    const offset = this.#heap.allocate(bytes);
    if (offset === undefined || this.#grow(offset + bytes)) return offset;
    this.#heap.free(offset);
    return undefined;
  }

  free(offset: number): void {
    this.#heap.free(offset);
  }

  #grow(bytes: number): boolean {
    const needed = Math.ceil(bytes / PAGE_BYTES) - this.#pages;
    if (needed <= 0) return true;
    const room = this.#reserved.maximum - this.#pages;
    try {
      this.memory.grow(Math.min(room, Math.max(needed, GROWTH)));
    } catch {
      return false;
    }
    this.#pages = this.memory.buffer.byteLength / PAGE_BYTES;
    return true;
  }

  /** A view of the memory, valid until it grows. */
  array(dtype: DType, offset: number, count: number): TypedArray {
    return count === 0 ? makeArray(dtype, 0) : makeArray(dtype, this.memory.buffer, offset, count);
  }

  /** A view of bytes, valid until it grows. */
  bytes(offset: number, bytes: number): Uint8Array {
    return this.array('uint8', offset, bytes) as Uint8Array;
  }

  /** Makes the memory available to the next engine. */
  release(): void {
    idle[this.shared ? 'shared' : 'alone'].push(new WeakRef(this.#reserved));
  }
}

function takeIdle(shared: boolean): Reserved | undefined {
  const list = idle[shared ? 'shared' : 'alone'];
  for (let last = list.pop(); last; last = list.pop()) {
    const reserved = last.deref();
    if (reserved) return reserved;
  }
  return undefined;
}

function reserve(shared: boolean): Reserved {
  for (const maximum of SIZES) {
    const memory = makeMemory({ initial: GROWTH, maximum, shared });
    if (memory) return { memory, maximum };
  }
  throw new DeviceError({
    what: 'The system gives the wasm device no memory',
    expected: `a WebAssembly memory of up to ${(SIZES.at(-1)! * PAGE_BYTES) / 1024 ** 3} GiB`,
    got: 'a refusal',
    next: 'close other programs or pages; on Linux and macOS, raise the limit of address space (ulimit -v)',
  });
}

/** Bytes of a tensor. */
export const bytesFor = (dtype: DType, count: number): number => bytesOf(dtype) * count;
