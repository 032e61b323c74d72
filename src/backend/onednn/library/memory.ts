import { constants } from 'node:buffer';
import koffi from 'koffi';
import { DeviceError } from '../../../errors/errors.js';
import { openLibc } from '../../../files/system/libc.js';
import { bytesOf, type DType, makeArray, type TypedArray } from '../../../graph/types.js';

const WINDOWS = process.platform === 'win32';
const libc = openLibc();
/** memmove of 0 bytes: turns an address into a koffi pointer. */
const pointerAt = libc.func('memmove', 'void *', ['uintptr_t', 'uintptr_t', 'size_t']);
const memcpy = libc.func('memcpy', 'void *', ['void *', 'uintptr_t', 'size_t']);
const pointerOf = libc.func('memmove', 'void *', ['uint8_t *', 'uintptr_t', 'size_t']);
const { map, commit, unmap, advise, release } = WINDOWS ? windowsPages() : posixPages();

const PAGE = 4096;
const MADV_HUGEPAGE = 14;
const MADV_DONTNEED = 4;
const HUGE_PAGE = 2 * 1024 * 1024;

/** A range of native memory. Fresh memory is zero. */
export interface Block {
  readonly address: number;
  readonly bytes: number;
  free(): void;
}

/**
 * Maps memory from the operating system. Blocks of 2 MiB or more are aligned to 2 MiB and use huge pages if available,
 * which makes a training step 8–9 % faster. Pages take no memory until they are touched.
 */
export function allocate(bytes: number): Block {
  const block = reserve(bytes);
  try {
    block.commit(Math.max(1, bytes));
  } catch (error) {
    block.free();
    throw error;
  }
  return block;
}

/** A range of addresses whose memory is requested as it is needed. */
export interface Reservation extends Block {
  /** Makes the first bytes usable. @throws DeviceError if the system is out of memory */
  commit(bytes: number): void;
}

/**
 * Reserves addresses, aligned like those of {@link allocate}. Windows counts committed memory against the machine's, also
 * if nothing is ever written to it, so each part must be committed before it is used; elsewhere `commit` does nothing.
 * @throws DeviceError if the system refuses
 */
export function reserve(bytes: number): Reservation {
  const big = bytes >= HUGE_PAGE;
  const length = Math.max(PAGE, Math.ceil(bytes / PAGE) * PAGE) + (big ? HUGE_PAGE : 0);
  const base = map(length);
  if (base <= 0 || base >= 2 ** 53) throw outOfMemory(bytes);
  const address = big ? Math.ceil(base / HUGE_PAGE) * HUGE_PAGE : base;
  if (big) advise(address, length - (address - base));
  let committed = 0;
  return {
    address,
    bytes,
    commit: (wanted) => {
      if (wanted <= committed) return;
      if (!commit(address, wanted)) throw outOfMemory(wanted);
      committed = wanted;
    },
    free: () => unmap(base, length),
  };
}

/** The error for memory that the system does not give. */
export const outOfMemory = (bytes: number): DeviceError =>
  new DeviceError({
    what: 'The system is out of memory',
    expected: `${bytes} bytes`,
    next: 'use a smaller batch, or end other programs',
  });

/** The address of a buffer's bytes; constant as long as the buffer exists. */
export const addressOf = (buffer: SharedArrayBuffer): number =>
  Number(koffi.address(pointerOf(new Uint8Array(buffer, 0, 1), 0, 0)));

/** Requests huge pages for a range of memory. */
export const adviseHugePages = (address: number, bytes: number): void => advise(address, bytes);

/** Returns the pages of a range to the system; the range stays mapped and reads as zero afterwards. */
export const discard = (address: number, bytes: number): void => release(address, bytes);

/** Maximum length of a JavaScript view of native memory, in bytes. Node ends the process if a larger one is created. */
export const MAX_VIEW = constants.MAX_LENGTH;

/**
 * Views native memory as an ArrayBuffer, without a copy. It must not be used after the block is freed.
 * @throws DeviceError for more than {@link MAX_VIEW} bytes
 */
export function view(address: number, bytes: number): ArrayBuffer {
  if (bytes === 0) return new ArrayBuffer(0);
  if (bytes > MAX_VIEW)
    throw new DeviceError({
      what: 'A tensor is too large for this version of Node',
      ...tooLarge(bytes),
    });
  return koffi.view(pointerAt(address, address, 0), bytes) as ArrayBuffer;
}

/** The rest of an error message about a tensor that JavaScript cannot read. */
export const tooLarge = (bytes: number): { expected: string; got: string; next: string } => ({
  expected: `at most ${MAX_VIEW / 1024 ** 3} GiB`,
  got: `${(bytes / 1024 ** 3).toFixed(1)} GiB`,
  next: 'use a smaller batch',
});

/** Copies native memory into a buffer. */
export const copyOut = (into: Uint8Array, address: number): void =>
  void memcpy(into, address, into.byteLength);

/** The system's functions for mapping memory. */
interface Pages {
  /** Returns an address that is not valid if the system is out of memory. */
  map(length: number): number;
  /** Makes a part of it usable; false if the system is out of memory. */
  commit(address: number, length: number): boolean;
  unmap(base: number, length: number): void;
  /** Requests huge pages, if the system has them. */
  advise(address: number, length: number): void;
  /** Frees the memory but keeps the addresses mapped, if the system can. */
  release(address: number, length: number): void;
}

function posixPages(): Pages {
  const mmap = libc.func('void *mmap(void *, size_t, int, int, int, int64_t)');
  const munmap = libc.func('int munmap(uintptr_t, size_t)');
  const madvise = libc.func('int madvise(uintptr_t, size_t, int)');
  const mac = process.platform === 'darwin';
  const PROT_READ_WRITE = 3;
  const MAP_PRIVATE = 2;
  const MAP_ANONYMOUS = mac ? 0x1000 : 0x20;
  const MAP_NORESERVE = mac ? 0x40 : 0x4000;
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  return {
    map: (length) => Number(koffi.address(mmap(null, length, PROT_READ_WRITE, flags, -1, 0))),
    commit: () => true,
    unmap: (base, length) => void munmap(base, length),
    advise: (address, length) => {
      if (process.platform === 'linux') madvise(address, length, MADV_HUGEPAGE);
    },
    release: (address, length) => {
      if (process.platform === 'linux') madvise(address, length, MADV_DONTNEED);
    },
  };
}

function windowsPages(): Pages {
  const kernel = koffi.load('kernel32.dll');
  const virtualAlloc = kernel.func('uintptr_t VirtualAlloc(uintptr_t, size_t, uint32_t, uint32_t)');
  const virtualFree = kernel.func('int VirtualFree(uintptr_t, size_t, uint32_t)');
  const MEM_COMMIT = 0x1000;
  const MEM_RESERVE = 0x2000;
  const MEM_RELEASE = 0x8000;
  const PAGE_READWRITE = 4;
  return {
    map: (length) => Number(virtualAlloc(0, length, MEM_RESERVE, PAGE_READWRITE)),
    commit: (address, length) => Number(virtualAlloc(address, length, MEM_COMMIT, PAGE_READWRITE)) !== 0,
    unmap: (base) => void virtualFree(base, 0, MEM_RELEASE),
    advise: () => {},
    release: () => {},
  };
}

/** A typed array that views native memory. */
export const arrayAt = (address: number, dtype: DType, count: number): TypedArray =>
  makeArray(dtype, view(address, count * bytesOf(dtype)), 0, count);
