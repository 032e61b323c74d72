import type { Exchange } from '../../backend/communication/protocol.js';
import { addressOf } from '../../backend/onednn/library/memory.js';
import { bytesOf, makeArray } from '../../graph/types.js';
import type { Pending } from '../mpi/bindings.js';
import type { Ring, Steps } from './ring.js';

/** Numbers that are computed between two steps: about a millisecond. */
const SLICE = 2 ** 20;
/** Numbers of a piece: while one is added, others are on their way. */
export const PIECE = 2 ** 21;
/** Pieces that are in progress at once. */
const DEPTH = 3;

/** A transfer that has been started. */
class Transfer {
  #done = false;

  constructor(
    readonly ring: Ring,
    readonly pending: Pending,
  ) {}

  /** Lets the library work on it. */
  poll(): void {
    this.#done ||= this.ring.mpi.test(this.pending);
  }

  /** Waits for it. */
  *end(): Steps {
    if (!this.#done) yield this.pending;
    this.#done = true;
  }
}

/** One piece of a sum: computations, and the transfers between them. */
interface Piece {
  /** Prepares what is sent. */
  pack(): Steps;
  /** Sends each rank the values of its part. */
  scatter(): Pending;
  /** Adds what has arrived. */
  add(): Steps;
  /** Sends the sums to all ranks. */
  gather(): Pending;
  unpack(): Steps;
}

/** Memory that is reused from sum to sum. */
export class Scratch {
  readonly #buffers: SharedArrayBuffer[] = [];

