import koffi from 'koffi';
import { addressOf } from '../../backend/onednn/library/memory.js';
import { PaperweightError } from '../../errors/errors.js';
import { openLibc } from '../../files/system/libc.js';
import { libraryProblem } from '../../files/system/load-library.js';
import type { Launcher } from './launcher.js';
import { type Abi, abiOf, checkPair, noLibrary } from './library.js';

/*
 * The part of MPI that is needed, for every library. Handles are addresses of the library's data (Open MPI), numbers of
 * 32 bits (MPICH) or small numbers of pointer size (the standard ABI of MPI 5): all fit an argument of pointer size,
 * and those that the library writes fit a slot of 8 zeroed bytes.
 */

interface Constants {
  readonly world: number;
  readonly byte: number;
  readonly errorsReturn: number;
  readonly statusIgnore: number;
  /** In place of the address of the values that this rank sends: they lie where the result will be. */
  readonly inPlace: bigint;
  /** Level of thread support: one thread calls MPI. */
  readonly funneled: number;
}

/** The constants of MPICH's own ABI, which Intel MPI shares, and of the standard ABI. */
const NUMBERS: Readonly<Record<Exclude<Abi, 'openmpi'>, Constants>> = {
  mpich: {
    world: 0x44000000,
    byte: 0x4c00010d,
    errorsReturn: 0x54000001,
    statusIgnore: 1,
    inPlace: 2n ** 64n - 1n,
    funneled: 1,
  },
  standard: { world: 0x101, byte: 0x247, errorsReturn: 0x143, statusIgnore: 0, inPlace: 1n, funneled: 1024 },
};

/** Maximum size of a message in bytes: MPI's counts are 32-bit integers. */
export const MOST_BYTES = 2 ** 31 - 1;

/** Bytes of a request's slot, and the number of slots. */
const SLOT = 8;
const SLOTS = 2 ** 15;
/** Size in bytes of the buffer for texts that the library writes. */
const TEXT = 8192;
const RTLD_NOW = 0x2;
const RTLD_GLOBAL = 0x100;

/** A request in progress: the index of its slot. */
export type Pending = number;

/** The calls of one library. One thread makes all of them. */
export class Mpi {
  readonly abi: Abi;
  readonly file: string;
  readonly #c: Constants;
  readonly #call: ReturnType<typeof declare>;
  /** Slots for requests, and at the end a flag, a handle and a text. */
  readonly #memory = new SharedArrayBuffer((SLOTS + 2) * SLOT + TEXT);
  readonly #address = addressOf(this.#memory);
  readonly #requests = new BigUint64Array(this.#memory, 0, SLOTS);
  readonly #flag = new Int32Array(this.#memory, SLOTS * SLOT, 1);
  readonly #flagAddress = this.#address + SLOTS * SLOT;
  readonly #handle = new BigUint64Array(this.#memory, (SLOTS + 1) * SLOT, 1);
  readonly #bytes = new Uint8Array(this.#memory, (SLOTS + 2) * SLOT, TEXT);
  readonly #textAddress = this.#flagAddress + 2 * SLOT;
  readonly #free: Pending[] = [];
  #slots = 0;

  private constructor(file: string, lib: ReturnType<typeof koffi.load>, symbol: (name: string) => number) {
    this.file = file;
    this.abi = abiOf(file, (name) => symbol(name) !== 0);
    this.#c =
      this.abi === 'openmpi'
        ? {
            world: symbol('ompi_mpi_comm_world'),
            byte: symbol('ompi_mpi_byte'),
            errorsReturn: symbol('ompi_mpi_errors_return'),
            statusIgnore: 0,
            inPlace: 1n,
            funneled: 1,
          }
        : NUMBERS[this.abi];
    this.#call = declare(lib);
  }

  /**
   * Loads the first library file that exists.
   * @throws UsageError if none exists, or if it belongs to another MPI implementation than the launcher
   */
  static load(files: readonly string[], launcher: Launcher): Mpi {
    const libc = openLibc();
    const dlopen = libc.func('void *dlopen(const char *, int)');
    const dlsym = libc.func('uintptr_t dlsym(void *, const char *)');
    const dlerror = libc.func('const char *dlerror()');
    let reason = 'none of them';
    for (const file of files) {
      const problem = libraryProblem(file);
      if (problem) {
        reason = problem;
        continue;
      }
      // Open MPI loads its plugins later, and they look for its symbols in the global scope.
      const handle = dlopen(file, RTLD_NOW | RTLD_GLOBAL);
      if (!handle) {
        const text = String(dlerror());
        if (!text.includes('No such file')) reason = text;
        continue;
      }
      if (!dlsym(handle, 'MPI_Init_thread')) {
        reason = `${file}, which is no MPI library`;
        continue;
      }
      const mpi = new Mpi(file, koffi.load(file), (name) => Number(dlsym(handle, name)));
      checkPair(launcher, mpi.abi, file);
      return mpi;
    }
    throw noLibrary(launcher, files, reason);
  }

  /** Joins the other ranks. Waits until all of them have joined. */
  init(): void {
    // Before the error handler is set, the library ends the process on any error: there is no result to check.
    this.#call.initThread(0, 0, this.#c.funneled, this.#flagAddress);
    this.#check('MPI_Comm_set_errhandler', this.#call.setErrhandler(this.#c.world, this.#c.errorsReturn));
  }

  get rank(): number {
    this.#check('MPI_Comm_rank', this.#call.commRank(this.#c.world, this.#flagAddress));
    return this.#flag[0]!;
  }

  get size(): number {
    this.#check('MPI_Comm_size', this.#call.commSize(this.#c.world, this.#flagAddress));
    return this.#flag[0]!;
  }

