import type { Exchange } from '../../backend/communication/protocol.js';
import { addressOf } from '../../backend/onednn/library/memory.js';
import { bytesOf, makeArray } from '../../graph/types.js';
import { fromBfloat16, toBfloat16 } from '../../interop/half.js';
import type { Pending } from '../mpi/bindings.js';
import type { Ring, Steps } from './ring.js';

/** Numbers that are computed between two steps: a fraction of a millisecond, so that the library can go on sending. */
const SLICE = 2 ** 16;
/** Numbers of a piece: while one is added, others are on their way. With larger ones a link is idle during the additions. */
export const PIECE = 2 ** 19;
/** Pieces that are in progress at once. */
const DEPTH = 3;

/** Messages that have been started. */
class Transfer {
  #open: readonly Pending[];

  constructor(
    readonly ring: Ring,
    pending: readonly Pending[],
  ) {
    this.#open = pending;
  }

  /** Lets the library work on them. */
  poll(): void {
    this.#open = this.#open.filter((pending) => !this.ring.mpi.test(pending));
  }

  /** Waits for them. */
  *end(): Steps {
    for (const pending of this.#open) yield pending;
    this.#open = [];
  }
}

/** One piece of a sum: computations, and the transfers between them. */
interface Piece {
  /** Prepares what is sent. */
  pack(): Steps;
  /** Sends each rank the values of its part. */
  scatter(): readonly Pending[];
  /** Adds what has arrived. */
  add(): Steps;
  /** Sends the sums to all ranks. */
  gather(): readonly Pending[];
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

/** Where the values of a sum lie. */
interface Place {
  readonly region: SharedArrayBuffer;
  /** Byte at which they begin. */
  readonly offset: number;
}

/**
 * The sums of all ranks' values, in place of these. A sum is computed in pieces: while this rank adds one, the next one
 * arrives and the sums of the one before are sent. Each value is added in the order of ranks, whatever the pieces.
 */
export function* sumOf(
  ring: Ring,
  scratch: Scratch,
  { dtype, count, wire, scale = 1, paired = false }: Exchange,
  { region, offset }: Place,
): Steps {
  const make = wire === 'bfloat16' && dtype === 'float32' ? pieceIn16 : pieceOf;
  const pieces = Math.ceil(count / PIECE);
  const piece = (k: number): Piece => {
    const length = Math.min(PIECE, count - k * PIECE);
    return make(ring, {
      buffer: (which, bytes) => scratch.take(DEPTH * which + (k % DEPTH), bytes),
      dtype,
      region,
      offset: offset + k * PIECE * bytesOf(dtype),
      length,
      part: Math.ceil(length / ring.size),
      scale,
      paired,
    });
  };
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

interface PieceParts extends Place {
  /** Memory for this piece; `which` tells several buffers apart. */
  readonly buffer: (which: number, bytes: number) => SharedArrayBuffer;
  readonly dtype: Exchange['dtype'];
  /** Number of its values. */
  readonly length: number;
  /** Number of values that each rank adds; the last ranks may have fewer. */
  readonly part: number;
  readonly scale: number;
  /** See {@link addPairs}; not with values in 16 bits. */
  readonly paired: boolean;
}

function* nothing(): Steps {}

/** The ranks send each other their parts; what a rank has itself stays where it is. */
function pieceOf(
  { mpi, comm, rank, size }: Ring,
  { buffer, dtype, region, offset, length, part, scale, paired }: PieceParts,
): Piece {
  const width = bytesOf(dtype);
  const start = (one: number): number => Math.min(one * part, length);
  const sizes = Array.from({ length: size }, (_, one) => start(one + 1) - start(one));
  const own = sizes[rank]!;
  const arrived = buffer(0, part * width * size);
  const table = buffer(1, 8 * size);
  const address = addressOf(region) + offset;
  const others = Array.from({ length: size - 1 }, (_, k) => (rank + k + 1) % size);
  return {
    pack: nothing,
    scatter: () => [
      ...others.flatMap((one) =>
        own === 0 ? [] : mpi.receive(addressOf(arrived) + one * part * width, own * width, one, comm),
      ),
      ...others.flatMap((one) =>
        sizes[one] === 0 ? [] : mpi.send(address + start(one) * width, sizes[one]! * width, one, comm),
      ),
    ],
    add: () => {
      const mine = floats(dtype, region, offset + start(rank) * width, own);
      const all = sizes.map((_, one) =>
        one === rank ? mine : floats(dtype, arrived, one * part * width, own),
      );
      return paired ? addPairs(all, mine, scale) : addParts(all, mine, scale);
    },
    gather: () => {
      const [counts, starts] = [new Int32Array(table, 0, size), new Int32Array(table, 4 * size, size)];
      for (let one = 0; one < size; one++) {
        counts[one] = sizes[one]! * width;
        starts[one] = start(one) * width;
      }
      return [mpi.gatherParts(address, addressOf(table), addressOf(table) + 4 * size, comm)];
    },
    unpack: nothing,
  };
}

/** Values are rounded to bfloat16 before they are sent, and so are their sums; they are added in double precision. */
function pieceIn16(
  { mpi, comm, size }: Ring,
  { buffer, region, offset, length, part, scale }: PieceParts,
): Piece {
  const bytes = part * 2;
  const [sent, parts] = [buffer(0, bytes * size), buffer(1, bytes * size)];
  const values = new Float32Array(region, offset, length);
  const rounded = new Uint16Array(sent, 0, length);
  const all = new Uint16Array(parts, 0, part * size);
  return {
    *pack() {
      for (const [from, to] of slices(length)) {
        toBfloat16(values.subarray(from, to), rounded.subarray(from, to));
        yield;
      }
    },
    scatter: () => [mpi.allToAll(addressOf(sent), bytes, addressOf(parts), comm)],
    *add() {
      const one = new Float32Array(Math.min(SLICE, part));
      const sums = new Float64Array(one.length);
      for (const [from, to] of slices(part)) {
        sums.fill(0);
        for (let rank = 0; rank < size; rank++) {
          fromBfloat16(all.subarray(rank * part + from, rank * part + to), one);
          for (let i = 0; i < to - from; i++) sums[i] = sums[i]! + one[i]!;
        }
        for (let i = 0; i < to - from; i++) one[i] = sums[i]! * scale;
        toBfloat16(one.subarray(0, to - from), all.subarray(from, to));
        yield;
      }
    },
    gather: () => [mpi.allGather(addressOf(parts), bytes, addressOf(sent), comm)],
    *unpack() {
      for (const [from, to] of slices(length)) {
        fromBfloat16(rounded.subarray(from, to), values.subarray(from, to));
        yield;
      }
    },
  };
}

type Floats = Float32Array | Float64Array;

export const floats = (
  dtype: Exchange['dtype'],
  buffer: SharedArrayBuffer,
  offset: number,
  count: number,
): Floats => makeArray(dtype, buffer, offset, count) as Floats;

/** Ranges of at most {@link SLICE} of `count` numbers. */
function* slices(count: number): Generator<[from: number, to: number], void, void> {
  for (let from = 0; from < count; from += SLICE) yield [from, Math.min(count, from + SLICE)];
}

/** Adds the parts of all ranks in their order, times a factor, and pauses after each slice; `into` may be one of them. */
export function* addParts(parts: readonly Floats[], into: Floats, scale = 1): Steps {
  const [first, second] = parts as [Floats, Floats];
  const sums = new Float64Array(parts.length === 2 ? 0 : Math.min(SLICE, into.length));
  for (const [from, to] of slices(into.length)) {
    if (parts.length === 2) for (let i = from; i < to; i++) into[i] = (first[i]! + second[i]!) * scale;
    else {
      sums.fill(0);
      for (const part of parts) for (let i = from; i < to; i++) sums[i - from] = sums[i - from]! + part[i]!;
      for (let i = from; i < to; i++) into[i] = sums[i - from]! * scale;
    }
    yield;
  }
}

/**
 * Adds the parts of neighbouring ranks, then the sums of neighbouring pairs, and so on, times a factor. Each sum is rounded
 * to the type of the parts: ranks that have added neighbouring blocks in this way give the same bits as one rank for each
 * block. `into` may be one of the parts.
 */
export function* addPairs(parts: readonly Floats[], into: Floats, scale = 1): Steps {
  for (const [from, to] of slices(into.length)) {
    let sums = parts.map((part) => part.subarray(from, to));
    while (sums.length > 1) {
      const pairs: Floats[] = [];
      for (let at = 0; at < sums.length; at += 2) {
        const [a, b] = [sums[at]!, sums[at + 1]];
        pairs.push(b ? pairSum(a, b) : a);
      }
      sums = pairs;
      yield;
    }
    const [sum] = sums as [Floats];
    for (let i = 0; i < sum.length; i++) into[from + i] = sum[i]! * scale;
    yield;
  }
}

/** The rounded sums of two arrays. The sum of two float32 in double precision rounds to what float32 would give. */
function pairSum(a: Floats, b: Floats): Floats {
  const sum = a.slice();
  for (let i = 0; i < sum.length; i++) sum[i] = a[i]! + b[i]!;
  return sum;
}
