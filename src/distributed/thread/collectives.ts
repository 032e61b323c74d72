import type { Exchange, Posted } from '../../backend/communication/protocol.js';
import { addressOf } from '../../backend/onednn/library/memory.js';
import { DeviceError } from '../../errors/errors.js';
import { bytesOf, makeArray } from '../../graph/types.js';
import { MOST_BYTES, type Mpi, type Pending } from '../mpi/bindings.js';

/** The ranks of an exchange, and their names for messages. */
export interface Ring {
  readonly mpi: Mpi;
  readonly comm: number;
  readonly rank: number;
  readonly size: number;
  /** Such as "rank 1 (node-b)". */
  readonly nameOf: (rank: number) => string;
}

/**
 * An exchange that is carried out step by step: it yields each request that it waits for, and undefined during a long
 * computation, so that heartbeats go on.
 */
export type Steps = Generator<Pending | undefined, void, void>;

/** Numbers that are computed between two steps: about a millisecond. */
const SLICE = 2 ** 20;

/**
 * Carries out exchanges. Sums do not use MPI's own reduction, which guarantees no order: each rank receives the values
 * of its part from all others, adds them in the order of ranks in double precision, and sends the sums to all. That
 * moves as many bytes as MPI's reduction, gives the same bits with every library, and allows values to be sent in 16
 * bits.
 */
export class Collectives {
  readonly #ring: Ring;
  /** Two buffers that are reused. */
  readonly #scratch: SharedArrayBuffer[] = [];

  constructor(ring: Ring) {
    this.#ring = ring;
  }

  perform({ exchange, region }: Posted): Steps {
    const { kind, dtype, count, root = 0 } = exchange;
    const bytes = count * bytesOf(dtype);
    if (kind === 'sum') return this.#sum(exchange, region);
    if (kind === 'scatter') return this.#scatter(exchange, region);
    if (kind === 'gather') return this.#gather(region, bytes);
    if (kind === 'agree') return this.#agree(exchange, region);
    return this.#broadcast(region, bytes, root);
  }

  *#broadcast(region: SharedArrayBuffer, bytes: number, root: number): Steps {
    const { mpi, comm } = this.#ring;
    const address = addressOf(region);
    for (let at = 0; at < bytes; at += MOST_BYTES)
      yield mpi.broadcast(address + at, Math.min(MOST_BYTES, bytes - at), root, comm);
  }

  *#gather(region: SharedArrayBuffer, bytes: number): Steps {
    const { mpi, comm } = this.#ring;
    if (bytes === 0) return;
    const own = this.#buffer(0, bytes);
    new Uint8Array(own).set(new Uint8Array(region, 0, bytes));
    yield mpi.allGather(addressOf(own), checked(bytes), addressOf(region), comm);
  }

  *#agree({ label, count }: Exchange, region: SharedArrayBuffer): Steps {
    const { mpi, comm, size, nameOf } = this.#ring;
    const all = this.#buffer(0, count * size);
    yield mpi.allGather(addressOf(region), checked(count), addressOf(all), comm);
    const part = (rank: number) => Buffer.from(all, rank * count, count);
    for (let rank = 1; rank < size; rank++)
      if (!part(rank).equals(part(0)))
        throw new DeviceError({
          what: `${capital(nameOf(rank))} differs from ${nameOf(0)} in ${label}`,
          expected:
            'every rank to compute the same exchanges in the same order, with weights of the same shapes',
          got: 'another graph',
          next: 'run the same program with the same model and options on all ranks, and read or compute on every rank what depends on other ranks',
        });
  }

  *#scatter({ count, dtype }: Exchange, region: SharedArrayBuffer): Steps {
    const { mpi, comm, size } = this.#ring;
    if (count === 0) return;
    const length = count / size;
    const bytes = checked(length * bytesOf(dtype));
    const parts = this.#buffer(0, bytes * size);
    yield mpi.allToAll(addressOf(region), bytes, addressOf(parts), comm);
    yield* addParts(floats(dtype, parts, count), length, size);
    new Uint8Array(region, 0, bytes).set(new Uint8Array(parts, 0, bytes));
  }

  *#sum(exchange: Exchange, region: SharedArrayBuffer): Steps {
    const { mpi, comm, size } = this.#ring;
    const { dtype, count, wire } = exchange;
    if (count === 0) return;
    if (wire === 'bfloat16' && dtype === 'float32') {
      yield* this.#sumIn16(exchange, region);
      return;
    }
    const length = Math.ceil(count / size);
    const bytes = checked(length * bytesOf(dtype));
    const parts = this.#buffer(0, bytes * size);
    yield mpi.allToAll(addressOf(region), bytes, addressOf(parts), comm);
    yield* addParts(floats(dtype, parts, length * size), length, size);
    yield mpi.allGather(addressOf(parts), bytes, addressOf(region), comm);
  }

  /** Values are rounded to bfloat16 before they are sent, and so are their sums; they are added in double precision. */
  *#sumIn16({ count }: Exchange, region: SharedArrayBuffer): Steps {
    const { mpi, comm, size } = this.#ring;
    const length = Math.ceil(count / size);
    const bytes = checked(length * 2);
    const [sent, parts] = [this.#buffer(0, bytes * size), this.#buffer(1, bytes * size)];
    const values = new Float32Array(region, 0, length * size);
    const rounded = new Uint16Array(sent, 0, length * size);
    for (const [from, to] of slices(length * size)) {
      toBfloat16(values.subarray(from, to), rounded.subarray(from, to));
      yield;
    }
    yield mpi.allToAll(addressOf(sent), bytes, addressOf(parts), comm);
    const all = new Uint16Array(parts, 0, length * size);
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
    yield mpi.allGather(addressOf(parts), bytes, addressOf(sent), comm);
    for (const [from, to] of slices(count)) {
      fromBfloat16(rounded.subarray(from, to), values.subarray(from, to));
      yield;
    }
  }

  #buffer(which: 0 | 1, bytes: number): SharedArrayBuffer {
    const known = this.#scratch[which];
    if (known && known.byteLength >= bytes) return known;
    const fresh = new SharedArrayBuffer(bytes);
    this.#scratch[which] = fresh;
    return fresh;
  }
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const floats = (dtype: Exchange['dtype'], buffer: SharedArrayBuffer, count: number) =>
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

/** @throws DeviceError for a message with more bytes than MPI can count */
function checked(bytes: number): number {
  if (bytes <= MOST_BYTES) return bytes;
  throw new DeviceError({
    what: 'An exchange between ranks is too large',
    expected: `at most ${MOST_BYTES} bytes for each rank`,
    got: `${bytes} bytes`,
    next: 'exchange the values in several parts',
  });
}
