import { addressOf } from '../../backend/onednn/library/memory.js';
import type { Pending } from '../mpi/bindings.js';
import type { Ring } from './ring.js';

/** Time between two pulses in milliseconds. */
export const PULSE_MS = 500;

/**
 * Contents of a pulse: the state of its rank (1: closing, 2: this is its last pulse), another rank that is closing, as
 * rank + 1, and for how many milliseconds its rank waits in an exchange; rank 0 sends the longest wait that it knows.
 */
type Words = Int32Array;
const STATE = 0;
const CLOSING = 1;
const WAITING = 2;
const LENGTH = 4;

/** A message of one peer to this rank or back, and the request that sends or receives it. */
class PulseMessage {
  readonly words: Words;
  readonly address: number;
  pending: Pending | undefined;

  constructor() {
    const memory = new SharedArrayBuffer(LENGTH * 4);
    this.words = new Int32Array(memory);
    this.address = addressOf(memory);
  }
}

/** Another rank, as its pulses describe it. */
interface Peer {
  readonly rank: number;
  readonly received: PulseMessage;
  readonly sent: PulseMessage;
  lastReceived: number;
  /** It has sent its last pulse. */
  gone: boolean;
}

/**
 * Heartbeats between rank 0 and each other rank, also while all of them compute. They distinguish a rank that is
 * stopped or cut off from a slow one. If a rank dies, the launcher notices first.
 */
export class Pulse {
  readonly #ring: Ring;
  readonly #peers: readonly Peer[];
  readonly #limit: number;
  #sentAt = Number.NEGATIVE_INFINITY;
  #state = 0;
  /** The closing rank that rank 0 reports, as rank + 1; 0 if there is none. */
  #closing = 0;

  /**
   * @param limit milliseconds of silence after which a rank counts as lost
   * @param now milliseconds of a clock that stands still while this process is stopped
   */
  constructor(ring: Ring, limit: number, now: number) {
    this.#ring = ring;
    this.#limit = limit;
    const others = ring.rank === 0 ? Array.from({ length: ring.size - 1 }, (_, i) => i + 1) : [0];
    this.#peers = others.map((rank) => ({
      rank,
      received: new PulseMessage(),
      sent: new PulseMessage(),
      lastReceived: now,
      gone: false,
    }));
    for (const peer of this.#peers) this.#listen(peer);
  }

  /** From now on pulses say that this rank is closing. */
  close(): void {
    this.#state = 1;
  }

  /** The lowest rank that is closing while others are not; undefined if none is. */
  get closing(): number | undefined {
    return this.#closing === 0 ? undefined : this.#closing - 1;
  }

  /** For how many milliseconds another rank has been waiting in an exchange. */
  get othersWait(): number {
    return Math.max(...this.#peers.map(({ received }) => received.words[WAITING]!));
  }

  /**
   * Sends and receives.
   * @param waiting for how many milliseconds this rank has been waiting in an exchange
   * @returns a rank that has been silent for too long, and for how many milliseconds
   */
  beat(now: number, waiting: number): { rank: number; silent: number } | undefined {
    let silent: { rank: number; silent: number } | undefined;
    for (const peer of this.#peers) {
      if (this.#receive(peer)) peer.lastReceived = now;
      const since = now - peer.lastReceived;
      if (!peer.gone && since > this.#limit) silent ??= { rank: peer.rank, silent: since };
    }
    if (this.#ring.rank === 0) {
      const closing = this.#peers.find(({ received }) => received.words[STATE] !== 0);
      this.#closing = this.#state !== 0 ? 1 : closing ? closing.rank + 1 : 0;
    } else this.#closing = this.#peers[0]!.received.words[CLOSING]!;
    if (now - this.#sentAt >= PULSE_MS) {
      this.#sentAt = now;
      for (const peer of this.#peers) this.#send(peer, this.#state, this.#longestWait(peer, waiting));
    }
    return silent;
  }

  /** Sends the last pulses and waits for those of the others, so that no message is still in transit. */
  *end(): Generator<void, void, void> {
    for (const peer of this.#peers) {
      while (!this.#send(peer, 2)) yield;
      while (!peer.gone) {
        this.#receive(peer);
        yield;
      }
      while (peer.sent.pending !== undefined && !this.#ring.mpi.test(peer.sent.pending)) yield;
    }
  }

  /** Without that of the peer itself, which would take it for another rank's. */
  #longestWait(peer: Peer, own: number): number {
    return Math.max(own, ...this.#peers.map((one) => (one === peer ? 0 : one.received.words[WAITING]!)));
  }

  #listen(peer: Peer): void {
    const { mpi, comm } = this.#ring;
    peer.received.pending = mpi.receive(peer.received.address, LENGTH * 4, peer.rank, comm);
  }

  /** @returns whether a pulse has arrived */
  #receive(peer: Peer): boolean {
    const { received } = peer;
    let any = false;
    while (received.pending !== undefined && this.#ring.mpi.test(received.pending)) {
      any = true;
      received.pending = undefined;
      if (received.words[STATE] === 2) peer.gone = true;
      else this.#listen(peer);
    }
    return any;
  }

  /** @returns whether the pulse was sent; otherwise the previous one is still in transit */
  #send({ rank, sent }: Peer, state: number, waiting = 0): boolean {
    const { mpi, comm } = this.#ring;
    if (sent.pending !== undefined && !mpi.test(sent.pending)) return false;
    sent.words[STATE] = state;
    sent.words[CLOSING] = this.#closing;
    sent.words[WAITING] = waiting;
    sent.pending = mpi.send(sent.address, LENGTH * 4, rank, comm);
    return true;
  }
}