  take(which: number, bytes: number): SharedArrayBuffer {
    const known = this.#buffers[which];
    if (known && known.byteLength >= bytes) return known;
    return (this.#buffers[which] = new SharedArrayBuffer(bytes));
  }
}

/**
 * The sums of all ranks' values, in place of these. A sum is computed in pieces: while this rank adds one, the next one
 * arrives and the sums of the one before are sent. Each value is added in the order of ranks, whatever the pieces.
 */
export function* sumOf(
  ring: Ring,
  scratch: Scratch,
  { dtype, count, wire }: Exchange,
  region: SharedArrayBuffer,
): Steps {
  const make = wire === 'bfloat16' && dtype === 'float32' ? pieceIn16 : pieceOf;
  const most = Math.floor(PIECE / ring.size) * ring.size || ring.size;
  const pieces = Math.ceil(count / most);
  const piece = (k: number): Piece =>
    make(ring, {
      buffer: (which, bytes) => scratch.take(DEPTH * which + (k % DEPTH), bytes),
      dtype,
      region,
      at: k * most,
      length: Math.ceil(Math.min(most, count - k * most) / ring.size),
    });
  // All ranks have to start the transfers in the same order.
  let sending: { piece: Piece; transfer: Transfer } | undefined;
  let arriving = pieces > 0 ? yield* started(ring, piece(0)) : undefined;
  for (let k = 0; arriving; k++) {
    const now = arriving;
    arriving =
      k + 1 < pieces ? yield* started(ring, piece(k + 1), now.transfer, sending?.transfer) : undefined;
    yield* now.transfer.end();
    yield* polling(now.piece.add(), arriving?.transfer, sending?.transfer);
    const transfer = new Transfer(ring, now.piece.gather());
    if (sending) yield* ended(sending, transfer, arriving?.transfer);
    sending = { piece: now.piece, transfer };
  }
  if (sending) yield* ended(sending);
}

/** Starts to send a piece. */
function* started(
  ring: Ring,
  piece: Piece,
  ...others: readonly (Transfer | undefined)[]
): Generator<Pending | undefined, { piece: Piece; transfer: Transfer }, void> {
  yield* polling(piece.pack(), ...others);
  return { piece, transfer: new Transfer(ring, piece.scatter()) };
}

/** Waits for the sums of a piece. */
function* ended(
  { piece, transfer }: { piece: Piece; transfer: Transfer },
  ...others: readonly (Transfer | undefined)[]
): Steps {
  yield* transfer.end();
  yield* polling(piece.unpack(), ...others);
}

/** Carries out a computation, during which the library works on some transfers. */
function* polling(steps: Steps, ...transfers: readonly (Transfer | undefined)[]): Steps {
  for (const step of steps) {
    for (const transfer of transfers) transfer?.poll();
    yield step;
  }
}

interface PieceParts {
  /** Memory for this piece; `which` tells several buffers apart. */
  readonly buffer: (which: number, bytes: number) => SharedArrayBuffer;
  readonly dtype: Exchange['dtype'];
  readonly region: SharedArrayBuffer;
  /** Index of its first value. */
  readonly at: number;
  /** Number of values that each rank adds. */
  readonly length: number;
}

function* nothing(): Steps {}

function pieceOf({ mpi, comm, size }: Ring, { buffer, dtype, region, at, length }: PieceParts): Piece {
  const bytes = length * bytesOf(dtype);
  const parts = buffer(0, bytes * size);
  const address = addressOf(region) + at * bytesOf(dtype);
  return {
    pack: nothing,
    scatter: () => mpi.allToAll(address, bytes, addressOf(parts), comm),
    add: () => addParts(floats(dtype, parts, length * size), length, size),
    gather: () => mpi.allGather(addressOf(parts), bytes, address, comm),
    unpack: nothing,
  };
}

/** Values are rounded to bfloat16 before they are sent, and so are their sums; they are added in double precision. */
function pieceIn16({ mpi, comm, size }: Ring, { buffer, region, at, length }: PieceParts): Piece {
  const bytes = length * 2;
  const [sent, parts] = [buffer(0, bytes * size), buffer(1, bytes * size)];
  const values = new Float32Array(region, 4 * at, length * size);
  const rounded = new Uint16Array(sent, 0, length * size);
  const all = new Uint16Array(parts, 0, length * size);
  return {
    *pack() {
      for (const [from, to] of slices(values.length)) {
        toBfloat16(values.subarray(from, to), rounded.subarray(from, to));
        yield;
      }
    },
    scatter: () => mpi.allToAll(addressOf(sent), bytes, addressOf(parts), comm),
    *add() {
      const part = new Float32Array(Math.min(SLICE, length));
      const sums = new Float64Array(part.length);
      for (const [from, to] of slices(length)) {
        sums.fill(0);
        for (let rank = 0; rank < size; rank++) {
          fromBfloat16(all.subarray(rank * length + from, rank * length + to), part);
          for (let i = 0; i < to - from; i++) sums[i] = sums[i]! + part[i]!;
        }
        part.set(sums);
        toBfloat16(part.subarray(0, to - from), all.subarray(from, to));
        yield;
      }
    },
    gather: () => mpi.allGather(addressOf(parts), bytes, addressOf(sent), comm),
    *unpack() {
      for (const [from, to] of slices(values.length)) {
        fromBfloat16(rounded.subarray(from, to), values.subarray(from, to));
        yield;
      }
    },
  };
}

export const floats = (dtype: Exchange['dtype'], buffer: SharedArrayBuffer, count: number) =>
  makeArray(dtype, buffer, 0, count) as Float32Array | Float64Array;

/** Ranges of at most {@link SLICE} of `count` numbers. */
function* slices(count: number): Generator<[from: number, to: number], void, void> {
  for (let from = 0; from < count; from += SLICE) yield [from, Math.min(count, from + SLICE)];
}

/** Adds `size` parts of `length` values into the first part, and pauses after each slice. */
export function* addParts(all: Float32Array | Float64Array, length: number, size: number): Steps {
  for (const [from, to] of slices(length)) {
    if (size === 2) for (let i = from; i < to; i++) all[i] = all[i]! + all[length + i]!;
    else
      for (let i = from; i < to; i++) {
        let sum = 0;
        for (let at = i; at < length * size; at += length) sum += all[at]!;
        all[i] = sum;
      }
    yield;
  }
}

/** Rounds to the nearest bfloat16, ties to even; NaN stays NaN. */
export function toBfloat16(from: Float32Array, to: Uint16Array): void {
  const bits = new Uint32Array(from.buffer, from.byteOffset, from.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!;
    const isNan = (word & 0x7fffffff) > 0x7f800000;
    to[i] = isNan ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
}

export function fromBfloat16(from: Uint16Array, to: Float32Array): void {
  const bits = new Uint32Array(to.buffer, to.byteOffset, to.length);
  for (let i = 0; i < bits.length; i++) bits[i] = from[i]! << 16;
}
