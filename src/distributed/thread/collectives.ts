import { hashOf } from '../../backend/communication/current.js';
import type { Exchange, Posted } from '../../backend/communication/protocol.js';
import { addressOf } from '../../backend/onednn/library/memory.js';
import { DeviceError } from '../../errors/errors.js';
import { bytesOf } from '../../graph/types.js';
import { MOST_BYTES } from '../mpi/bindings.js';
import type { Ring, Steps } from './ring.js';
import { addParts, floats, Scratch, sumOf } from './sums.js';

/** Bytes in which a rank describes an exchange: count, root and a hash. */
const HEADER = 32;

/**
 * Carries out exchanges. Sums do not use MPI's own reduction, which guarantees no order: each rank receives the values
 * of its part from all others, adds them in the order of ranks in double precision, and sends the sums to all. That
 * moves as many bytes as MPI's reduction, gives the same bits with every library, and allows values to be sent in 16
 * bits.
 */
export class Collectives {
  readonly #ring: Ring;
  readonly #sums = new Scratch();
  readonly #scratch = new Scratch();

  constructor(ring: Ring) {
    this.#ring = ring;
  }

  perform({ exchange, region, offset = 0 }: Posted): Steps {
    const { kind, dtype, count, root = 0 } = exchange;
    const bytes = count * bytesOf(dtype);
    if (kind === 'sum') return sumOf(this.#ring, this.#sums, exchange, { region, offset });
    if (kind === 'scatter') return this.#scatter(exchange, region);
    if (kind === 'gather') return this.#gather(region, bytes);
    if (kind === 'agree') return this.#agree(exchange, region);
    return this.#broadcast(region, bytes, root);
  }

  /** @throws DeviceError if another rank performs another exchange, or one of another count */
  *compare({ kind, dtype, count, root = 0, label }: Exchange): Steps {
    const { mpi, comm, size, nameOf } = this.#ring;
    const all = this.#scratch.take(0, HEADER * size);
    const own = this.#scratch.take(1, HEADER);
    new Float64Array(own, 0, 2).set([count, root]);
    new Uint8Array(own, 16, 16).set(hashOf(`${kind} ${dtype} ${label}`));
    yield mpi.allGather(addressOf(own), HEADER, addressOf(all), comm);
    const countOf = (rank: number) => new Float64Array(all, rank * HEADER, 1)[0]!;
    const kindOf = (rank: number) => Buffer.from(all, rank * HEADER + 8, HEADER - 8);
    const ranks = Array.from({ length: size }, (_, rank) => rank);
    if (!ranks.every((rank) => kindOf(rank).equals(kindOf(0))))
      throw new DeviceError({
        what: `${capital(nameOf(ranks.find((rank) => !kindOf(rank).equals(kindOf(0)))!))} and ${nameOf(0)} perform different exchanges`,
        expected: 'the same calls of the world in the same order on all ranks',
        got: `an exchange of ${label} on ${nameOf(this.#ring.rank)}`,
        next: 'call the methods of the world on all ranks, not only on one',
      });
    if (ranks.every((rank) => countOf(rank) === countOf(0))) return;
    throw new DeviceError({
      what: `The ranks exchange ${label} of different counts`,
      expected: 'the same count on all ranks',
      got: ranks.map((rank) => `${countOf(rank)} on ${nameOf(rank)}`).join(', '),
      next: 'pad the values to one length, or exchange the counts first',
    });
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
    const own = this.#scratch.take(0, bytes);
    new Uint8Array(own).set(new Uint8Array(region, 0, bytes));
    yield mpi.allGather(addressOf(own), checked(bytes), addressOf(region), comm);
  }

  *#agree({ label, count }: Exchange, region: SharedArrayBuffer): Steps {
    const { mpi, comm, size, nameOf } = this.#ring;
    const all = this.#scratch.take(0, count * size);
    yield mpi.allGather(addressOf(region), checked(count), addressOf(all), comm);
    const half = count / 2;
    const isSame = (rank: number, at: number) =>
      Buffer.from(all, rank * count + at, half).equals(Buffer.from(all, at, half));
    for (let rank = 1; rank < size; rank++)
      if (!isSame(rank, 0))
        throw new DeviceError({
          what: `${capital(nameOf(rank))} differs from ${nameOf(0)} in ${label}`,
          expected:
            'every rank to compute the same exchanges in the same order, with weights of the same shapes',
          got: 'another graph',
          next: 'run the same program with the same model and options on all ranks, give world.average() the shares of ranks with different numbers of images, and read or compute on every rank what depends on other ranks',
        });
    const ranks = Array.from({ length: size }, (_, rank) => rank);
    new Uint8Array(region)[0] = Number(ranks.every((rank) => isSame(rank, half)));
  }

  *#scatter({ count, dtype }: Exchange, region: SharedArrayBuffer): Steps {
    const { mpi, comm, size } = this.#ring;
    if (count === 0) return;
    const length = count / size;
    const bytes = checked(length * bytesOf(dtype));
    const parts = this.#scratch.take(0, bytes * size);
    yield mpi.allToAll(addressOf(region), bytes, addressOf(parts), comm);
    const arrived = Array.from({ length: size }, (_, rank) => floats(dtype, parts, rank * bytes, length));
    yield* addParts(arrived, floats(dtype, region, 0, length));
  }
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

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