  /** Such as "Open MPI v4.1.4". */
  get version(): string {
    this.#call.version(this.#textAddress, this.#flagAddress);
    return this.#text(this.#flag[0]!)
      .split(/[\n,]/)[0]!
      .replace(/\s+/g, ' ')
      .replace(/^MPICH Version: ?/, 'MPICH ')
      .trim();
  }

  /** A communicator with the same ranks, whose messages are separate from those of other communicators. */
  duplicate(): number {
    this.#handle[0] = 0n;
    this.#check('MPI_Comm_dup', this.#call.dup(this.#c.world, this.#flagAddress + SLOT));
    return Number(this.#handle[0]);
  }

  broadcast(address: number, bytes: number, root: number, comm: number): Pending {
    return this.#start('MPI_Ibcast', (slot) =>
      this.#call.ibcast(address, bytes, this.#c.byte, root, comm, slot),
    );
  }

  /** @param bytes that each rank sends */
  allGather(from: number, bytes: number, to: number, comm: number): Pending {
    const { byte } = this.#c;
    return this.#start('MPI_Iallgather', (slot) =>
      this.#call.iallgather(from, bytes, byte, to, bytes, byte, comm, slot),
    );
  }

  /**
   * Gathers parts of different sizes, in place: each rank's part already lies where it belongs.
   * @param counts address of the bytes of each part, as 32-bit integers
   * @param starts address of the first byte of each part, from `address`; both stay in use until the end
   */
  gatherParts(address: number, counts: number, starts: number, comm: number): Pending {
    const { byte, inPlace } = this.#c;
    return this.#start('MPI_Iallgatherv', (slot) =>
      this.#call.iallgatherv(inPlace, 0, byte, address, counts, starts, byte, comm, slot),
    );
  }

  /** @param bytes that are sent to each rank */
  allToAll(from: number, bytes: number, to: number, comm: number): Pending {
    const { byte } = this.#c;
    return this.#start('MPI_Ialltoall', (slot) =>
      this.#call.ialltoall(from, bytes, byte, to, bytes, byte, comm, slot),
    );
  }

  send(address: number, bytes: number, to: number, comm: number): Pending {
    return this.#start('MPI_Isend', (slot) =>
      this.#call.isend(address, bytes, this.#c.byte, to, 0, comm, slot),
    );
  }

  receive(address: number, bytes: number, from: number, comm: number): Pending {
    return this.#start('MPI_Irecv', (slot) =>
      this.#call.irecv(address, bytes, this.#c.byte, from, 0, comm, slot),
    );
  }

  /** Whether a request is complete; its slot is then free. */
  test(pending: Pending): boolean {
    const code = this.#call.test(this.#address + pending * SLOT, this.#flagAddress, this.#c.statusIgnore);
    this.#check('MPI_Test', code);
    if (this.#flag[0] === 0) return false;
    this.#free.push(pending);
    return true;
  }

  finalize(): void {
    this.#call.finalize();
  }

  /** Ends the whole job. */
  abort(code: number): void {
    this.#call.abort(this.#c.world, code);
  }

  #start(name: string, call: (slot: number) => number): Pending {
    const pending = this.#free.pop() ?? this.#slots++;
    if (pending >= SLOTS) throw new PaperweightError({ what: 'Too many exchanges are in progress at once' });
    this.#requests[pending] = 0n;
    this.#check(name, call(this.#address + pending * SLOT));
    return pending;
  }

  #check(name: string, code: number): void {
    if (code === 0) return;
    this.#call.errorString(code, this.#textAddress, this.#flagAddress);
    throw new PaperweightError({
      what: `The exchange with other ranks has failed (${name})`,
      got: this.#text(this.#flag[0]!).replace(/\s+/g, ' ') || `error ${code}`,
    });
  }

  #text(length: number): string {
    return new TextDecoder().decode(this.#bytes.slice(0, Math.max(length, 0))).replaceAll('\0', '');
  }
}

/** All arguments but counts are of pointer size; requests are addresses of slots. */
function declare(lib: ReturnType<typeof koffi.load>) {
  const f = (name: string, args: string) => lib.func(`int MPI_${name}(${args})`);
  const [p, i] = ['uintptr_t', 'int'];
  return {
    initThread: f('Init_thread', `${p}, ${p}, ${i}, ${p}`),
    finalize: f('Finalize', ''),
    abort: f('Abort', `${p}, ${i}`),
    setErrhandler: f('Comm_set_errhandler', `${p}, ${p}`),
    commRank: f('Comm_rank', `${p}, ${p}`),
    commSize: f('Comm_size', `${p}, ${p}`),
    dup: f('Comm_dup', `${p}, ${p}`),
    version: f('Get_library_version', `${p}, ${p}`),
    errorString: f('Error_string', `${i}, ${p}, ${p}`),
    ibcast: f('Ibcast', `${p}, ${i}, ${p}, ${i}, ${p}, ${p}`),
    iallgather: f('Iallgather', `${p}, ${i}, ${p}, ${p}, ${i}, ${p}, ${p}, ${p}`),
    iallgatherv: f('Iallgatherv', `${p}, ${i}, ${p}, ${p}, ${p}, ${p}, ${p}, ${p}, ${p}`),
    ialltoall: f('Ialltoall', `${p}, ${i}, ${p}, ${p}, ${i}, ${p}, ${p}, ${p}`),
    isend: f('Isend', `${p}, ${i}, ${p}, ${i}, ${i}, ${p}, ${p}`),
    irecv: f('Irecv', `${p}, ${i}, ${p}, ${i}, ${i}, ${p}, ${p}`),
    test: f('Test', `${p}, ${p}, ${p}`),
  };
}
